//! The browser's side of every page that is kept true: one `EventSource` for all tabs that show the same,
//! opened again for as long as there is more to come.
//!
//! The id to go on from is kept by the [`Page`] and sent in the address, since every opening is a new
//! `EventSource`, which knows of no id. Everything is closed with the page's owner.

mod handlers;
mod page;
mod request;
mod stream;
mod tabs;

use std::{cell::RefCell, rc::Rc, time::Duration};

use leptos::{leptos_dom::helpers::WindowListenerHandle, prelude::*, task::spawn_local};
use wasm_bindgen::JsCast;
use web_sys::{BroadcastChannel, EventSource};

use self::{
    handlers::Handlers,
    stream::{Role, Stream},
};
pub(crate) use self::{
    page::{Answer, Asking, Heard, Page, Signs},
    request::keep_true,
};
use super::{
    clock::{ServerClock, SleepWatch},
    keeper::{self, Keeper, Todo},
    places,
    share::{Errand, Follower, Word},
};
use crate::browser::{self, locks};

/// How often the page looks at the clock: often enough that no second is skipped.
const TICK: Duration = Duration::from_millis(500);

/// A handle on it, for everything that happens later.
#[derive(Clone)]
struct Tab {
    stream: Rc<RefCell<Stream>>,
    handlers: Rc<RefCell<Option<Handlers>>>,
    page: Rc<dyn Page>,
    /// Of the lock and the channel that the tabs share.
    name: Rc<str>,
}

/// Keeps a page true until nothing more comes, or its owner is gone.
///
/// Only to be called once the page is hydrated: from here on its signals move. What they say of now was
/// true at `known_at_ms` of the browser's own clock.
pub(crate) fn connect(page: impl Page + 'static, known_at_ms: f64) {
    connect_shared(Rc::new(page), known_at_ms);
}

fn connect_shared(page: Rc<dyn Page>, known_at_ms: f64) {
    let now_ms = browser::monotonic_ms();
    let name = format!("stagewatch:{}", page.name());
    let channel = locks::are_here().then(|| BroadcastChannel::new(&name).ok()).flatten();
    let role = match channel {
        Some(_) => Role::Following(Follower::new(now_ms)),
        None => Role::Leading(Keeper::new(now_ms)),
    };
    page.has_role(channel.is_none());
    let signs = page.signs();
    let stream = Stream {
        page: Rc::clone(&page),
        signs,
        role,
        channel,
        source: None,
        lead: None,
        leads: 0,
        place: None,
        is_finding_place: false,
        is_polling: false,
        is_closed: false,
        clock: ServerClock::new(signs.now_ms.get_untracked(), known_at_ms),
        sleep: SleepWatch::new(browser::wall_ms(), now_ms),
        hint: None,
        told: None,
    };
    let tab = Tab {
        stream: Rc::new(RefCell::new(stream)),
        handlers: Rc::default(),
        page,
        name: name.into(),
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
        let look = {
            let tab = self.clone();
            move || {
                tab.tick();
                if !tab.stream.borrow().is_closed && tab.page.tick() {
                    tab.poll();
                }
            }
        };
        look();
        let ticking = set_interval_with_handle(look, TICK).ok();
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
        let handlers = self.handlers.borrow();
        let opened = EventSource::new(&self.page.stream()).ok().zip(handlers.as_ref());
        let Some((source, handlers)) = opened else {
            if let Role::Leading(keeper) = &mut stream.role {
                keeper.failed(browser::monotonic_ms(), true);
            }
            return;
        };
        source.set_onopen(Some(handlers.on_open.as_ref().unchecked_ref()));
        source.set_onerror(Some(handlers.on_error.as_ref().unchecked_ref()));
        for name in self.page.event_names() {
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

    /// Asks once for what the stream would say.
    fn poll(&self) {
        if !std::mem::replace(&mut self.stream.borrow_mut().is_polling, true) {
            spawn_local(self.clone().ask());
        }
    }

    async fn ask(self) {
        let answer = self.page.ask().await;
        self.stream.borrow_mut().is_polling = false;
        if self.stream.borrow().is_closed {
            return;
        }
        let is_answered = !matches!(answer, Answer::None);
        match answer {
            Answer::None => {}
            Answer::Taken(server_ms) => {
                let mut stream = self.stream.borrow_mut();
                stream.clock.observe(server_ms, browser::monotonic_ms());
                stream.heard();
            }
            Answer::Said(said) => self.take(said),
        }
        self.with_keeper(|keeper, now_ms| {
            keeper.polled(now_ms, is_answered);
            Todo::NOTHING
        });
    }
}
