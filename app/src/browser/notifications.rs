//! Notifications of the browser, for who asked for one at the end of a request.
//!
//! Which requests somebody wants to hear of is remembered by the browser, for all its tabs, and
//! forgotten when it is told.

use wasm_bindgen::JsCast;
use web_sys::{Notification, NotificationOptions, NotificationPermission, Storage};

/// What stands before a request's id in the browser's memory.
const KEY: &str = "stagewatch.tell.";

/// Whether this browser has notifications and the person has not forbidden them.
pub(crate) fn can_be_asked_for() -> bool {
    let is_there = web_sys::window().is_some_and(|window| {
        js_sys::Reflect::has(&window, &"Notification".into()).unwrap_or(false)
    });
    is_there && Notification::permission() != NotificationPermission::Denied && memory().is_some()
}

/// Whether somebody wants to hear of this request, and may.
pub(crate) fn is_wanted(request: &str) -> bool {
    can_be_asked_for()
        && Notification::permission() == NotificationPermission::Granted
        && memory().is_some_and(|memory| memory.get_item(&key(request)).ok().flatten().is_some())
}

/// Asks the person for leave, unless it was given, and remembers the wish. Whether there will be one.
pub(crate) async fn want(request: &str) -> bool {
    if Notification::permission() != NotificationPermission::Granted {
        let Ok(asking) = Notification::request_permission() else { return false };
        // Its value is the permission, which is read below: older browsers give none.
        drop(asking.await);
    }
    let is_granted = Notification::permission() == NotificationPermission::Granted;
    is_granted && memory().is_some_and(|memory| memory.set_item(&key(request), "1").is_ok())
}

/// Forgets the wish.
pub(crate) fn forget(request: &str) {
    if let Some(memory) = memory() {
        drop(memory.remove_item(&key(request)));
    }
}

/// Tells it, once: the wish is forgotten first.
pub(crate) fn tell(request: &str, title: &str, body: &str) {
    if !is_wanted(request) {
        return;
    }
    forget(request);
    let options = NotificationOptions::new();
    options.set_body(body);
    options.set_tag(&key(request));
    // Some browsers have the class and no way to use it; then there is nothing to be done.
    let Ok(notification) = Notification::new_with_options(title, &options) else { return };
    let look = wasm_bindgen::closure::Closure::once_into_js(|| {
        if let Some(window) = web_sys::window() {
            drop(window.focus());
        }
    });
    notification.set_onclick(Some(look.unchecked_ref()));
}

fn key(request: &str) -> String {
    format!("{KEY}{request}")
}

fn memory() -> Option<Storage> {
    web_sys::window()?.local_storage().ok()?
}
