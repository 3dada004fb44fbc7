//! What was taken back.

use leptos::prelude::*;

use super::Glyph;
use crate::{
    api::{Stage, StageState, UndoState, UndoStep},
    islands::Moment,
    live::Watch,
    words,
};

/// The steps of the undo, in order, and at the end whether anything is left. Nothing while there are none.
#[component]
pub(crate) fn Undo(
    /// The request.
    watch: Watch,
) -> impl IntoView {
    let undo = watch.memo(|progress| (progress.undo.clone(), words::end_of_undo(progress)));
    let row = move |step: &UndoStep| {
        let (state, word) = match step.state {
            UndoState::Done => ("undone", words::UNDONE),
            UndoState::Failed => ("failed", words::NOT_UNDONE),
        };
        view! {
            <li class="undo-step" data-state=state>
                <Glyph stage=Stage::Created state=Signal::stored(glyph(step.state))/>
                <span class="undo-words">
                    <span class="undo-word">{word}": "</span>
                    <span class="undo-name">{step.step.clone()}</span>
                </span>
                " "
                <Moment at=step.at now_ms=watch.now_ms.get_untracked()/>
            </li>
        }
    };
    move || {
        undo.with(|(steps, end)| {
            (!steps.is_empty()).then(|| {
                let end = end.as_ref().map(|(is_clean, words)| {
                    let state = if *is_clean { StageState::Done } else { StageState::Failed };
                    view! {
                        <li class="undo-step undo-end" data-state=words::state_key(state)>
                            <Glyph stage=Stage::Created state=Signal::stored(state)/>
                            <span class="undo-words">{words.clone()}</span>
                        </li>
                    }
                });
                view! {
                    <ol class="undo" aria-label=words::UNDONE>
                        {steps.iter().map(row).collect_view()}
                        {end}
                    </ol>
                }
            })
        })
    }
}

fn glyph(state: UndoState) -> StageState {
    match state {
        UndoState::Done => StageState::Undone,
        UndoState::Failed => StageState::Failed,
    }
}
