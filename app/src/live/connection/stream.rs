//! What one tab knows and has of its page's stream. Nothing here waits.

use std::rc::Rc;

use leptos::prelude::*;
use web_sys::{BroadcastChannel, EventSource};

use super::super::{
    Link,
    clock::{ServerClock, SleepWatch},
    keeper::Keeper,
    share::{Follower, Word},
};
use super::{Page, Signs};
use crate::browser::{self, locks};

/// This tab's part.
#[derive(Debug)]
pub(super) enum Role {
    /// Another tab may have the stream.
    Following(Follower),
    /// The stream is here.
    Leading(Keeper),
}

/// What all handlers share.
pub(super) struct Stream {
    pub(super) page: Rc<dyn Page>,
    pub(super) signs: Signs,
    pub(super) role: Role,
    /// Between the tabs of this page; none where a browser has none, or no locks.
    pub(super) channel: Option<BroadcastChannel>,
    pub(super) source: Option<EventSource>,
    /// The lead among the tabs of this page, and which of several that were held it is.
    pub(super) lead: Option<(locks::Hold, u32)>,
    pub(super) leads: u32,
    /// The stream's place among those of this browser.
    pub(super) place: Option<locks::Hold>,
    pub(super) is_finding_place: bool,
    pub(super) is_polling: bool,
    pub(super) is_closed: bool,
    pub(super) clock: ServerClock,
    pub(super) sleep: SleepWatch,
    /// What tabs that come later want to know.
    pub(super) hint: Option<Word>,
    /// What other tabs were told last.
    pub(super) told: Option<Link>,
}

impl Stream {
    pub(super) fn close(&mut self) {
        if let Some(source) = self.source.take() {
            source.set_onopen(None);
            source.set_onerror(None);
            source.close();
        }
    }

    /// Nothing more will come, and one tab says so beyond its page.
    pub(super) fn end_well(&mut self) {
        self.page.ended(matches!(self.role, Role::Leading(_)));
        self.end();
        self.signs.link.set(Link::Ended);
    }

    pub(super) fn end(&mut self) {
        self.close();
        self.is_closed = true;
        self.page.left();
        if let Role::Leading(keeper) = &mut self.role {
            keeper.end();
        }
        (self.lead, self.place) = (None, None);
        if let Some(channel) = self.channel.take() {
            channel.set_onmessage(None);
            channel.close();
        }
    }

    pub(super) fn on_error(&mut self) {
        let Some(source) = &self.source else { return };
        let is_refused = source.ready_state() == EventSource::CLOSED;
        self.close();
        if let Role::Leading(keeper) = &mut self.role {
            keeper.failed(browser::monotonic_ms(), is_refused);
        }
        self.show_link();
    }

    /// A source can be closed for good without an error that we hear of.
    pub(super) fn notice_closed_source(&mut self) {
        if self.source.as_ref().is_some_and(|source| source.ready_state() == EventSource::CLOSED) {
            self.on_error();
        }
    }

    pub(super) fn heard(&mut self) {
        self.signs.heard(&self.clock);
    }

    pub(super) fn show_time(&self) {
        self.signs.show_time(&self.clock);
    }

    /// Shows what became of the connection, and tells the other tabs.
    pub(super) fn show_link(&mut self) {
        if self.is_closed {
            return;
        }
        let link = match &self.role {
            Role::Leading(keeper) => keeper.link(),
            Role::Following(follower) => follower.link(),
        };
        if self.signs.link.get_untracked() != link {
            self.signs.link.set(link);
        }
        if matches!(self.role, Role::Leading(_)) && self.told != Some(link) {
            self.say_link();
        }
    }

    pub(super) fn say_link(&mut self) {
        let Role::Leading(keeper) = &self.role else { return };
        let link = keeper.link();
        let silent_ms = self.signs.now_ms.get_untracked() - self.signs.heard_ms.get_untracked();
        let silent_ms = u32::try_from(silent_ms.max(0)).unwrap_or(u32::MAX);
        let last = self.page.last();
        self.told = Some(link);
        self.say(&Word::Link { link, last, silent_ms });
    }

    pub(super) fn say(&self, word: &Word) {
        if let Some(channel) = &self.channel {
            // Fails only when the channel is closed, and then nobody is to be told.
            drop(channel.post_message(&word.to_string().into()));
        }
    }
}
