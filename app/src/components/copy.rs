//! A button that copies.

use leptos::prelude::*;

use crate::{viewer::Viewer, words::Words};

/// How long the button says that it has.
#[cfg(feature = "hydrate")]
const SAID: std::time::Duration = std::time::Duration::from_secs(4);

/// Copies a text. Only there where a browser can do it: the text beside it can always be selected.
#[component]
pub(crate) fn Copy(
    /// What is copied.
    #[prop(optional)]
    text: String,
    /// The address of what is copied, when the text is not on the page.
    #[prop(optional)]
    source: Option<String>,
    /// What it is, for those who cannot see what the button stands beside.
    what: &'static str,
) -> impl IntoView {
    let words = Words::of_page();
    let viewer = Viewer::of_island();
    let is_copied = RwSignal::new(false);
    let copy = move |_| {
        #[cfg(feature = "hydrate")]
        {
            let (text, source) = (text.clone(), source.clone());
            leptos::task::spawn_local(async move {
                let text = match source {
                    Some(source) => crate::browser::read_text(&source).await,
                    None => Some(text),
                };
                let Some(text) = text else { return };
                is_copied.set(crate::browser::copy(&text).await);
                let over = move || {
                    is_copied.try_set(false);
                };
                set_timeout(over, SAID);
            });
        }
        #[cfg(not(feature = "hydrate"))]
        let _unused = (&text, &source, is_copied);
    };
    let can_copy = move || {
        #[cfg(feature = "hydrate")]
        let can = crate::browser::has_clipboard();
        #[cfg(not(feature = "hydrate"))]
        let can = false;
        viewer.is_here() && can
    };
    view! {
        <button type="button" class="button copy" hidden=move || !can_copy() on:click=copy>
            {move || if is_copied.get() { words.copied() } else { words.copy() }}
            <span class="visually-hidden">{what}</span>
        </button>
        <span class="visually-hidden" role="status">
            {move || is_copied.get().then_some(words.copied())}
        </span>
    }
}
