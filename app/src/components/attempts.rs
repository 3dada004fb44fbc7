//! Earlier attempts of the same request.

use leptos::prelude::*;

use crate::{api::Attempt, islands::Moment, live::Watch};

/// Earlier attempts, oldest first: what became of each, and why. Nothing while there are none.
#[component]
pub(crate) fn Attempts(
    /// The request.
    watch: Watch,
) -> impl IntoView {
    let attempts = watch.memo(|progress| progress.attempts.clone());
    let row = move |attempt: &Attempt| {
        let now_ms = watch.now_ms.get_untracked();
        let reason = attempt.failure.as_ref().map(|failure| format!(": {}", failure.reason));
        view! {
            <li class="attempt">
                <span class="attempt-name">"Attempt "{attempt.attempt}</span>
                " "
                <span>{attempt.outcome.label()}{reason}</span>
                " "
                {attempt.ended_at.map(|at| view! { <Moment at now_ms/> })}
            </li>
        }
    };
    move || {
        attempts.with(|attempts| {
            (!attempts.is_empty()).then(|| {
                let rows = attempts.iter().map(row).collect_view();
                view! {
                    <section class="attempts">
                        <h2>"Earlier attempts"</h2>
                        <ol>{rows}</ol>
                    </section>
                }
            })
        })
    }
}
