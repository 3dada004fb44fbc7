//! The journal of one request, as a table.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use super::with_data;
use crate::{
    api::{Request, Timestamp},
    islands::Moment,
    words::{HistoryRow, Words},
};

/// What the page shows.
struct Journal {
    name: String,
    page: String,
    rows: Vec<HistoryRow>,
    /// How many more events there are than a page lists.
    more: u32,
    /// Moments of another day than this one are shown with their date.
    now_ms: i64,
}

/// Everything that was recorded of one request.
#[component]
pub(crate) fn HistoryPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id").unwrap_or_default());
    let words = Words::of_page();
    with_data(
        async move |backend| {
            let detail = backend.request(&id).await?;
            let now_ms = detail.progress.server_time.map_or(0, Timestamp::epoch_ms);
            let items = backend.history(&id).await?;
            let last = items.last().map_or(0, |item| item.seq);
            let more = detail.progress.seq.saturating_sub(last);
            let rows = words.history_rows(items);
            let Request { name, links, .. } = detail.request;
            Ok(Journal { name, page: links.page, rows, more, now_ms })
        },
        |journal| view! { <Table journal/> },
    )
}

#[component]
fn Table(journal: Journal) -> impl IntoView {
    let words = Words::of_page();
    let Journal { name, page, rows, more, now_ms } = journal;
    let row = move |row: HistoryRow| {
        let details = row.details.into_iter().map(|(name, value)| {
            view! { <div><dt>{name}</dt><dd>{value}</dd></div> }
        });
        view! {
            <tr>
                <th scope="row">{row.seq}</th>
                <td><Moment at=row.at now_ms/></td>
                <td><span class="history-event">{row.event}</span>" "<code>{row.kind}</code></td>
                <td><dl class="facts-list">{details.collect_view()}</dl></td>
            </tr>
        }
    };
    view! {
        <Title text=words.page_title(&format!("{} · {name}", words.history()))/>
        <div class="history">
            <header>
                <p class="crumb"><a href=page>{name}</a></p>
                <h1>{words.history()}</h1>
                <p>{words.history_meaning()}</p>
            </header>
            <div class="card history-scroll" role="region" aria-label=words.events() tabindex="0">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">{words.event()}</th>
                            <th scope="col">{words.time()}</th>
                            <th scope="col">{words.what_happened_title()}</th>
                            <th scope="col">{words.details()}</th>
                        </tr>
                    </thead>
                    <tbody>{rows.into_iter().map(row).collect_view()}</tbody>
                </table>
            </div>
            {(more > 0).then(|| view! { <p>{words.more_events(more)}</p> })}
        </div>
    }
}
