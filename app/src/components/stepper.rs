//! Where it is: the six stages, one below the other.

use leptos::prelude::*;

use super::Glyph;
use crate::{
    api::{StageProgress, StageState},
    islands::Moment,
    live::{Link, LiveState, Watch},
    measure,
    words::{self, Words},
};

/// The stages with their states, times and durations.
#[component]
pub(crate) fn Stepper(
    /// The request.
    watch: Watch,
) -> impl IntoView {
    let words = watch.words;
    // The spinner turns only while the server says that something runs, and can say it.
    let is_still = watch.ticking(|state, _| {
        state.degraded.is_some() || words::waits_for(&state.progress).is_some()
    });
    let is_cut_off = move || matches!(watch.link.get(), Link::Reconnecting | Link::Offline);
    let is_still = move || is_still.get() || is_cut_off();
    let stages = watch.state.with_untracked(|state| state.progress.stages.clone());
    view! {
        <ol class="stepper" aria-label=words.stages() data-still=move || is_still().then_some("")>
            {stages.into_iter().map(|stage| view! { <Step watch stage/> }).collect_view()}
        </ol>
    }
}

/// One stage.
#[component]
fn Step(watch: Watch, stage: StageProgress) -> impl IntoView {
    let (key, words) = (stage.stage, watch.words);
    let now = watch.memo(move |progress| {
        let current = progress.stages.iter().find(|other| other.stage == key);
        current.unwrap_or(&stage).clone()
    });
    let state = Memo::new(move |_| now.with(|stage| stage.state));
    let why = watch.ticking(move |state, _| {
        (state.progress.current_stage == key).then(|| why(words, state)).flatten()
    });
    view! {
        <li
            class="step"
            data-stage=words::stage_key(key)
            data-state=move || words::state_key(state.get())
            aria-current=move || (state.get() == StageState::Active).then_some("step")
        >
            <Glyph state/>
            <span class="step-name">
                <span class="step-label">{move || now.with(|stage| words.step_label(stage))}</span>
                " "
                <span class="step-state">{move || now.with(|stage| words.state_words(stage))}" "</span>
            </span>
            <span class="step-times">
                {move || now.with(|stage| view! { <Times watch stage=stage.clone()/> })}
            </span>
            <span class="step-why" hidden=move || why.with(Option::is_none)>{move || why.get()}</span>
        </li>
    }
}

/// When a stage completed and how long it took, or takes, or usually takes.
#[component]
fn Times(watch: Watch, stage: StageProgress) -> impl IntoView {
    let words = watch.words;
    let usually = stage.typical_ms.map(|value| words.usually(value));
    match stage.state {
        StageState::Pending => view! { <span class="step-usual">{usually}</span> }.into_any(),
        StageState::Active => {
            let running = watch.ticking(move |_, now_ms| {
                stage.started_at.map(|started| words::elapsed(measure::since(started, now_ms)))
            });
            view! {
                <span class="step-duration">{move || running.get()}</span>
                " "
                <span class="step-usual">{usually}</span>
            }
            .into_any()
        }
        StageState::Skipped => ().into_any(),
        StageState::Done | StageState::Failed | StageState::Undone => {
            let now_ms = watch.now_ms.get_untracked();
            let duration =
                stage.duration_ms.filter(|&ms| ms > 0).map(|value| words.duration(value));
            let is_kept = stage.state == StageState::Done && stage.completed_at.is_none();
            view! {
                {stage.completed_at.map(|at| view! { <Moment at now_ms/> })}
                {is_kept.then(|| view! { <span class="step-usual">{words.done_before()}</span> })}
                " "
                <span class="step-duration">{duration}</span>
            }
            .into_any()
        }
    }
}

/// What vCenter is doing in the active stage.
fn why(words: Words, state: &LiveState) -> Option<String> {
    let active = measure::active(&state.progress)?;
    let hint = state.hint.as_ref().filter(|hint| hint.stage == active.stage);
    let percent = hint.and_then(|hint| hint.percent);
    let percent = percent.map(|value| words.task_percent(value));
    let details = hint.and_then(|hint| hint.details.clone());
    // Interruptions have a place of their own, where they stay.
    let is_interruption = |told: &String| {
        state.progress.interruptions.iter().any(|interruption| interruption.message == *told)
    };
    let told = state.progress.details.clone();
    let told = told.filter(|told| Some(told) != details.as_ref() && !is_interruption(told));
    let in_words = |text: String| words.told(&text);
    let known = [told.map(in_words), details.map(in_words), percent];
    let known: Vec<_> = known.into_iter().flatten().collect();
    (!known.is_empty()).then(|| known.join(" · "))
}
