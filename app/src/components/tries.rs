//! The tries of an attempt that failed and were repeated.

use leptos::prelude::*;

use crate::{api::Try, islands::Moment, live::Watch, words::Words};

/// The failed tries of this attempt. Nothing while there are none.
#[component]
pub(crate) fn Tries(
    /// The request.
    watch: Watch,
) -> impl IntoView {
    let words = watch.words;
    let tries = watch.memo(|progress| (progress.tries.clone(), progress.tries_before));
    move || tries.with(|(tries, before)| list(words, tries, *before, watch.now_ms.get_untracked()))
}

/// Each with when, where and why it failed, and how long it was until the next one.
pub(super) fn list(
    words: Words,
    tries: &[Try],
    before: u32,
    now_ms: i64,
) -> Option<impl IntoView + use<>> {
    let row = |failed: &Try| {
        view! {
            <li class="try">
                <Moment at=failed.at now_ms/>
                " "
                {words.failed_try(failed)}
            </li>
        }
    };
    (!tries.is_empty()).then(|| {
        let before =
            (before > 0).then(|| view! { <li class="try-more">{words.more_tries(before)}</li> });
        view! {
            <ol class="tries" aria-label=words.failed_tries()>
                {before}
                {tries.iter().map(row).collect_view()}
            </ol>
        }
    })
}
