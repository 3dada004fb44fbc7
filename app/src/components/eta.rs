//! The one answer in the largest type: how long still?

use leptos::prelude::*;

use super::Bar;
use crate::{api::Status, live::Watch, measure};

/// How long it will still take, or what became of it; the bar; how long it has taken so far; and what
/// comes of it.
#[component]
pub(crate) fn Eta(
    /// The request.
    watch: Watch,
    /// What came of it.
    children: Children,
) -> impl IntoView {
    let words = watch.words;
    let headline = watch.headline();
    let segments = watch.ticking(|state, now_ms| measure::segments(&state.progress, now_ms));
    let so_far = watch.ticking(move |state, now_ms| {
        let progress = &state.progress;
        let elapsed_ms = measure::elapsed_ms(progress, now_ms)?;
        match progress.status {
            // The answer says it already.
            Status::Ready | Status::Cancelled => None,
            Status::Failed | Status::NeedsAttention => Some(words.after(elapsed_ms)),
            Status::Queued | Status::Provisioning | Status::Undoing => {
                Some(words.so_far(elapsed_ms))
            }
        }
    });
    let source = watch.memo(move |progress| words.source_of_estimate(progress));
    // As told by the server, for programs: what is shown is rounded and counts down.
    let told_ms =
        watch.memo(|progress| progress.estimate.as_ref().map(|estimate| estimate.remaining_ms));
    view! {
        <div class="eta">
            <p class="eta-answer" data-remaining-ms=move || told_ms.get()>
                {move || headline.with(|headline| headline.text.clone())}
            </p>
            <p class="eta-note" hidden=move || headline.with(|headline| headline.note.is_none())>
                {move || headline.with(|headline| headline.note.clone())}
            </p>
            <Bar segments/>
            <p class="eta-facts" hidden=move || so_far.with(Option::is_none) && source.with(Option::is_none)>
                <span class="elapsed">{move || so_far.get()}</span>
                <span>{move || source.get()}</span>
            </p>
            {children()}
        </div>
    }
}
