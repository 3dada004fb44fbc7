//! Earlier attempts of the same request.

use leptos::prelude::*;

use super::{Glyph, tries};
use crate::{
    api::{Attempt, StageProgress},
    islands::Moment,
    live::Watch,
    words::{self, Words},
};

/// Earlier attempts, oldest first, each with its own lane of stages: what became of it, why, which
/// tries failed before, and what was left behind.
/// Nothing while there are none.
#[component]
pub(crate) fn Attempts(
    /// The request.
    watch: Watch,
) -> impl IntoView {
    let words = watch.words;
    let attempts = watch.memo(move |progress| {
        let with_facts =
            |attempt: &Attempt| (attempt.clone(), words.attempt_facts(progress, attempt));
        progress.attempts.iter().map(with_facts).collect::<Vec<_>>()
    });
    let row = move |(attempt, facts): &(Attempt, Vec<String>)| {
        let now_ms = watch.now_ms.get_untracked();
        let reason = attempt.failure.as_ref().map(|failure| words.told(&failure.reason));
        let end = words.end_of_attempt(attempt);
        let stages = attempt.stages.iter().map(|one| stage(one, words)).collect_view();
        view! {
            <li class="attempt">
                <p class="attempt-head">
                    <span class="attempt-name">{words.attempt_name(attempt)}</span>
                    " "
                    <span class="attempt-times">
                        {attempt.started_at.map(|at| view! { <Moment at now_ms/> " – " })}
                        {attempt.ended_at.map(|at| view! { <Moment at now_ms/> })}
                    </span>
                </p>
                <p class="attempt-facts">{facts.join(" · ")}</p>
                {reason.map(|reason| view! { <p class="attempt-reason">{reason}</p> })}
                <ol class="lane" aria-label=words.stages_of_attempt(attempt.attempt)>
                    {stages}
                </ol>
                {tries::list(words, &attempt.tries, attempt.tries_before, now_ms)}
                {end.map(|(is_clean, said)| {
                    view! { <p class="attempt-end" data-clean=is_clean.then_some("")>{said}</p> }
                })}
            </li>
        }
    };
    move || {
        attempts.with(|attempts| {
            (!attempts.is_empty()).then(|| {
                let rows = attempts.iter().map(row).collect_view();
                view! {
                    <section class="attempts" aria-label=words.earlier_attempts()>
                        <h2>{words.earlier_attempts()}</h2>
                        <ol class="attempt-list">{rows}</ol>
                    </section>
                }
            })
        })
    }
}

/// One stage of a lane.
fn stage(stage: &StageProgress, words: Words) -> impl IntoView + use<> {
    let duration = stage.duration_ms.filter(|&ms| ms > 0).map(|value| words.duration(value));
    let word = words.state_words(stage);
    view! {
        <li class="lane-stage" data-state=words::state_key(stage.state)>
            <Glyph state=Signal::stored(stage.state)/>
            <span class="lane-name">
                {words.stage_label(stage.stage)}
                <span class="visually-hidden">" "{word}</span>
            </span>
            " "
            <span class="lane-duration">{duration}</span>
        </li>
    }
}
