//! What a page has to know and do so that a connection can keep it true.

use std::{future::Future, pin::Pin};

use leptos::prelude::*;

use super::super::{EventId, Link, ServerClock, share::Said};
use crate::browser;

/// The signals of a connection that a page shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signs {
    /// Now by the server's clock, in milliseconds since 1970.
    pub(crate) now_ms: RwSignal<i64>,
    /// When the server was heard last, by its own clock.
    pub(crate) heard_ms: RwSignal<i64>,
    /// The state of the connection.
    pub(crate) link: RwSignal<Link>,
}

impl Signs {
    pub(super) fn show_time(self, clock: &ServerClock) {
        self.now_ms.set(clock.now_ms(browser::monotonic_ms()));
    }

    /// The server was heard just now.
    pub(crate) fn heard(self, clock: &ServerClock) {
        self.show_time(clock);
        self.heard_ms.set(self.now_ms.get_untracked());
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The page is true.
    Taken,
    /// It is, and tabs that come later want to know this too.
    Hint,
    /// Something before it is missing.
    Gap,
    /// Nothing more will come.
    Ended,
}

/// What came of a question.
#[derive(Debug)]
pub(crate) enum Answer {
    /// None came.
    None,
    /// The page has taken it; this is the server's time in it, in milliseconds since 1970.
    Taken(i64),
    /// It is to be taken like a message of the stream, by the other tabs too.
    Said(Said),
}

/// A question under way.
pub(crate) type Asking = Pin<Box<dyn Future<Output = Answer>>>;

/// A page that a connection keeps true. It is never called by two callers at once.
pub(crate) trait Page {
    /// Tabs of the same name share a stream.
    fn name(&self) -> String;

    /// What it shows of the connection.
    fn signs(&self) -> Signs;

    /// Every event name that it listens for: `EventSource` has no "any event".
    fn event_names(&self) -> &'static [&'static str];

    /// Where the stream is, after what is known.
    fn stream(&self) -> String;

    /// The place to go on from.
    fn last(&self) -> EventId;

    /// Takes a message, from the stream or from the tab that has it; says by the signs that it was heard.
    fn hear(&self, said: &Said, clock: &mut ServerClock) -> Heard;

    /// Whether the leading tab, which is at this place, knows more: then the server is asked.
    fn is_behind(&self, leader: &EventId) -> bool;

    /// Asks the server once for what the stream would say.
    fn ask(&self) -> Asking;

    /// From here on this tab has the stream, or another one.
    fn has_role(&self, _is_leader: bool) {}

    /// The stream is open: what was missed comes by itself.
    fn opened(&self) {}

    /// Twice a second; whether the server is to be asked now.
    fn tick(&self) -> bool {
        false
    }

    /// The message said that nothing more will come.
    fn ended(&self, _is_leader: bool) {}

    /// Nothing more is heard, and its signals may be gone.
    fn left(&self) {}
}
