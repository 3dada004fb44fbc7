//! The browser's side of the list: what is heard, by whichever tab has the stream, and what is asked.
//!
//! All tabs of a browser share one stream, whatever each of them shows: it is unfiltered. A tab that joins
//! may have missed what was passed on before it listened, so it asks once; from then on it is in step, and
//! the place that it was told last is where it goes on from, should it get the stream itself.
//!
//! What comes is kept until the browser draws its next frame, the newest of each request, and then taken at
//! once; while a page is not seen, that is when it is seen again. Rows that change with time are looked at
//! once a second, so many a frame.

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    rc::Rc,
};

use leptos::prelude::*;
use uuid::Uuid;

use self::asking::{Questions, ask_again, poll};
use super::LiveBoard;
use crate::{
    api::{BoardEvent, BoardPing, Degraded},
    backend::ListedRequest,
    browser,
    live::{Asking, EventId, Heard, Link, Page, Said, ServerClock, Signs, connect},
};

mod asking;

/// Where the stream is.
const STREAM: &str = "/api/requests/events";
/// Ticks between two looks at the rows that change with time.
const TICKS_PER_SWEEP: u32 = 2;
/// Ticks between two questions of a tab that cannot live on what the leading one passes on.
const TICKS_PER_POLL: u32 = 6;
/// Rows that are looked at in one frame: some hundred microseconds.
const SWEEP_ROWS: usize = 200;
/// Events that are taken in one frame.
const TAKE_ROWS: usize = 200;
/// Requests of which news is kept until the next frame; of more, the list is rather loaded again.
const NEWS_MAX: usize = 5_000;

/// The events that a page of the board takes.
const EVENT_NAMES: [&str; 12] = [
    "stage",
    "retry",
    "resumed",
    "undo",
    "attempt",
    "ready",
    "failed",
    "cancelled",
    "needs_attention",
    "degraded",
    "reset",
    "ping",
];

/// What is asked of the screen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    /// Whether new rows may come in now without moving what is read.
    pub(crate) may_show: fn() -> bool,
    /// How many rows lie above what is in view.
    pub(crate) rows_above: fn() -> usize,
}

/// What this tab knows beyond its signals.
struct Inner {
    board: LiveBoard,
    /// Its signals are gone.
    is_left: bool,
    /// The stream is here.
    is_leader: bool,
    /// Rises whenever this tab gets the stream or loses it.
    turn: u32,
    /// Everything that was passed on since [`Self::last_event_id`] was heard.
    is_in_step: bool,
    /// The id to go on from.
    last_event_id: String,
    /// The newest of each request since the last frame.
    news: HashMap<Uuid, ListedRequest>,
    /// Rows that are still to be looked at in this sweep.
    sweep: VecDeque<Uuid>,
    is_frame_wanted: bool,
    ticks: u32,
    /// What the server is still to be asked.
    questions: Questions,
    screen: Screen,
}

type Shared = Rc<RefCell<Inner>>;

/// Keeps the board true.
///
/// Only to be called once the page is hydrated: from here on its signals move.
pub(crate) fn keep_true(board: LiveBoard, last_event_id: String, screen: Screen) {
    let inner = Inner {
        board,
        is_left: false,
        is_leader: false,
        turn: 0,
        is_in_step: false,
        last_event_id,
        news: HashMap::new(),
        sweep: VecDeque::new(),
        is_frame_wanted: false,
        ticks: 0,
        questions: Questions::default(),
        screen,
    };
    // The server rendered the page just before its first byte came.
    connect(Rc::new(RefCell::new(inner)), browser::response_start_ms());
}

impl Page for Shared {
    fn name(&self) -> String {
        STREAM.to_owned()
    }

    fn signs(&self) -> Signs {
        let LiveBoard { now_ms, heard_ms, link, .. } = self.borrow().board;
        Signs { now_ms, heard_ms, link }
    }

    fn event_names(&self) -> &'static [&'static str] {
        &EVENT_NAMES
    }

    fn stream(&self) -> String {
        format!("{STREAM}?last_event_id={}", self.borrow().last_event_id)
    }

    fn last(&self) -> EventId {
        EventId::parse(&self.borrow().last_event_id).unwrap_or_default()
    }

    fn hear(&self, said: &Said, clock: &mut ServerClock) -> Heard {
        self.borrow_mut().hear(said, clock);
        self.signs().heard(clock);
        want_frame(self);
        Heard::Taken
    }

    fn is_behind(&self, leader: &EventId) -> bool {
        // The same place is no proof for a tab that joins: events of later places may have been told, too.
        let is_in_step = self.borrow().is_in_step && !self.last().is_behind(leader);
        self.borrow_mut().is_in_step = is_in_step;
        !is_in_step
    }

    fn ask(&self) -> Asking {
        Box::pin(poll(Rc::clone(self)))
    }

    fn has_role(&self, is_leader: bool) {
        let mut inner = self.borrow_mut();
        (inner.is_leader, inner.is_in_step) = (is_leader, false);
        inner.turn += 1;
    }

    fn opened(&self) {
        self.borrow_mut().questions.stale.clear();
    }

    fn tick(&self) -> bool {
        let must_ask = self.borrow_mut().tick();
        want_frame(self);
        ask_again(self);
        must_ask
    }

    fn left(&self) {
        self.borrow_mut().is_left = true;
    }
}

/// Asks for the next frame of the screen, once, when there is anything to do in it.
fn want_frame(stream: &Shared) {
    {
        let mut inner = stream.borrow_mut();
        let has_work = inner.has_news() || !inner.sweep.is_empty();
        if inner.is_frame_wanted || !has_work {
            return;
        }
        inner.is_frame_wanted = true;
    }
    let stream = Rc::clone(stream);
    request_animation_frame(move || {
        if stream.borrow().is_left {
            return;
        }
        stream.borrow_mut().frame();
        want_frame(&stream);
    });
}

impl Inner {
    fn hear(&mut self, said: &Said, clock: &mut ServerClock) {
        match said.name.as_str() {
            "ping" => {
                if let Ok(ping) = serde_json::from_str::<BoardPing>(&said.data) {
                    clock.observe(ping.server_time.epoch_ms(), browser::monotonic_ms());
                }
                self.board.degraded.set(None);
            }
            "degraded" => {
                let degraded = serde_json::from_str::<Degraded>(&said.data).ok();
                self.board.degraded.set(degraded.map(|degraded| degraded.reason));
            }
            "reset" => self.questions.reload_at = Some(self.ticks),
            _ => {
                if let Ok(event) = serde_json::from_str::<BoardEvent>(&said.data) {
                    let BoardEvent { at, request, mut progress, .. } = event;
                    // When its estimate was true.
                    progress.server_time = Some(at);
                    self.questions.something_happened();
                    self.keep(ListedRequest { request, progress });
                }
            }
        }
        if !said.id.is_empty() && (self.is_leader || self.is_in_step) {
            self.last_event_id.clone_from(&said.id);
        }
    }

    /// Keeps what is now known of a request until the next frame.
    fn keep(&mut self, listed: ListedRequest) {
        let id = listed.request.id;
        let age = |listed: &ListedRequest| (listed.progress.seq, listed.progress.server_time);
        if self.news.get(&id).is_none_or(|known| age(known) < age(&listed)) {
            self.news.insert(id, listed);
        }
        if self.news.len() > NEWS_MAX {
            self.news.clear();
            self.questions.reload_at = Some(self.ticks);
        }
    }

    /// Whether there is anything to take. What comes while the list is asked for anew is newer than the
    /// answer may be, and taken after it.
    fn has_news(&self) -> bool {
        !self.news.is_empty() && self.questions.reload_at.is_none()
    }

    /// What is done in one frame of the screen.
    fn frame(&mut self) {
        self.is_frame_wanted = false;
        let count = if self.has_news() { TAKE_ROWS } else { 0 };
        let ids: Vec<Uuid> = self.news.keys().take(count).copied().collect();
        let news: Vec<_> = ids.iter().filter_map(|id| self.news.remove(id)).collect();
        // What waits already goes on waiting: the person was told so, and may be about to click.
        let has_waited = self.board.waiting.get_untracked().0 > 0;
        self.board.take(news.into_iter());
        if !has_waited && self.board.waiting.get_untracked().0 > 0 && (self.screen.may_show)() {
            self.board.show_waiting();
        }
        for id in self.sweep.drain(..self.sweep.len().min(SWEEP_ROWS)) {
            self.board.refresh(id);
        }
    }

    /// Whether this tab has to ask now, since what the leading one passes on is not enough.
    fn tick(&mut self) -> bool {
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(TICKS_PER_SWEEP) && self.sweep.is_empty() {
            self.sweep.extend(self.board.living());
        }
        let must_ask = match self.board.link.get_untracked() {
            Link::Live => !self.is_in_step,
            Link::Polling => true,
            Link::Rendered | Link::Reconnecting | Link::Offline | Link::Ended => false,
        };
        must_ask && !self.is_leader && self.ticks.is_multiple_of(TICKS_PER_POLL)
    }
}
