//! The finished VM, which the stream does not carry.

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};

use super::Watch;
use crate::{api::Status, browser};

/// Asking again after this long, should the answer not come.
const PAUSE: Duration = Duration::from_secs(2);
/// So often at most; a page that is loaded again has the VM anyway.
const TRIES_MAX: u32 = 10;

/// Asks for the VM of a request that has become ready. To be run as an effect: it follows the status.
pub(crate) fn ask_for_vm(watch: Watch, page: &str) {
    let is_ready = watch.state.with(|state| state.progress.status == Status::Ready);
    if is_ready && watch.finished.with_untracked(Option::is_none) {
        ask(watch, format!("/ui{page}/finished"), TRIES_MAX);
    }
}

fn ask(watch: Watch, address: String, tries: u32) {
    spawn_local(async move {
        match browser::read_json(&address).await {
            Some(finished) => watch.finished.set(Some(finished)),
            None if tries > 1 => set_timeout(move || ask(watch, address, tries - 1), PAUSE),
            None => {}
        }
    });
}
