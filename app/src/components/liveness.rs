//! Whether this page can be trusted: the connection, in one line.

use leptos::prelude::*;

use crate::{
    live::{Link, Watch},
    viewer::Viewer,
    words,
};

/// `Live, event 5, 2 s ago`, `reconnecting, last known 12:04:31` or `Ended 12:10:14`.
#[component]
pub(crate) fn Liveness(
    /// The request.
    watch: Watch,
    /// The address of the history page.
    history: String,
) -> impl IntoView {
    let viewer = Viewer::of_island();
    let seq = watch.memo(|progress| progress.seq);
    let ended_at = watch.memo(|progress| progress.ended_at);
    let degraded = watch.ticking(|state, _| state.degraded.clone());
    let heard = move || viewer.moment(watch.heard_ms.get(), watch.now_ms.get());
    let ago = move || {
        words::elapsed(u64::try_from(watch.now_ms.get() - watch.heard_ms.get()).unwrap_or(0))
    };
    let line = move || match (watch.link.get(), degraded.get()) {
        (Link::Rendered, _) => format!("Event {}, as of {}", seq.get(), heard()),
        (Link::Reconnecting, _) => format!("reconnecting, last known {}", heard()),
        (Link::Live, Some(reason)) => format!("Connected, but {reason}"),
        (Link::Live, None) => format!("Live, event {}, {} ago", seq.get(), ago()),
        (Link::Ended, _) => match ended_at.get() {
            Some(at) => format!("Ended {}", viewer.moment(at.epoch_ms(), watch.now_ms.get())),
            None => "Ended".to_owned(),
        },
    };
    let state = move || match watch.link.get() {
        Link::Rendered => "rendered",
        Link::Live => "live",
        Link::Reconnecting => "reconnecting",
        Link::Ended => "ended",
    };
    let spoken = move || match watch.link.get() {
        Link::Reconnecting => "Connection lost, reconnecting",
        Link::Rendered | Link::Live | Link::Ended => "",
    };
    view! {
        <p class="liveness" data-link=state>
            <span class="liveness-line" title="When the server was heard last, by its own clock">
                <span class="liveness-words">{line}</span>
            </span>
            <span class="visually-hidden" role="status">{spoken}</span>
            <a href=history>"History"</a>
        </p>
    }
}
