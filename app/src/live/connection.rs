//! The browser's side: one `EventSource`, opened again for as long as the request has not ended.
//!
//! The id to go on from is kept here and sent in the address, since every opening is a new
//! `EventSource`, which knows of no id. Everything is closed with the page's owner.

use std::{cell::RefCell, rc::Rc, time::Duration};

use leptos::{leptos_dom::helpers::WindowListenerHandle, prelude::*};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventSource, MessageEvent};

use super::{
    Link, Message, Outcome, Watch,
    clock::ServerClock,
    keeper::{Action, Keeper},
    message::EVENT_NAMES,
};
use crate::browser;

/// How often the page looks at the clock: often enough that no second is skipped.
const TICK: Duration = Duration::from_millis(500);

type OnEvent = Closure<dyn Fn(Event)>;

/// What all handlers share.
struct Stream {
    watch: Watch,
    /// Address of the stream, without the id to go on from.
    address: String,
    source: Option<EventSource>,
    keeper: Keeper,
    clock: ServerClock,
}

/// The handlers of the stream's events; dropped with the page's owner.
struct Handlers {
    on_event: OnEvent,
    on_open: OnEvent,
    on_error: OnEvent,
}

/// Opens the stream of `watch` at `address` and keeps it open until the request ends.
///
/// Only to be called once the page is hydrated: from here on its signals move.
pub(crate) fn keep_true(watch: Watch, address: String) {
    let now_ms = browser::monotonic_ms();
    let stream = Rc::new(RefCell::new(Stream {
        watch,
        address,
        source: None,
        keeper: Keeper::new(now_ms),
        // The server rendered the page just before its first byte came.
        clock: ServerClock::new(watch.now_ms.get_untracked(), browser::response_start_ms()),
    }));
    let handlers = Rc::new(Handlers::new(&stream));
    let act = move |stream: &Rc<RefCell<Stream>>, action| {
        if action == Action::Open {
            stream.borrow_mut().open(&handlers);
        }
    };
    let tick = {
        let (stream, act) = (Rc::clone(&stream), act.clone());
        move || {
            let action = stream.borrow_mut().tick();
            act(&stream, action);
        }
    };
    tick();
    let ticking = set_interval_with_handle(tick, TICK).ok();
    let listen = |event: &str, wake: fn(&mut Keeper, f64) -> Action| {
        let (stream, act) = (Rc::clone(&stream), act.clone());
        window_event_listener_untyped(event, move |_| {
            let action = stream.borrow_mut().with_keeper(wake);
            act(&stream, action);
        })
    };
    let listeners = vec![
        listen("online", Keeper::reopen),
        listen("pageshow", Keeper::wake),
        listen("visibilitychange", Keeper::wake),
    ];
    // Dropped with the owner: the browser's objects must not outlive the signals that they set.
    let open = StoredValue::new_local((stream, ticking, listeners));
    on_cleanup(move || {
        open.try_update_value(|(stream, ticking, listeners)| {
            stream.borrow_mut().close();
            if let Some(ticking) = ticking {
                ticking.clear();
            }
            listeners.drain(..).for_each(WindowListenerHandle::remove);
        });
    });
}

impl Handlers {
    fn new(stream: &Rc<RefCell<Stream>>) -> Self {
        let handler = |handle: fn(&mut Stream, Event)| {
            let stream = Rc::clone(stream);
            OnEvent::new(move |event| handle(&mut stream.borrow_mut(), event))
        };
        Self {
            on_event: handler(Stream::on_event),
            on_open: handler(|stream, _| stream.heard()),
            on_error: handler(|stream, _| stream.on_error()),
        }
    }
}

impl Stream {
    /// Opens the stream after the last known event; what was open before is closed.
    fn open(&mut self, handlers: &Handlers) {
        self.close();
        let id = self.watch.state.with_untracked(super::LiveState::last_event_id);
        let Ok(source) = EventSource::new(&format!("{}?last_event_id={id}", self.address)) else {
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
        let message = Message::parse(&event.type_(), &event.last_event_id(), &data);
        if let Some(server_ms) = message.as_ref().and_then(Message::server_time_ms) {
            self.clock.observe(server_ms, browser::monotonic_ms());
        }
        self.heard();
        let Some(message) = message else { return };
        let now_ms = self.watch.now_ms.get_untracked();
        let mut outcome = Outcome::Ignored;
        self.watch.state.maybe_update(|state| {
            outcome = state.apply(message, now_ms);
            outcome == Outcome::Taken
        });
        if outcome == Outcome::Gap {
            self.close();
            self.with_keeper(|keeper, now_ms| keeper.failed(now_ms, false));
        }
        if self.watch.state.with_untracked(super::LiveState::has_ended) {
            self.close();
            self.with_keeper(|keeper, _| keeper.end());
        }
    }

    fn on_error(&mut self) {
        let Some(source) = &self.source else { return };
        let is_refused = source.ready_state() == EventSource::CLOSED;
        self.close();
        self.with_keeper(|keeper, now_ms| keeper.failed(now_ms, is_refused));
    }

    fn heard(&mut self) {
        self.with_keeper(Keeper::heard);
        self.show_time();
        self.watch.heard_ms.set(self.watch.now_ms.get_untracked());
    }

    fn tick(&mut self) -> Action {
        if self.keeper.link() != Link::Ended {
            self.show_time();
        }
        self.with_keeper(Keeper::tick)
    }

    fn show_time(&self) {
        self.watch.now_ms.set(self.clock.now_ms(browser::monotonic_ms()));
    }

    /// Lets the keeper decide, and shows what became of the connection.
    fn with_keeper<T>(&mut self, decide: impl FnOnce(&mut Keeper, f64) -> T) -> T {
        let answer = decide(&mut self.keeper, browser::monotonic_ms());
        let link = self.keeper.link();
        if self.watch.link.get_untracked() != link {
            self.watch.link.set(link);
        }
        answer
    }
}
