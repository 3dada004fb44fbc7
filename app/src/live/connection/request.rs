//! The page of one request, for a connection.

use std::cell::Cell;

use leptos::prelude::*;

use super::{
    super::{
        EventId, LiveState, Message, Outcome, ServerClock, Watch, message::EVENT_NAMES, share::Said,
    },
    Answer, Asking, Heard, Page, Signs, connect,
};
use crate::{api::Links, browser};

/// A request's place in the queue is asked for with every so many ticks, which come twice a second: no
/// event of its own says that others before it have gone.
const TICKS_PER_QUEUE: u32 = 10;

struct Request<F> {
    watch: Watch,
    links: Links,
    on_end: F,
    ticks: Cell<u32>,
}

/// Keeps `watch` true until its request ends; `on_end` is called in one tab of the browser when it does.
///
/// Only to be called once the page is hydrated: from here on its signals move. What `watch` says of now
/// was true at `known_at_ms` of the browser's own clock.
pub(crate) fn keep_true(
    watch: Watch,
    links: Links,
    known_at_ms: f64,
    on_end: impl Fn(&LiveState) + 'static,
) {
    connect(Request { watch, links, on_end, ticks: Cell::new(0) }, known_at_ms);
}

impl<F: Fn(&LiveState)> Page for Request<F> {
    fn name(&self) -> String {
        self.links.this.clone()
    }

    fn signs(&self) -> Signs {
        let Watch { now_ms, heard_ms, link, .. } = self.watch;
        Signs { now_ms, heard_ms, link }
    }

    fn event_names(&self) -> &'static [&'static str] {
        &EVENT_NAMES
    }

    fn stream(&self) -> String {
        let id = self.watch.state.with_untracked(LiveState::last_event_id);
        format!("{}?last_event_id={id}", self.links.events)
    }

    fn last(&self) -> EventId {
        self.watch.state.with_untracked(|state| state.last.clone())
    }

    fn hear(&self, said: &Said, clock: &mut ServerClock) -> Heard {
        let message = Message::parse(&said.name, &said.id, &said.data);
        if let Some(server_ms) = message.as_ref().and_then(Message::server_time_ms) {
            clock.observe(server_ms, browser::monotonic_ms());
        }
        self.signs().heard(clock);
        let Some(message) = message else { return Heard::Taken };
        let is_hint = matches!(message, Message::Live(_));
        let now_ms = self.watch.now_ms.get_untracked();
        let mut outcome = Outcome::Ignored;
        self.watch.state.maybe_update(|state| {
            outcome = state.apply(message, now_ms);
            outcome == Outcome::Taken
        });
        if self.watch.state.with_untracked(LiveState::has_ended) {
            return Heard::Ended;
        }
        match outcome {
            Outcome::Gap => Heard::Gap,
            Outcome::Taken | Outcome::Ignored if is_hint => Heard::Hint,
            Outcome::Taken | Outcome::Ignored => Heard::Taken,
        }
    }

    fn is_behind(&self, leader: &EventId) -> bool {
        self.watch.state.with_untracked(|state| state.is_behind(leader))
    }

    fn ask(&self) -> Asking {
        let address = self.links.progress.clone();
        Box::pin(async move {
            let answer = browser::progress(&address).await;
            answer.map_or(Answer::None, |(id, data)| {
                Answer::Said(Said { name: "snapshot".to_owned(), id, data })
            })
        })
    }

    fn tick(&self) -> bool {
        self.ticks.set(self.ticks.get().wrapping_add(1));
        self.ticks.get().is_multiple_of(TICKS_PER_QUEUE)
            && self.watch.state.with_untracked(LiveState::is_in_queue)
            && browser::is_visible()
    }

    fn ended(&self, is_leader: bool) {
        if is_leader {
            self.watch.state.with_untracked(|state| (self.on_end)(state));
        }
    }
}
