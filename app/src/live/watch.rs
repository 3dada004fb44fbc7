//! The signals that the components of one request's page read.

use leptos::prelude::*;

use super::{Link, LiveState};
use crate::{
    api::{Progress, StageEvent, Timestamp},
    backend::{Finished, RequestDetail},
    measure,
    words::{self, Words},
};

/// One request, as it is watched. Rendered once by the server, then moved on by the stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watch {
    /// The page's words.
    pub(crate) words: Words,
    /// What is known.
    pub(crate) state: RwSignal<LiveState>,
    /// Now by the server's clock, in milliseconds since 1970. Stands still until the page is hydrated.
    pub(crate) now_ms: RwSignal<i64>,
    /// When the server was heard last, by its own clock.
    pub(crate) heard_ms: RwSignal<i64>,
    /// The state of the connection.
    pub(crate) link: RwSignal<Link>,
    /// The finished VM. Progress does not carry it, so it is asked for once the request is ready.
    pub(crate) finished: RwSignal<Option<Finished>>,
}

impl Watch {
    /// The signals as the server rendered them.
    pub(crate) fn new(detail: &RequestDetail) -> Self {
        let state = LiveState::new(detail);
        let now_ms = detail.progress.server_time.map_or(0, Timestamp::epoch_ms);
        let link = if state.has_ended() { Link::Ended } else { Link::Rendered };
        Self {
            words: Words::of_page(),
            state: RwSignal::new(state),
            now_ms: RwSignal::new(now_ms),
            heard_ms: RwSignal::new(now_ms),
            link: RwSignal::new(link),
            finished: RwSignal::new(detail.finished.clone()),
        }
    }

    /// The signals of a page that shows one moment of the past, and nothing that the stream says.
    pub(crate) fn of_past(event: &StageEvent) -> Self {
        let now_ms = event.at.epoch_ms();
        Self {
            words: Words::of_page(),
            state: RwSignal::new(LiveState::of_past(event)),
            now_ms: RwSignal::new(now_ms),
            heard_ms: RwSignal::new(now_ms),
            link: RwSignal::new(Link::Ended),
            finished: RwSignal::new(None),
        }
    }

    /// A value that follows the progress, and changes only when it itself changes.
    pub(crate) fn memo<T>(self, read: impl Fn(&Progress) -> T + Send + Sync + 'static) -> Memo<T>
    where
        T: PartialEq + Send + Sync + 'static,
    {
        Memo::new(move |_| self.state.with(|state| read(&state.progress)))
    }

    /// A value that follows the progress and the server's clock.
    pub(crate) fn ticking<T>(
        self,
        read: impl Fn(&LiveState, i64) -> T + Send + Sync + 'static,
    ) -> Memo<T>
    where
        T: PartialEq + Send + Sync + 'static,
    {
        Memo::new(move |_| {
            let now_ms = self.now_ms.get();
            self.state.with(|state| read(state, now_ms))
        })
    }

    /// The answer in the largest type.
    pub(crate) fn headline(self) -> Memo<words::Remaining> {
        let words = self.words;
        self.ticking(move |state, now_ms| {
            words.headline(&state.progress, state.estimate_as_of_ms, now_ms)
        })
    }

    /// Whether it takes longer than usual.
    pub(crate) fn is_slow(self) -> Memo<bool> {
        self.ticking(|state, now_ms| measure::is_slow(&state.progress, now_ms))
    }
}
