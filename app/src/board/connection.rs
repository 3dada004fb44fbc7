//! The browser's side of the board: one `EventSource`, opened again for as long as the page is there.
//!
//! What comes is kept until the browser draws its next frame, the newest of each request, and then taken at
//! once; while a page is not seen, that is when it is seen again. Rows that change with time are looked at
//! once a second, so many a frame.

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    rc::Rc,
    time::Duration,
};

use leptos::{leptos_dom::helpers::WindowListenerHandle, prelude::*, task::spawn_local};
use uuid::Uuid;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventSource, MessageEvent};

use self::asking::{Questions, ask_again, poll};
use super::LiveBoard;
use crate::{
    api::{BoardEvent, BoardPing, Degraded},
    backend::ListedRequest,
    browser::{self, locks},
    live::{Keeper, ServerClock, StreamTodo, Todo, places},
};

mod asking;

/// Where the stream is.
const STREAM: &str = "/api/requests/events";
/// How often the connection is looked at: often enough that no second is skipped.
const TICK: Duration = Duration::from_millis(500);
/// Ticks between two looks at the rows that change with time.
const TICKS_PER_SWEEP: u32 = 2;
/// Rows that are looked at in one frame: some hundred microseconds.
const SWEEP_ROWS: usize = 200;
/// Events that are taken in one frame.
const TAKE_ROWS: usize = 200;
/// Requests of which news is kept until the next frame; of more, the list is rather loaded again.
const NEWS_MAX: usize = 5_000;

/// The events that a page of the board takes.
const EVENT_NAMES: [&str; 13] = [
    "stage",
    "retry",
    "resumed",
    "undo",
    "attempt",
    "ready",
    "failed",
    "cancelled",
    "needs_attention",
    "slow",
    "degraded",
    "reset",
    "ping",
];

type OnEvent = Closure<dyn Fn(Event)>;

/// What is asked of the screen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    /// Whether new rows may come in now without moving what is read.
    pub(crate) may_show: fn() -> bool,
    /// How many rows lie above what is in view.
    pub(crate) rows_above: fn() -> usize,
}

/// What all handlers share.
struct Stream {
    board: LiveBoard,
    source: Option<EventSource>,
    /// Of the stream's events. They hold this value; none once the page is left.
    handlers: Option<Handlers>,
    /// One of the few connections that a browser has for streams.
    place: Option<locks::Hold>,
    is_finding_place: bool,
    keeper: Keeper,
    clock: ServerClock,
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

type Shared = Rc<RefCell<Stream>>;

/// The handlers of the stream's events; dropped with the page's owner.
struct Handlers {
    on_event: OnEvent,
    on_open: OnEvent,
    on_error: OnEvent,
}

/// Keeps the board true.
///
/// Only to be called once the page is hydrated: from here on its signals move.
pub(crate) fn keep_true(board: LiveBoard, last_event_id: String, screen: Screen) {
    let now_ms = browser::monotonic_ms();
    let stream = Rc::new(RefCell::new(Stream {
        board,
        source: None,
        handlers: None,
        place: None,
        is_finding_place: false,
        keeper: Keeper::new(now_ms),
        // The server rendered the page just before its first byte came.
        clock: ServerClock::new(board.now_ms.get_untracked(), browser::response_start_ms()),
        last_event_id,
        news: HashMap::new(),
        sweep: VecDeque::new(),
        is_frame_wanted: false,
        ticks: 0,
        questions: Questions::default(),
        screen,
    }));
    let handlers = Handlers::new(&stream);
    stream.borrow_mut().handlers = Some(handlers);
    let tick = {
        let stream = Rc::clone(&stream);
        move || {
            let todo = stream.borrow_mut().tick();
            act(&stream, todo);
            want_frame(&stream);
            ask_again(&stream);
        }
    };
    tick();
    let ticking = set_interval_with_handle(tick, TICK).ok();
    let listen = |event: &str, wake: fn(&mut Keeper, f64) -> Todo| {
        let stream = Rc::clone(&stream);
        window_event_listener_untyped(event, move |_| {
            let todo = stream.borrow_mut().with_keeper(wake);
            act(&stream, todo);
        })
    };
    let network = |keeper: &mut Keeper, now_ms| keeper.network(now_ms, browser::is_online());
    let listeners = vec![
        listen("online", network),
        listen("offline", network),
        listen("pageshow", Keeper::wake),
        listen("visibilitychange", Keeper::wake),
    ];
    // Dropped with the owner: the browser's objects must not outlive the signals that they set.
    let open = StoredValue::new_local((stream, ticking, listeners));
    on_cleanup(move || {
        open.try_update_value(|(stream, ticking, listeners)| {
            stream.borrow_mut().end();
            if let Some(ticking) = ticking {
                ticking.clear();
            }
            listeners.drain(..).for_each(WindowListenerHandle::remove);
        });
    });
}

/// Does what the keeper has decided.
fn act(stream: &Shared, todo: Todo) {
    match todo.stream {
        StreamTodo::Keep => {}
        StreamTodo::Open => open(stream),
        StreamTodo::Close => stream.borrow_mut().close(),
    }
    if todo.poll {
        poll(stream);
    }
}

/// Opens the stream after the last id, once there is a connection for it; what was open before is closed.
fn open(stream: &Shared) {
    let mut inner = stream.borrow_mut();
    inner.close();
    if inner.place.is_some() || !locks::are_here() {
        inner.open();
    } else if !std::mem::replace(&mut inner.is_finding_place, true) {
        let stream = Rc::clone(stream);
        spawn_local(async move {
            let place = places::find().await;
            let mut inner = stream.borrow_mut();
            inner.is_finding_place = false;
            match place {
                // The page has been left meanwhile.
                _ if inner.handlers.is_none() => {}
                None => inner.with_keeper(Keeper::crowded),
                place => {
                    inner.place = place;
                    inner.open();
                }
            }
        });
    }
}

/// Asks for the next frame of the screen, once, when there is anything to do in it.
fn want_frame(stream: &Shared) {
    {
        let mut inner = stream.borrow_mut();
        let has_work = !inner.news.is_empty() || !inner.sweep.is_empty();
        if inner.is_frame_wanted || !has_work {
            return;
        }
        inner.is_frame_wanted = true;
    }
    let stream = Rc::clone(stream);
    request_animation_frame(move || {
        stream.borrow_mut().frame();
        want_frame(&stream);
    });
}

impl Handlers {
    fn new(stream: &Shared) -> Self {
        let handler = |handle: fn(&mut Stream, Event)| {
            let stream = Rc::clone(stream);
            OnEvent::new(move |event| {
                handle(&mut stream.borrow_mut(), event);
                want_frame(&stream);
            })
        };
        Self {
            on_event: handler(Stream::on_event),
            on_open: handler(|stream, _| {
                stream.with_keeper(Keeper::opened);
                // What was missed comes by itself.
                stream.questions.stale.clear();
                stream.heard();
            }),
            on_error: handler(|stream, _| stream.on_error()),
        }
    }
}

impl Stream {
    /// Opens the stream after the last id.
    fn open(&mut self) {
        let address = format!("{STREAM}?last_event_id={}", self.last_event_id);
        let opened = EventSource::new(&address).ok().zip(self.handlers.as_ref());
        let Some((source, handlers)) = opened else {
            self.with_keeper(|keeper, now_ms| keeper.failed(now_ms, true));
            return;
        };
        source.set_onopen(Some(handlers.on_open.as_ref().unchecked_ref()));
        source.set_onerror(Some(handlers.on_error.as_ref().unchecked_ref()));
        for name in EVENT_NAMES {
            let listener = handlers.on_event.as_ref().unchecked_ref();
            // Fails only for a null listener, which this is not.
            drop(source.add_event_listener_with_callback(name, listener));
        }
        self.source = Some(source);
    }

    /// The page is left.
    fn end(&mut self) {
        self.close();
        self.keeper.end();
        (self.handlers, self.place) = (None, None);
    }

    fn close(&mut self) {
        if let Some(source) = self.source.take() {
            source.set_onopen(None);
            source.set_onerror(None);
            source.close();
        }
    }

    fn on_event(&mut self, event: Event) {
        let event: MessageEvent = event.unchecked_into();
        // Named events of a closed source may still be queued.
        if self.source.is_none() {
            return;
        }
        let data = event.data().as_string().unwrap_or_default();
        match event.type_().as_str() {
            "ping" => {
                if let Ok(ping) = serde_json::from_str::<BoardPing>(&data) {
                    self.clock.observe(ping.server_time.epoch_ms(), browser::monotonic_ms());
                }
                self.board.degraded.set(None);
            }
            "degraded" => {
                let degraded = serde_json::from_str::<Degraded>(&data).ok();
                self.board.degraded.set(degraded.map(|degraded| degraded.reason));
            }
            "reset" => self.questions.reload_at = Some(self.ticks),
            _ => {
                if let Ok(event) = serde_json::from_str::<BoardEvent>(&data) {
                    let BoardEvent { at, request, mut progress, .. } = event;
                    // When its estimate was true.
                    progress.server_time = Some(at);
                    self.questions.something_happened();
                    self.keep(ListedRequest { request, progress });
                }
            }
        }
        let id = event.last_event_id();
        if !id.is_empty() {
            self.last_event_id = id;
        }
        self.with_keeper(Keeper::said);
        self.heard();
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

    /// What is done in one frame of the screen.
    fn frame(&mut self) {
        self.is_frame_wanted = false;
        let ids: Vec<Uuid> = self.news.keys().take(TAKE_ROWS).copied().collect();
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

    /// A source can be closed for good without an error that we hear of.
    fn notice_closed_source(&mut self) {
        if self.source.as_ref().is_some_and(|source| source.ready_state() == EventSource::CLOSED) {
            self.on_error();
        }
    }

    fn on_error(&mut self) {
        let Some(source) = &self.source else { return };
        let is_refused = source.ready_state() == EventSource::CLOSED;
        self.close();
        self.with_keeper(|keeper, now_ms| keeper.failed(now_ms, is_refused));
    }

    fn heard(&self) {
        self.show_time();
        self.board.heard_ms.set(self.board.now_ms.get_untracked());
    }

    fn tick(&mut self) -> Todo {
        self.notice_closed_source();
        self.ticks = self.ticks.wrapping_add(1);
        self.show_time();
        if self.ticks.is_multiple_of(TICKS_PER_SWEEP) && self.sweep.is_empty() {
            self.sweep.extend(self.board.living());
        }
        self.with_keeper(Keeper::tick)
    }

    fn show_time(&self) {
        self.board.now_ms.set(self.clock.now_ms(browser::monotonic_ms()));
    }

    /// Lets the keeper decide, and shows what became of the connection.
    fn with_keeper<T>(&mut self, decide: impl FnOnce(&mut Keeper, f64) -> T) -> T {
        let answer = decide(&mut self.keeper, browser::monotonic_ms());
        let link = self.keeper.link();
        if self.board.link.get_untracked() != link {
            self.board.link.set(link);
        }
        answer
    }
}
