//! Where the work was interrupted and went on.

use leptos::prelude::*;

use crate::{api::Interruption, islands::Moment, live::Watch};

/// The interruptions of this attempt, oldest first. Nothing while there are none.
#[component]
pub(crate) fn Interruptions(
    /// The request.
    watch: Watch,
) -> impl IntoView {
    let words = watch.words;
    let interruptions = watch.memo(|progress| progress.interruptions.clone());
    let row = move |interruption: &Interruption| {
        view! {
            <li class="interruption">
                <Moment at=interruption.at now_ms=watch.now_ms.get_untracked()/>
                " "
                {words.resumption(&interruption.message)}
            </li>
        }
    };
    move || {
        interruptions.with(|interruptions| {
            (!interruptions.is_empty()).then(|| {
                view! {
                    <ol class="interruptions" aria-label=words.interruptions()>
                        {interruptions.iter().map(row).collect_view()}
                    </ol>
                }
            })
        })
    }
}
