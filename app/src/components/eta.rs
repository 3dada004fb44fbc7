//! The one answer in the largest type: how long still?

use leptos::prelude::*;

use super::Bar;
use crate::{live::Watch, measure, words};

/// How long it will still take, or what became of it; the bar; how long it has taken so far.
#[component]
pub(crate) fn Eta(
    /// The request.
    watch: Watch,
) -> impl IntoView {
    let headline = watch.headline();
    let segments = watch.ticking(|state, now_ms| measure::segments(&state.progress, now_ms));
    let so_far = watch.ticking(|state, now_ms| {
        let progress = &state.progress;
        let elapsed_ms = measure::elapsed_ms(progress, now_ms)?;
        Some(if progress.status.has_ended() {
            format!("{} in all", words::duration(elapsed_ms))
        } else {
            format!("{} so far", words::elapsed(elapsed_ms))
        })
    });
    let source = watch.memo(words::source_of_estimate);
    // As told by the server, for programs: what is shown is rounded and counts down.
    let told_ms = watch.memo(|progress| progress.estimate.map(|estimate| estimate.remaining_ms));
    view! {
        <div class="eta">
            <p class="eta-answer" data-remaining-ms=move || told_ms.get()>
                {move || headline.with(|headline| headline.text.clone())}
            </p>
            <p class="eta-note" hidden=move || headline.with(|headline| headline.note.is_none())>
                {move || headline.with(|headline| headline.note.clone())}
            </p>
            <Bar segments/>
            <p class="eta-facts">
                <span class="elapsed">{move || so_far.get()}</span>
                <span>{move || source.get()}</span>
            </p>
        </div>
    }
}
