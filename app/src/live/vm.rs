//! The finished VM, which the stream does not carry.

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};

use super::Watch;
use crate::{api::Status, browser};

/// Asking again after this long, should the answer not come, and longer each time.
const PAUSE: Duration = Duration::from_secs(2);
/// The longest pause.
const PAUSES_MAX: u32 = 15;

/// Asks for the VM of a request that has become ready. To be run as an effect: it follows the status.
pub(crate) fn ask_for_vm(watch: Watch, page: &str) {
    let is_ready = watch.state.with(|state| state.progress.status == Status::Ready);
    if is_ready && watch.finished.with_untracked(Option::is_none) {
        ask(watch, format!("/ui{page}/finished"), 1);
    }
}

fn ask(watch: Watch, address: String, pauses: u32) {
    spawn_local(async move {
        match browser::read_json(&address).await {
            Some(finished) => watch.finished.set(Some(finished)),
            None => {
                let again = move || ask(watch, address, (pauses + 1).min(PAUSES_MAX));
                set_timeout(again, PAUSE * pauses);
            }
        }
    });
}
