//! One request in the list.

use leptos::prelude::*;

use crate::{
    api::{Status, Timestamp},
    backend::ListedRequest,
    components::Bar,
    islands::Moment,
    measure, words,
};

/// A request in one line: its name, how far it is, what it does, and when.
#[component]
pub(crate) fn Row(
    /// The request.
    listed: ListedRequest,
) -> impl IntoView {
    let ListedRequest { request, progress } = listed;
    let now = progress.server_time.unwrap_or(request.created_at);
    let now_ms = now.epoch_ms();
    let (text, tone) = words::summary(&request, &progress, now_ms);
    // Equal segments: rows of different templates stand below each other.
    let segments: Vec<_> = measure::segments(&progress, now_ms)
        .into_iter()
        .map(|segment| measure::Segment { weight: 1.0, ..segment })
        .collect();
    let is_running = matches!(progress.status, Status::Provisioning | Status::Undoing);
    let remaining = (progress.status == Status::Provisioning)
        .then(|| words::remaining_briefly(&measure::outlook(&progress, now_ms, now_ms)))
        .flatten();
    let so_far = || {
        let elapsed_ms = measure::elapsed_ms(&progress, now_ms).filter(|_| is_running)?;
        Some(format!("{} so far", words::elapsed(elapsed_ms)))
    };
    let when = remaining.or_else(so_far);
    let at: Timestamp = progress.ended_at.unwrap_or(request.created_at);
    view! {
        <li class="row" data-status=request.status.as_str()>
            <a href=request.links.page>
                <span class="row-name">{request.name}</span>
                " "
                <Bar segments=Signal::stored(segments)/>
                <span class="row-doing" data-tone=tone.as_str()>{text}</span>
                " "
                <span class="row-when">
                    {match when {
                        Some(when) => when.into_any(),
                        None => view! { <Moment at now_ms/> }.into_any(),
                    }}
                </span>
            </a>
        </li>
    }
}
