//! What a screen reader is told while the page moves.

use leptos::prelude::*;

use crate::live::Watch;

/// A live region that speaks the stage when it changes, and nothing else. Silent until then: a region
/// that is inserted with its content is not announced, and ticking numbers would never stop.
#[component]
pub(crate) fn Announcer(
    /// The request.
    watch: Watch,
) -> impl IntoView {
    let words = watch.words;
    let current = watch.memo(move |progress| words.announcement(progress));
    let spoken = RwSignal::new(String::new());
    Effect::new(move |before: Option<Option<String>>| {
        let now = current.get();
        match (before.flatten(), &now) {
            (Some(before), Some(words)) if before != *words => spoken.set(words.clone()),
            (before, None) => return before,
            _ => {}
        }
        now
    });
    view! {
        <p class="visually-hidden" role="status" data-announcer="">{move || spoken.get()}</p>
    }
}
