//! The browser's side: one `EventSource` for all tabs of a request, opened again for as long as the
//! request has not ended.
//!
//! The id to go on from is kept here and sent in the address, since every opening is a new
//! `EventSource`, which knows of no id. Everything is closed with the page's owner.

use std::{cell::RefCell, rc::Rc, time::Duration};

use leptos::{leptos_dom::helpers::WindowListenerHandle, prelude::*, task::spawn_local};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{BroadcastChannel, Event, EventSource, MessageEvent};

use super::{
    EventId, Link, LiveState, Message, Outcome, Watch,
    clock::{ServerClock, SleepWatch},
    keeper::{self, Keeper, Todo},
    message::EVENT_NAMES,
    places,
    share::{Errand, Follower, Word},
};
use crate::{
    api::Links,
    browser::{self, locks},
};

/// How often the page looks at the clock: often enough that no second is skipped.
const TICK: Duration = Duration::from_millis(500);

type OnEvent = Closure<dyn Fn(Event)>;

/// What the page does beyond its signals.
type OnEnd = Box<dyn Fn(&LiveState)>;

/// This tab's part.
#[derive(Debug)]
enum Role {
    /// Another tab may have the stream.
    Following(Follower),
    /// The stream is here.
    Leading(Keeper),
}

/// What all handlers share.
struct Stream {
    watch: Watch,
    role: Role,
    /// Between the tabs of this request; none where a browser has none, or no locks.
    channel: Option<BroadcastChannel>,
    source: Option<EventSource>,
    /// The lead among the tabs of this request, and which of several that were held it is.
    lead: Option<(locks::Hold, u32)>,
    leads: u32,
    /// The stream's place among those of this browser.
    place: Option<locks::Hold>,
    is_finding_place: bool,
    is_polling: bool,
    is_closed: bool,
    clock: ServerClock,
    sleep: SleepWatch,
    /// What vCenter reported last, for tabs that come later.
    hint: Option<Word>,
    /// What other tabs were told last.
    told: Option<Link>,
    on_end: OnEnd,
}

/// A handle on it, for everything that happens later.
#[derive(Clone)]
struct Tab {
    stream: Rc<RefCell<Stream>>,
    handlers: Rc<RefCell<Option<Handlers>>>,
    links: Rc<Links>,
}

/// The handlers of the stream's events; dropped with the page's owner.
struct Handlers {
    on_event: OnEvent,
    on_open: OnEvent,
    on_error: OnEvent,
    on_word: OnEvent,
}

/// Keeps `watch` true until its request ends; `on_end` is called in one tab of the browser when it does.
///
/// Only to be called once the page is hydrated: from here on its signals move.
pub(crate) fn keep_true(watch: Watch, links: Links, on_end: impl Fn(&LiveState) + 'static) {
    let now_ms = browser::monotonic_ms();
    let request = links.this.clone();
    let channel = locks::are_here()
        .then(|| BroadcastChannel::new(&format!("stagewatch:{request}")).ok())
        .flatten();
    let role = match channel {
        Some(_) => Role::Following(Follower::new(now_ms)),
        None => Role::Leading(Keeper::new(now_ms)),
    };
    let stream = Stream {
        watch,
        role,
        channel,
        source: None,
        lead: None,
        leads: 0,
        place: None,
        is_finding_place: false,
        is_polling: false,
        is_closed: false,
        // The server rendered the page just before its first byte came.
        clock: ServerClock::new(watch.now_ms.get_untracked(), browser::response_start_ms()),
        sleep: SleepWatch::new(browser::wall_ms(), now_ms),
        hint: None,
        told: None,
        on_end: Box::new(on_end),
    };
    let tab = Tab {
        stream: Rc::new(RefCell::new(stream)),
        handlers: Rc::default(),
        links: Rc::new(links),
    };
    let handlers = Handlers::new(&tab);
    if let Some(channel) = &tab.stream.borrow().channel {
        channel.set_onmessage(Some(handlers.on_word.as_ref().unchecked_ref()));
    }
    *tab.handlers.borrow_mut() = Some(handlers);
    tab.begin();
}

impl Tab {
    /// Looks at the clock from now on, and at what the browser says.
    fn begin(self) {
        if self.stream.borrow().channel.is_some() {
            self.clone().seek_lead(locks::How::InTurn);
        }
        self.tick();
        let ticking = {
            let tab = self.clone();
            set_interval_with_handle(move || tab.tick(), TICK).ok()
        };
        let listen = |event: &'static str, act: fn(&Self)| {
            let tab = self.clone();
            window_event_listener_untyped(event, move |_| act(&tab))
        };
        let listeners = vec![
            listen("online", Self::network),
            listen("offline", Self::network),
            listen("pageshow", Self::wake),
            listen("visibilitychange", Self::wake),
        ];
        // Dropped with the owner: the browser's objects must not outlive the signals that they set.
        let open = StoredValue::new_local((self, ticking, listeners));
        on_cleanup(move || {
            open.try_update_value(|(tab, ticking, listeners)| {
                tab.stream.borrow_mut().end();
                tab.handlers.borrow_mut().take();
                if let Some(ticking) = ticking {
                    ticking.clear();
                }
                listeners.drain(..).for_each(WindowListenerHandle::remove);
            });
        });
    }

    fn tick(&self) {
        let (slept, is_over) = {
            let mut stream = self.stream.borrow_mut();
            let slept = stream.sleep.slept(browser::wall_ms(), browser::monotonic_ms());
            stream.notice_closed_source();
            if !stream.is_closed {
                stream.show_time();
            }
            (slept, stream.is_closed)
        };
        if is_over {
            return;
        }
        if slept {
            self.rouse();
        }
        let now_ms = browser::monotonic_ms();
        let mut stream = self.stream.borrow_mut();
        match &mut stream.role {
            Role::Leading(keeper) => {
                let todo = keeper.tick(now_ms);
                stream.show_link();
                drop(stream);
                self.act(todo);
            }
            Role::Following(follower) => {
                let errand = follower.tick(now_ms);
                stream.show_link();
                match errand {
                    Errand::None => {}
                    Errand::Ask => stream.say(&Word::Ask),
                    Errand::TakeOver => {
                        drop(stream);
                        self.clone().seek_lead(locks::How::Steal);
                    }
                }
            }
        }
    }

    /// Lets the keeper decide, and does what it says.
    fn with_keeper(&self, decide: impl FnOnce(&mut Keeper, f64) -> Todo) {
        let mut stream = self.stream.borrow_mut();
        let Role::Leading(keeper) = &mut stream.role else { return };
        let todo = decide(keeper, browser::monotonic_ms());
        stream.show_link();
        drop(stream);
        self.act(todo);
    }

    fn network(&self) {
        let is_online = browser::is_online();
        self.with_keeper(|keeper, now_ms| keeper.network(now_ms, is_online));
    }

    /// The person looks again.
    fn wake(&self) {
        if !browser::is_visible() || self.stream.borrow().is_closed {
            return;
        }
        self.tick();
        self.with_keeper(Keeper::wake);
        let mut stream = self.stream.borrow_mut();
        if let Role::Following(follower) = &mut stream.role {
            follower.wake(browser::monotonic_ms());
        }
    }

    /// The computer slept: neither the connection nor the clock is to be trusted.
    fn rouse(&self) {
        self.with_keeper(Keeper::reopen);
        if let Role::Following(follower) = &mut self.stream.borrow_mut().role {
            follower.wake(browser::monotonic_ms());
        }
        self.poll();
    }

    fn act(&self, todo: Todo) {
        match todo.stream {
            keeper::Stream::Keep => {}
            keeper::Stream::Open => self.open(),
            keeper::Stream::Close => self.stream.borrow_mut().close(),
        }
        if todo.poll {
            self.poll();
        }
    }

    /// Opens the stream after the last known event; what was open before is closed.
    fn open(&self) {
        let mut stream = self.stream.borrow_mut();
        stream.close();
        let needs_place = stream.channel.is_some() && stream.place.is_none();
        if needs_place {
            if !std::mem::replace(&mut stream.is_finding_place, true) {
                spawn_local(self.clone().find_place());
            }
            return;
        }
        let id = stream.watch.state.with_untracked(LiveState::last_event_id);
        let address = format!("{}?last_event_id={id}", self.links.events);
        let handlers = self.handlers.borrow();
        let opened = EventSource::new(&address).ok().zip(handlers.as_ref());
        let Some((source, handlers)) = opened else {
            if let Role::Leading(keeper) = &mut stream.role {
                keeper.failed(browser::monotonic_ms(), true);
            }
            return;
        };
        source.set_onopen(Some(handlers.on_open.as_ref().unchecked_ref()));
        source.set_onerror(Some(handlers.on_error.as_ref().unchecked_ref()));
        for name in EVENT_NAMES {
            let listener = handlers.on_event.as_ref().unchecked_ref();
            // Fails only for a null listener, which this is not.
            drop(source.add_event_listener_with_callback(name, listener));
        }
        stream.source = Some(source);
    }

    /// Finds one of the browser's few connections for the stream.
    async fn find_place(self) {
        let place = places::find().await;
        let mut stream = self.stream.borrow_mut();
        stream.is_finding_place = false;
        let is_over = stream.is_closed;
        let Role::Leading(keeper) = &mut stream.role else { return };
        match place {
            _ if is_over => {}
            None => {
                keeper.crowded(browser::monotonic_ms());
                drop(stream);
                self.tick();
            }
            place => {
                stream.place = place;
                drop(stream);
                self.open();
            }
        }
    }

    /// Asks for the progress once.
    fn poll(&self) {
        if !std::mem::replace(&mut self.stream.borrow_mut().is_polling, true) {
            spawn_local(self.clone().ask());
        }
    }

    async fn ask(self) {
        let answer = browser::progress(&self.links.progress).await;
        self.stream.borrow_mut().is_polling = false;
        if self.stream.borrow().is_closed {
            return;
        }
        let is_answered = answer.is_some();
        if let Some((id, body)) = answer {
            self.take("snapshot", &id, &body);
        }
        self.with_keeper(|keeper, now_ms| {
            keeper.polled(now_ms, is_answered);
            Todo::NOTHING
        });
    }

    /// Waits for the lead among the tabs of this request, takes it, and gives it up when it is taken.
    fn seek_lead(self, how: locks::How) {
        spawn_local(async move {
            let name = format!("stagewatch:{}", self.links.this);
            let Some((hold, held)) = locks::acquire(&name, how).await else {
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
    fn lead(&self, hold: Option<locks::Hold>) -> u32 {
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
        drop(stream);
        self.tick();
        number
    }

    /// Another tab has taken this lead.
    fn follow(self, number: u32) {
        let mut stream = self.stream.borrow_mut();
        if stream.is_closed || stream.lead.as_ref().is_none_or(|(_, lead)| *lead != number) {
            return;
        }
        stream.close();
        (stream.lead, stream.place) = (None, None);
        stream.role = Role::Following(Follower::new(browser::monotonic_ms()));
        drop(stream);
        self.clone().seek_lead(locks::How::InTurn);
        self.tick();
    }

    /// Takes a message of the server, from whichever tab, and passes it on if this one leads.
    fn take(&self, name: &str, id: &str, data: &str) {
        let mut stream = self.stream.borrow_mut();
        let message = Message::parse(name, id, data);
        if let Some(server_ms) = message.as_ref().and_then(Message::server_time_ms) {
            stream.clock.observe(server_ms, browser::monotonic_ms());
        }
        stream.heard();
        if matches!(stream.role, Role::Leading(_)) {
            let (name, id, data) = (name.to_owned(), id.to_owned(), data.to_owned());
            let word = Word::Said { name, id, data };
            stream.say(&word);
            stream.hint = if matches!(message, Some(Message::Live(_))) {
                Some(word)
            } else {
                stream.hint.take()
            };
        }
        let Some(message) = message else { return };
        let now_ms = stream.watch.now_ms.get_untracked();
        let mut outcome = Outcome::Ignored;
        stream.watch.state.maybe_update(|state| {
            outcome = state.apply(message, now_ms);
            outcome == Outcome::Taken
        });
        if stream.watch.state.with_untracked(LiveState::has_ended) {
            stream.end_well();
            return;
        }
        if outcome == Outcome::Gap {
            match &mut stream.role {
                Role::Leading(keeper) => {
                    keeper.failed(browser::monotonic_ms(), false);
                    stream.close();
                }
                Role::Following(_) => {
                    drop(stream);
                    self.poll();
                }
            }
        }
    }

    /// Another tab says something.
    fn on_word(&self, word: Word) {
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
                let heard_ms = stream.watch.now_ms.get_untracked() - i64::from(silent_ms);
                let heard = stream.watch.heard_ms;
                heard.set(heard.get_untracked().max(heard_ms));
                let is_behind = stream.watch.state.with_untracked(|state| state.is_behind(&last));
                drop(stream);
                if is_behind {
                    self.poll();
                }
            }
            (Word::Said { name, id, data }, Role::Following(follower)) => {
                follower.heard(now_ms);
                drop(stream);
                self.take(&name, &id, &data);
            }
            (Word::Ask, Role::Following(_))
            | (Word::Link { .. } | Word::Said { .. }, Role::Leading(_)) => {}
        }
    }
}

impl Handlers {
    fn new(tab: &Tab) -> Self {
        let handler = |handle: fn(&Tab, Event)| {
            let tab = tab.clone();
            OnEvent::new(move |event| handle(&tab, event))
        };
        Self {
            on_event: handler(|tab, event| {
                let event: MessageEvent = event.unchecked_into();
                // Named events of a closed source may still be queued.
                if tab.stream.borrow().source.is_none() {
                    return;
                }
                tab.with_keeper(|keeper, now_ms| {
                    keeper.said(now_ms);
                    Todo::NOTHING
                });
                let data = event.data().as_string().unwrap_or_default();
                tab.take(&event.type_(), &event.last_event_id(), &data);
            }),
            on_open: handler(|tab, _| {
                tab.with_keeper(|keeper, now_ms| {
                    keeper.opened(now_ms);
                    Todo::NOTHING
                });
                tab.stream.borrow_mut().heard();
            }),
            on_error: handler(|tab, _| tab.stream.borrow_mut().on_error()),
            on_word: handler(|tab, event| {
                let event: MessageEvent = event.unchecked_into();
                let word = event.data().as_string();
                if let Some(word) = word.as_deref().and_then(Word::parse) {
                    tab.on_word(word);
                }
            }),
        }
    }
}

impl Stream {
    fn close(&mut self) {
        if let Some(source) = self.source.take() {
            source.set_onopen(None);
            source.set_onerror(None);
            source.close();
        }
    }

    /// The request has ended: nothing more will come, and one tab says so beyond its page.
    fn end_well(&mut self) {
        if matches!(self.role, Role::Leading(_)) {
            self.watch.state.with_untracked(|state| (self.on_end)(state));
        }
        self.end();
        self.watch.link.set(Link::Ended);
    }

    fn end(&mut self) {
        self.close();
        self.is_closed = true;
        if let Role::Leading(keeper) = &mut self.role {
            keeper.end();
        }
        (self.lead, self.place) = (None, None);
        if let Some(channel) = self.channel.take() {
            channel.set_onmessage(None);
            channel.close();
        }
    }

    fn on_error(&mut self) {
        let Some(source) = &self.source else { return };
        let is_refused = source.ready_state() == EventSource::CLOSED;
        self.close();
        if let Role::Leading(keeper) = &mut self.role {
            keeper.failed(browser::monotonic_ms(), is_refused);
        }
        self.show_link();
    }

    /// A source can be closed for good without an error that we hear of.
    fn notice_closed_source(&mut self) {
        if self.source.as_ref().is_some_and(|source| source.ready_state() == EventSource::CLOSED) {
            self.on_error();
        }
    }

    fn heard(&mut self) {
        self.show_time();
        self.watch.heard_ms.set(self.watch.now_ms.get_untracked());
    }

    fn show_time(&self) {
        self.watch.now_ms.set(self.clock.now_ms(browser::monotonic_ms()));
    }

    /// Shows what became of the connection, and tells the other tabs.
    fn show_link(&mut self) {
        if self.is_closed {
            return;
        }
        let link = match &self.role {
            Role::Leading(keeper) => keeper.link(),
            Role::Following(follower) => follower.link(),
        };
        if self.watch.link.get_untracked() != link {
            self.watch.link.set(link);
        }
        if matches!(self.role, Role::Leading(_)) && self.told != Some(link) {
            self.say_link();
        }
    }

    fn say_link(&mut self) {
        let Role::Leading(keeper) = &self.role else { return };
        let link = keeper.link();
        let silent_ms = self.watch.now_ms.get_untracked() - self.watch.heard_ms.get_untracked();
        let silent_ms = u32::try_from(silent_ms.max(0)).unwrap_or(u32::MAX);
        let last: EventId = self.watch.state.with_untracked(|state| state.last.clone());
        self.told = Some(link);
        self.say(&Word::Link { link, last, silent_ms });
    }

    fn say(&self, word: &Word) {
        if let Some(channel) = &self.channel {
            // Fails only when the channel is closed, and then nobody is to be told.
            drop(channel.post_message(&word.to_string().into()));
        }
    }
}
