//! What the board asks of the server, since no event says it: the list anew, how many requests there are,
//! how the queue has moved, and everything while a stream cannot be had.
//!
//! One question about rows at a time, of so many rows each; nothing is asked for a page that is not seen.

use std::{collections::VecDeque, rc::Rc};

use leptos::{prelude::*, task::spawn_local};
use uuid::Uuid;

use super::{
    super::{LiveBoard, in_address},
    Inner, Shared, want_frame,
};
use crate::{
    backend::{ASKED_ROWS_MAX, BoardPage, ListedRequest},
    browser,
    live::{Answer, Link},
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
    /// Rows of which the server is to be asked, since nothing may have been heard of them for a while.
    pub(super) stale: VecDeque<Uuid>,
    is_asking_for_rows: bool,
    /// How many rows lay above what was in view when the queue was asked for.
    asked_above: usize,
}

impl Questions {
    pub(super) fn something_happened(&mut self) {
        (self.is_tally_old, self.is_queue_old) = (true, true);
    }
}

/// Asks for the list instead of listening: where a stream cannot be had, this is what the page lives on, and
/// a tab that joins catches up by it. Rows beyond the first page are asked for by their ids, some with every
/// tick, and then anew. Events of which nobody asks here come when the stream can be had again, from the id
/// that is kept.
pub(super) async fn poll(stream: Shared) -> Answer {
    let (board, turn) = (stream.borrow().board, stream.borrow().turn);
    let address = page_address(board);
    let page = browser::read_json::<BoardPage>(&address).await;
    let Some(page) = page.filter(|_| !stream.borrow().is_left) else { return Answer::None };
    let mut inner = stream.borrow_mut();
    board.tally.set(page.tally);
    board.degraded.set(page.degraded);
    let is_catching_up = !inner.is_leader && !inner.is_in_step && inner.turn == turn;
    if is_catching_up || inner.questions.stale.is_empty() {
        inner.questions.stale = board.order.get_untracked().iter().copied().collect();
        let is_answered = |id: &Uuid| page.rows.iter().any(|listed| listed.request.id == *id);
        inner.questions.stale.retain(|id| !is_answered(id));
    }
    if is_catching_up {
        // A whole page of new requests: perhaps there are more, which would never come.
        let is_new = |listed: &ListedRequest| !board.knows(listed.request.id);
        if page.next.is_some() && page.rows.iter().all(is_new) {
            inner.questions.reload_at = Some(inner.ticks);
        }
        // What came since the question was heard.
        inner.is_in_step = true;
        inner.last_event_id = page.last_event_id;
    }
    for listed in page.rows {
        inner.keep(listed);
    }
    inner.questions.something_happened();
    drop(inner);
    want_frame(&stream);
    Answer::Taken(page.server_time.epoch_ms())
}

/// The address of what this page shows at first.
fn page_address(board: LiveBoard) -> String {
    let query = board.query();
    format!("/ui/board?{}", in_address(&query, query.after.as_deref()))
}

/// Asks the server for what the stream does not say.
pub(super) fn ask_again(stream: &Shared) {
    ask_for_rows(stream);
    let Some(is_reload) = stream.borrow_mut().wants_page() else { return };
    let (board, asked) = (stream.borrow().board, stream.borrow().questions.reload_at);
    let limit = if is_reload { "" } else { "&limit=1" };
    let address = page_address(board) + limit;
    let stream = Rc::clone(stream);
    spawn_local(async move {
        let page = browser::read_json::<BoardPage>(&address).await;
        let Some(page) = page.filter(|_| !stream.borrow().is_left) else { return };
        if is_reload {
            let mut inner = stream.borrow_mut();
            // It may be wanted once more by now.
            inner.questions.reload_at = inner.questions.reload_at.filter(|at| Some(*at) != asked);
            inner.sweep.clear();
            drop(inner);
            board.replace(page);
            want_frame(&stream);
        } else {
            board.tally.set(page.tally);
        }
    });
}

/// Asks how some rows are now.
fn ask_for_rows(stream: &Shared) {
    let Some(ids) = stream.borrow_mut().wants_rows() else { return };
    let simple: Vec<_> = ids.iter().map(|id| id.simple().to_string()).collect();
    let address = format!("/ui/board/rows?ids={}", simple.join(","));
    let stream = Rc::clone(stream);
    spawn_local(async move {
        let rows = browser::read_json::<Vec<ListedRequest>>(&address).await;
        let mut inner = stream.borrow_mut();
        inner.questions.is_asking_for_rows = false;
        if inner.is_left {
            return;
        }
        if rows.is_none() {
            inner.questions.stale.extend(ids);
        }
        for listed in rows.into_iter().flatten() {
            inner.keep(listed);
        }
        drop(inner);
        want_frame(&stream);
    });
}

impl Inner {
    /// Whether a page is to be asked for now: the list anew, or only how many requests there are.
    fn wants_page(&mut self) -> Option<bool> {
        if self.questions.reload_at.is_some_and(|at| self.ticks >= at) {
            self.questions.reload_at = Some(self.ticks + TICKS_PER_RELOAD);
            self.news.clear();
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
        if self.questions.is_asking_for_rows || document().hidden() || !self.can_be_answered() {
            return None;
        }
        let stale = self.questions.stale.len().min(ASKED_ROWS_MAX);
        let mut ids: Vec<Uuid> = self.questions.stale.drain(..stale).collect();
        let is_due = self.ticks.is_multiple_of(TICKS_PER_QUEUE);
        if ids.is_empty() && is_due {
            let above = (self.screen.rows_above)();
            // Rows that have come into view meanwhile were not asked for.
            let has_moved = std::mem::replace(&mut self.questions.asked_above, above) != above;
            if std::mem::take(&mut self.questions.is_queue_old) || has_moved {
                ids = self.board.queued(above, ASKED_ROWS_MAX);
            }
        }
        self.questions.is_asking_for_rows = !ids.is_empty();
        (!ids.is_empty()).then_some(ids)
    }

    /// Whether the server is there, and its database too.
    fn can_be_answered(&self) -> bool {
        matches!(self.board.link.get_untracked(), Link::Live | Link::Polling)
            && self.board.degraded.with_untracked(Option::is_none)
    }
}
