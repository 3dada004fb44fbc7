//! What was taken back.

use leptos::prelude::*;

use super::Glyph;
use crate::{
    api::{StageState, UndoState, UndoStep},
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
    let words = watch.words;
    let undo = watch.memo(move |progress| (progress.undo.clone(), words.end_of_undo(progress)));
    let row = move |step: &UndoStep| {
        let (state, word) = match step.state {
            UndoState::Done => ("undone", words.undone()),
            UndoState::Failed => ("failed", words.not_undone()),
        };
        view! {
            <li class="undo-step" data-state=state>
                <Glyph state=Signal::stored(glyph(step.state))/>
                <span class="undo-words">
                    <span class="undo-word">{word}": "</span>
                    <span class="undo-name">{words.told(&step.step)}</span>
                </span>
                " "
                <Moment at=step.at now_ms=watch.now_ms.get_untracked()/>
            </li>
        }
    };
    move || {
        undo.with(|(steps, end)| {
            (!steps.is_empty()).then(|| {
                let end = end.as_ref().map(|(is_clean, said)| {
                    let state = if *is_clean { StageState::Done } else { StageState::Failed };
                    view! {
                        <li class="undo-step undo-end" data-state=words::state_key(state)>
                            <Glyph state=Signal::stored(state)/>
                            <span class="undo-words">{said.clone()}</span>
                        </li>
                    }
                });
                view! {
                    <ol class="undo" aria-label=words.undone()>
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
