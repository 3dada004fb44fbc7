//! The browser's locks, which all its tabs share (Web Locks). One is let go when its tab is closed,
//! whatever happens there.

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};

/// How a lock is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// When its turn comes.
    InTurn,
    /// Now or not at all.
    Now,
    /// Now, from whoever has it.
    Steal,
}

/// A lock that is held. Dropped, it is let go.
#[derive(Debug)]
pub(crate) struct Hold {
    release: Function,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let_go(&self.release);
    }
}

/// What tells when a lock is not held any more.
#[derive(Debug)]
pub(crate) struct Held(Promise);

impl Held {
    /// Waits until the lock is let go (true) or was stolen (false).
    pub(crate) async fn ends(self) -> bool {
        self.0.await.is_ok()
    }
}

/// Whether this browser has locks: only pages of a safe origin have.
pub(crate) fn are_here() -> bool {
    manager().is_some()
}

/// Waits for a lock. `None` when it cannot be had.
pub(crate) async fn acquire(name: &str, how: How) -> Option<(Hold, Held)> {
    let (granted, grant) = promise();
    let (held, release) = promise();
    let callback = Closure::once_into_js(move |lock: JsValue| -> JsValue {
        // Fails only if the callee throws, and the resolver of a promise does not.
        drop(grant.call1(&JsValue::UNDEFINED, &lock));
        held.into()
    });
    let manager = manager()?;
    let request: Function = Reflect::get(&manager, &"request".into()).ok()?.dyn_into().ok()?;
    let options = Object::new();
    let option = match how {
        How::InTurn => None,
        How::Now => Some("ifAvailable"),
        How::Steal => Some("steal"),
    };
    if let Some(option) = option {
        Reflect::set(&options, &option.into(), &JsValue::TRUE).ok()?;
    }
    let request = request.call3(&manager, &name.into(), &options, &callback).ok()?;
    let request: Promise = request.dyn_into().ok()?;
    // A lock that is not even asked for ends the request and is never granted.
    let first = Promise::race(&Array::of2(&granted, &request)).await;
    let hold = Hold { release };
    let is_granted = first.is_ok_and(|lock| !lock.is_null() && !lock.is_undefined());
    is_granted.then_some((hold, Held(request)))
}

fn manager() -> Option<JsValue> {
    let navigator = web_sys::window()?.navigator();
    let manager = Reflect::get(&navigator, &"locks".into()).ok()?;
    manager.is_object().then_some(manager)
}

/// A promise, and what fulfils it.
fn promise() -> (Promise, Function) {
    let mut fulfil = None;
    let promise = Promise::new(&mut |resolve, _| fulfil = Some(resolve));
    // The constructor of a promise calls its function at once.
    (promise, fulfil.unwrap_or_default())
}

fn let_go(release: &Function) {
    drop(release.call0(&JsValue::UNDEFINED));
}
