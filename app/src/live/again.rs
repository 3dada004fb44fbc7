//! A request that has ended may be tried again, in another tab or by a program: whoever still looks at
//! it sees that.
//!
//! An ended request has no stream, so its page asks: now and then while somebody looks at it, and at once
//! when somebody looks again. Nobody who does not look asks anything.

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};

use super::{Link, LiveState, Message, Watch};
use crate::{api::Timestamp, browser};

/// How often it is asked: a person who waits for a colleague's retry is not kept waiting for long, and
/// tabs that are left open ask little.
const ASK_EVERY: Duration = Duration::from_secs(10);

/// Calls `go_on` each time that the request of `watch`, ended so far, goes on: with what is known of it
/// then taken, and the moment by the browser's own clock at which it was.
pub(crate) fn notice_retry(watch: Watch, progress_path: String, go_on: impl Fn() + 'static) {
    // What is begun later belongs to the page too, and ends with it.
    let Some(owner) = Owner::current() else { return };
    let go_on = StoredValue::new_local(go_on);
    let path = StoredValue::new(progress_path);
    let is_asking = StoredValue::new(false);
    let look = move || {
        let has_ended = watch.link.get_untracked() == Link::Ended;
        if !has_ended || !browser::is_visible() || is_asking.get_value() {
            return;
        }
        is_asking.set_value(true);
        let owner = owner.clone();
        spawn_local(async move {
            let answer = browser::progress(&path.get_value()).await;
            is_asking.try_set_value(false);
            let told = answer.and_then(|(id, body)| Message::parse("snapshot", &id, &body));
            if told.is_some_and(|told| takes(watch, told)) {
                owner.with(|| go_on.with_value(|go_on| go_on()));
            }
        });
    };
    let asking = set_interval_with_handle(look.clone(), ASK_EVERY).ok();
    let seen = window_event_listener_untyped("visibilitychange", move |_| look());
    let open = StoredValue::new_local((asking, Some(seen)));
    on_cleanup(move || {
        open.try_update_value(|(asking, seen)| {
            if let Some(asking) = asking.take() {
                asking.clear();
            }
            if let Some(seen) = seen.take() {
                seen.remove();
            }
        });
    });
}

/// Takes what the server says, if that is news; then the page's clock is the server's. Whether the request
/// goes on by it: it may have ended again meanwhile.
fn takes(watch: Watch, told: Message) -> bool {
    let Message::Snapshot { id, progress } = &told else { return false };
    if !watch.state.with_untracked(|state| state.is_behind(id)) {
        return false;
    }
    let goes_on = !progress.status.has_ended();
    let now_ms = progress.server_time.map(Timestamp::epoch_ms);
    let now_ms = now_ms.unwrap_or_else(|| watch.now_ms.get_untracked());
    watch.now_ms.set(now_ms);
    watch.heard_ms.set(now_ms);
    watch.state.update(|state: &mut LiveState| {
        state.apply(told, now_ms);
    });
    if goes_on {
        watch.link.set(Link::Rendered);
    }
    goes_on
}
