//! What the board asks of the server, since no event says it: the list anew, how many requests there are,
//! how the queue has moved, and everything while a stream cannot be had.
//!
//! One question about rows at a time, of so many rows each; nothing is asked for a page that is not seen.

use std::{collections::VecDeque, rc::Rc};

use leptos::{prelude::*, task::spawn_local};
use uuid::Uuid;

use super::{super::in_address, Shared, Stream, want_frame};
use crate::{
    backend::{ASKED_ROWS_MAX, BoardPage, ListedRequest},
    browser,
    live::Link,
};

/// Ticks between two questions how many requests there are, while something happens.
const TICKS_PER_TALLY: u32 = 20;
/// Ticks between two questions how many are before those that wait, while something happens.
const TICKS_PER_QUEUE: u32 = 4;
/// Ticks until the list is asked for again, when the answer did not come.
const TICKS_PER_RELOAD: u32 = 4;

/// What the server is still to be asked.
#[derive(Debug, Default)]
pub(super) struct Questions {
    /// Something has happened since the requests were counted.
    is_tally_old: bool,
    /// Something has happened since the queue was asked for.
    is_queue_old: bool,
    /// What is shown is not what the server has: the tick at which it is asked for.
    pub(super) reload_at: Option<u32>,
    /// Rows that nothing was heard of for a while, since a stream cannot be had.
    pub(super) stale: VecDeque<Uuid>,
    is_asking_for_rows: bool,
}

impl Questions {
    pub(super) fn something_happened(&mut self) {
        (self.is_tally_old, self.is_queue_old) = (true, true);
    }
}

/// Asks for the list instead of listening: where a stream cannot be had, this is what the page lives on.
/// Rows beyond the first page are asked for by their ids, some with every tick, and then anew. Events of
/// which nobody asks here come when the stream can be had again, from the id that is kept.
pub(super) fn poll(stream: &Shared) {
    let board = stream.borrow().board;
    let address = format!("/ui/board?{}", in_address(&board.query(), None));
    let stream = Rc::clone(stream);
    spawn_local(async move {
        let page = browser::read_json::<BoardPage>(&address).await;
        let mut inner = stream.borrow_mut();
        if inner.handlers.is_none() {
            return;
        }
        let is_answered = page.is_some();
        if let Some(page) = page {
            inner.clock.observe(page.server_time.epoch_ms(), browser::monotonic_ms());
            board.tally.set(page.tally);
            if inner.questions.stale.is_empty() {
                inner.questions.stale = board.order.get_untracked().iter().copied().collect();
            }
            for listed in page.rows {
                inner.keep(listed);
            }
            inner.questions.something_happened();
            inner.heard();
        }
        inner.with_keeper(|keeper, now_ms| keeper.polled(now_ms, is_answered));
        drop(inner);
        want_frame(&stream);
    });
}

/// Asks the server for what the stream does not say.
pub(super) fn ask_again(stream: &Shared) {
    ask_for_rows(stream);
    let Some(is_reload) = stream.borrow_mut().wants_page() else { return };
    let board = stream.borrow().board;
    let limit = if is_reload { "" } else { "&limit=1" };
    let address = format!("/ui/board?{}{limit}", in_address(&board.query(), None));
    let stream = Rc::clone(stream);
    spawn_local(async move {
        let Some(page) = browser::read_json::<BoardPage>(&address).await else { return };
        if is_reload {
            let mut inner = stream.borrow_mut();
            inner.questions.reload_at = None;
            inner.news.clear();
            inner.sweep.clear();
            drop(inner);
            board.replace(page);
        } else {
            board.tally.set(page.tally);
        }
    });
}

/// Asks how some rows are now.
fn ask_for_rows(stream: &Shared) {
    let Some(ids) = stream.borrow_mut().wants_rows() else { return };
    let ids: Vec<_> = ids.iter().map(|id| id.simple().to_string()).collect();
    let address = format!("/ui/board/rows?ids={}", ids.join(","));
    let stream = Rc::clone(stream);
    spawn_local(async move {
        let rows = browser::read_json::<Vec<ListedRequest>>(&address).await;
        let mut inner = stream.borrow_mut();
        inner.questions.is_asking_for_rows = false;
        if inner.handlers.is_none() {
            return;
        }
        for listed in rows.into_iter().flatten() {
            inner.keep(listed);
        }
        drop(inner);
        want_frame(&stream);
    });
}

impl Stream {
    /// Whether a page is to be asked for now: the list anew, or only how many requests there are.
    fn wants_page(&mut self) -> Option<bool> {
        if self.questions.reload_at.is_some_and(|at| self.ticks >= at) {
            self.questions.reload_at = Some(self.ticks + TICKS_PER_RELOAD);
            return Some(true);
        }
        let is_due = self.ticks.is_multiple_of(TICKS_PER_TALLY) && self.questions.is_tally_old;
        let is_first_page = self.board.query().after.is_none();
        if is_due && is_first_page && !document().hidden() {
            self.questions.is_tally_old = false;
            return Some(false);
        }
        None
    }

    /// The rows to ask for now: those that nothing was heard of, else those in view that wait in a queue
    /// that has moved.
    fn wants_rows(&mut self) -> Option<Vec<Uuid>> {
        if self.questions.is_asking_for_rows || document().hidden() {
            return None;
        }
        let stale = self.questions.stale.len().min(ASKED_ROWS_MAX);
        let mut ids: Vec<Uuid> = self.questions.stale.drain(..stale).collect();
        let is_due = self.ticks.is_multiple_of(TICKS_PER_QUEUE) && self.questions.is_queue_old;
        if ids.is_empty() && is_due && self.board.link.get_untracked() != Link::Offline {
            self.questions.is_queue_old = false;
            ids = self.board.queued((self.screen.rows_above)(), ASKED_ROWS_MAX);
        }
        self.questions.is_asking_for_rows = !ids.is_empty();
        (!ids.is_empty()).then_some(ids)
    }
}
