//! Whether this page can be trusted: the connection, in one line.

use leptos::prelude::*;

use crate::{live::Watch, viewer::Viewer, words};

/// `Live, event 5, 2 s ago`, `reconnecting, last known 12:04:31` or `Ended 12:10:14`.
#[component]
pub(crate) fn Liveness(
    /// The request.
    watch: Watch,
    /// The address of the history page.
    history: String,
) -> impl IntoView {
    let words = watch.words;
    let viewer = Viewer::of_island();
    let seq = watch.memo(|progress| progress.seq);
    let ended_at = watch.memo(|progress| progress.ended_at);
    let degraded = watch.ticking(|state, _| state.degraded.clone());
    let line = move || {
        let (now_ms, heard_ms) = (watch.now_ms.get(), watch.heard_ms.get());
        let said = words::Said {
            seq: seq.get(),
            heard_at: viewer.moment(heard_ms, now_ms),
            ago_ms: u64::try_from(now_ms - heard_ms).unwrap_or(0),
            degraded: degraded.get(),
            ended_at: ended_at.get().map(|at| viewer.moment(at.epoch_ms(), now_ms)),
        };
        words.liveness(watch.link.get(), &said)
    };
    view! {
        <p
            class="liveness"
            data-link=move || watch.link.get().as_str()
            data-degraded=move || degraded.with(Option::is_some).then_some("")
        >
            <span class="liveness-line" title=move || words.liveness_meaning(watch.link.get())>
                <span class="liveness-words">{line}</span>
            </span>
            <span class="visually-hidden" role="status">
                {move || words.liveness_spoken(watch.link.get())}
            </span>
            <a href=history>{words.history()}</a>
        </p>
    }
}
