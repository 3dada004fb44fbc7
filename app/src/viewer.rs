//! Whether the page is still as the server rendered it, or the reader's own browser has taken over.
//!
//! The first client render must equal the server's, so everything that only a browser knows (locale,
//! time zone, clipboard) waits for [`Viewer::is_here`].

use leptos::prelude::*;

use crate::words;

/// Who reads the page, as far as it may be known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Viewer {
    is_here: RwSignal<bool>,
}

impl Viewer {
    /// The viewer of this island: here as soon as it is hydrated.
    pub(crate) fn of_island() -> Self {
        use_context().unwrap_or_else(|| {
            let viewer = Self { is_here: RwSignal::new(false) };
            provide_context(viewer);
            // Effects run in browsers only, and only after hydration.
            Effect::new(move |_| viewer.is_here.set(true));
            viewer
        })
    }

    /// Whether the page is hydrated.
    pub(crate) fn is_here(self) -> bool {
        self.is_here.get()
    }

    /// A moment: in UTC as rendered by the server, then in the reader's locale and zone.
    pub(crate) fn moment(self, at_ms: i64, now_ms: i64) -> String {
        #[cfg(feature = "hydrate")]
        if self.is_here() {
            return crate::browser::moment(at_ms, now_ms);
        }
        words::utc(at_ms, now_ms)
    }

    /// A moment with its date and zone.
    pub(crate) fn moment_full(self, at_ms: i64) -> String {
        #[cfg(feature = "hydrate")]
        if self.is_here() {
            return crate::browser::moment_full(at_ms);
        }
        words::utc_full(at_ms)
    }
}
