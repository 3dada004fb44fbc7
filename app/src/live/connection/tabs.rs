//! Which tab has the stream, and what the tabs say to each other.

use leptos::{prelude::*, task::spawn_local};

use super::super::{
    Link,
    keeper::Keeper,
    share::{Follower, Said, Word},
};
use super::{Heard, Tab, stream::Role};
use crate::browser::{self, locks};

impl Tab {
    /// Waits for the lead among the tabs of this page, takes it, and gives it up when it is taken.
    pub(super) fn seek_lead(self, how: locks::How) {
        spawn_local(async move {
            let Some((hold, held)) = locks::acquire(&self.name, how).await else {
                // A browser that has locks and gives none: then this tab is on its own.
                if how == locks::How::InTurn {
                    self.stream.borrow_mut().channel = None;
                    self.lead(None);
                }
                return;
            };
            let lead = self.lead(Some(hold));
            let is_lost = !held.ends().await;
            if is_lost {
                self.follow(lead);
            }
        });
    }

    /// Takes the lead, and tells which one it is.
    pub(super) fn lead(&self, hold: Option<locks::Hold>) -> u32 {
        let mut stream = self.stream.borrow_mut();
        stream.leads += 1;
        let number = stream.leads;
        if stream.is_closed {
            return number;
        }
        let now_ms = browser::monotonic_ms();
        let heir = match &stream.role {
            Role::Leading(_) => return number,
            Role::Following(follower) => follower.link(),
        };
        stream.role = Role::Leading(match heir {
            Link::Rendered => Keeper::new(now_ms),
            link @ (Link::Live
            | Link::Reconnecting
            | Link::Polling
            | Link::Offline
            | Link::Ended) => {
                Keeper::heir(now_ms, now_ms, link == Link::Live, browser::is_online())
            }
        });
        stream.lead = hold.map(|hold| (hold, number));
        self.page.has_role(true);
        drop(stream);
        self.tick();
        number
    }

    /// Another tab has taken this lead.
    pub(super) fn follow(self, number: u32) {
        let mut stream = self.stream.borrow_mut();
        if stream.is_closed || stream.lead.as_ref().is_none_or(|(_, lead)| *lead != number) {
            return;
        }
        stream.close();
        (stream.lead, stream.place) = (None, None);
        stream.role = Role::Following(Follower::new(browser::monotonic_ms()));
        self.page.has_role(false);
        drop(stream);
        self.clone().seek_lead(locks::How::InTurn);
        self.tick();
    }

    /// Takes a message of the server, from whichever tab, and passes it on if this one leads.
    pub(super) fn take(&self, said: Said) {
        let mut stream = self.stream.borrow_mut();
        let is_leader = matches!(stream.role, Role::Leading(_));
        let heard = self.page.hear(&said, &mut stream.clock);
        if is_leader {
            let word = Word::Said(said);
            stream.say(&word);
            if heard == Heard::Hint {
                stream.hint = Some(word);
            }
        }
        match (heard, &mut stream.role) {
            (Heard::Taken | Heard::Hint, _) => {}
            (Heard::Ended, _) => stream.end_well(),
            (Heard::Gap, Role::Leading(keeper)) => {
                keeper.failed(browser::monotonic_ms(), false);
                stream.close();
            }
            (Heard::Gap, Role::Following(_)) => {
                drop(stream);
                self.poll();
            }
        }
    }

    /// Another tab says something.
    pub(super) fn on_word(&self, word: Word) {
        let now_ms = browser::monotonic_ms();
        let mut stream = self.stream.borrow_mut();
        if stream.is_closed {
            return;
        }
        match (word, &mut stream.role) {
            (Word::Ask, Role::Leading(_)) => {
                // The browser slows the clock of a tab in the background; a question does not wait.
                drop(stream);
                self.tick();
                let mut stream = self.stream.borrow_mut();
                stream.say_link();
                if let Some(hint) = stream.hint.clone() {
                    stream.say(&hint);
                }
            }
            (Word::Link { link, last, silent_ms }, Role::Following(follower)) => {
                follower.told(now_ms, link);
                stream.show_link();
                stream.show_time();
                let heard_ms = stream.signs.now_ms.get_untracked() - i64::from(silent_ms);
                let heard = stream.signs.heard_ms;
                heard.set(heard.get_untracked().max(heard_ms));
                let is_behind = self.page.is_behind(&last);
                drop(stream);
                if is_behind {
                    self.poll();
                }
            }
            (Word::Said(said), Role::Following(follower)) => {
                follower.heard(now_ms);
                drop(stream);
                self.take(said);
            }
            (Word::Ask, Role::Following(_))
            | (Word::Link { .. } | Word::Said(_), Role::Leading(_)) => {}
        }
    }
}
