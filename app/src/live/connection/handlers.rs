//! What the browser calls.

use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, MessageEvent};

use super::super::{
    keeper::Todo,
    share::{Said, Word},
};
use super::Tab;

type OnEvent = Closure<dyn Fn(Event)>;

/// The handlers of the stream's events; dropped with the page's owner.
pub(super) struct Handlers {
    pub(super) on_event: OnEvent,
    pub(super) on_open: OnEvent,
    pub(super) on_error: OnEvent,
    pub(super) on_word: OnEvent,
}

impl Handlers {
    pub(super) fn new(tab: &Tab) -> Self {
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
                tab.take(Said { name: event.type_(), id: event.last_event_id(), data });
            }),
            on_open: handler(|tab, _| {
                tab.with_keeper(|keeper, now_ms| {
                    keeper.opened(now_ms);
                    Todo::NOTHING
                });
                tab.page.opened();
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
