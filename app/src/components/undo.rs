//! What was taken back.

use leptos::prelude::*;

use crate::{
    api::{UndoState, UndoStep},
    islands::Moment,
    live::Watch,
};

/// The steps of the undo, in order. Nothing while there are none.
#[component]
pub(crate) fn Undo(
    /// The request.
    watch: Watch,
) -> impl IntoView {
    let steps = watch.memo(|progress| progress.undo.clone());
    let row = move |step: &UndoStep| {
        let (state, word) = match step.state {
            UndoState::Done => ("done", "Undone"),
            UndoState::Failed => ("failed", "Could not be undone"),
        };
        view! {
            <li class="undo-step" data-state=state>
                <span class="undo-word">{word}": "</span>
                <span class="undo-name">{step.step.clone()}</span>
                " "
                <Moment at=step.at now_ms=watch.now_ms.get_untracked()/>
            </li>
        }
    };
    move || {
        steps.with(|steps| {
            (!steps.is_empty()).then(|| {
                view! {
                    <ol class="undo" aria-label="Undone">{steps.iter().map(row).collect_view()}</ol>
                }
            })
        })
    }
}
