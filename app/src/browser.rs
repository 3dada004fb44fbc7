//! The few things that the page asks of a browser beyond its DOM: clocks, words for moments, the
//! clipboard, locks and a channel between tabs, requests, notifications.

pub(crate) mod locks;
pub(crate) mod notifications;

use std::cell::OnceCell;

use js_sys::{Array, Date, Function, Intl, Object, Reflect};
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, JsValue};

/// How long an answer to one question may take before it counts as none, in milliseconds.
const ANSWER_MAX_MS: u32 = 8_000;

/// Milliseconds since the page was begun, by a clock that never jumps.
pub(crate) fn monotonic_ms() -> f64 {
    performance().map_or(0.0, |performance| performance.now())
}

/// Milliseconds since 1970 by the browser's wall clock, which may be wrong and may jump: only of use to
/// see how far it has moved.
pub(crate) fn wall_ms() -> f64 {
    Date::now()
}

/// Whether the browser believes to have a network.
pub(crate) fn is_online() -> bool {
    web_sys::window().is_none_or(|window| window.navigator().on_line())
}

/// Whether the person can see the page.
pub(crate) fn is_visible() -> bool {
    let document = web_sys::window().and_then(|window| window.document());
    document.is_none_or(|document| !document.hidden())
}

/// Sets the address of a link in the page's head, if it is there.
pub(crate) fn set_address(id: &str, address: &str) {
    let document = web_sys::window().and_then(|window| window.document());
    if let Some(link) = document.and_then(|document| document.get_element_by_id(id)) {
        // Fails only for a name that is none.
        drop(link.set_attribute("href", address));
    }
}

/// When the first byte of the page came, by the same clock; now, where the browser does not tell.
pub(crate) fn response_start_ms() -> f64 {
    let entry =
        performance().map(|performance| performance.get_entries_by_type("navigation").get(0));
    entry
        .and_then(|entry| Reflect::get(&entry, &"responseStart".into()).ok()?.as_f64())
        .filter(|&ms| ms > 0.0)
        .unwrap_or_else(monotonic_ms)
}

fn performance() -> Option<web_sys::Performance> {
    web_sys::window()?.performance()
}

/// The reader's own words for moments, made once: a formatter costs more than what it formats.
struct Words {
    day: Function,
    time: Function,
    day_and_time: Function,
    full: Function,
}

thread_local! {
    static WORDS: OnceCell<Words> = const { OnceCell::new() };
}

/// A moment in the reader's locale and zone; with its date when that is another day than `now_ms`.
pub(crate) fn moment(at_ms: i64, now_ms: i64) -> String {
    with_words(|words| {
        let is_today = say(&words.day, at_ms) == say(&words.day, now_ms);
        say(if is_today { &words.time } else { &words.day_and_time }, at_ms)
    })
}

/// A moment with date, seconds and zone, in the reader's locale.
pub(crate) fn moment_full(at_ms: i64) -> String {
    with_words(|words| say(&words.full, at_ms))
}

fn with_words<T>(read: impl FnOnce(&Words) -> T) -> T {
    WORDS.with(|words| {
        read(words.get_or_init(|| Words {
            day: formatter(&[("dateStyle", "short")]),
            time: formatter(&[("timeStyle", "medium")]),
            day_and_time: formatter(&[("dateStyle", "medium"), ("timeStyle", "medium")]),
            full: formatter(&[("dateStyle", "full"), ("timeStyle", "long")]),
        }))
    })
}

fn formatter(options: &[(&str, &str)]) -> Function {
    let object = Object::new();
    for (name, value) in options {
        // Fails only for a frozen object, which this is not.
        drop(Reflect::set(&object, &(*name).into(), &(*value).into()));
    }
    Intl::DateTimeFormat::new(&Array::new(), object.unchecked_ref()).format()
}

fn say(formatter: &Function, at_ms: i64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are below 2^53")]
    let date = Date::new(&JsValue::from_f64(at_ms as f64));
    formatter
        .call1(&JsValue::UNDEFINED, &date)
        .ok()
        .and_then(|text| text.as_string())
        .unwrap_or_default()
}

/// Whether text can be put into the clipboard: browsers allow it to safe origins only.
pub(crate) fn has_clipboard() -> bool {
    web_sys::window().is_some_and(|window| !window.navigator().clipboard().is_undefined())
}

/// Puts text into the clipboard. Whether it worked.
pub(crate) async fn copy(text: &str) -> bool {
    let Some(window) = web_sys::window() else { return false };
    window.navigator().clipboard().write_text(text).await.is_ok()
}

/// What the server answers at this address, if it answers as it should.
pub(crate) async fn read_json<T: DeserializeOwned>(address: &str) -> Option<T> {
    serde_json::from_str(&read_text(address).await?).ok()
}

/// The same as text.
pub(crate) async fn read_text(address: &str) -> Option<String> {
    body(&get(address).await?).await
}

/// A question to the server that can be given up.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// None where the browser cannot give up: then the answer is not waited for.
    controller: Option<web_sys::AbortController>,
}

impl Question {
    /// A question that is still to be asked.
    pub(crate) fn new() -> Self {
        Self { controller: web_sys::AbortController::new().ok() }
    }

    /// Asks. `None` also when it was given up.
    pub(crate) async fn read_json<T: DeserializeOwned>(&self, address: &str) -> Option<T> {
        let init = web_sys::RequestInit::new();
        if let Some(controller) = &self.controller {
            init.set_signal(Some(&controller.signal()));
        }
        let asked = web_sys::window()?.fetch_with_str_and_init(address, &init);
        let response: web_sys::Response = asked.await.ok()?.dyn_into().ok()?;
        let text = body(&response).await.filter(|_| response.ok())?;
        serde_json::from_str(&text).ok()
    }

    /// Gives it up.
    pub(crate) fn give_up(&self) {
        if let Some(controller) = &self.controller {
            controller.abort();
        }
    }
}

/// Asks how far a request is: the id of the newest event in the answer, and the answer.
pub(crate) async fn progress(progress_path: &str) -> Option<(String, String)> {
    let response = get(progress_path).await?;
    let id = response.headers().get("last-event-id").ok()??;
    Some((id, body(&response).await?))
}

/// A good answer to one question; `None` for any other, and when none came in time.
async fn get(path: &str) -> Option<web_sys::Response> {
    let init = web_sys::RequestInit::new();
    init.set_signal(Some(&web_sys::AbortSignal::timeout_with_u32(ANSWER_MAX_MS)));
    let response = web_sys::window()?.fetch_with_str_and_init(path, &init).await.ok()?;
    let response: web_sys::Response = response.dyn_into().ok()?;
    response.ok().then_some(response)
}

async fn body(response: &web_sys::Response) -> Option<String> {
    response.text().ok()?.await.ok()?.as_string()
}
