//! The list of requests.

mod filter;
mod row;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::with_data;
use crate::{
    api::{Items, Status},
    backend::{ListQuery, ListedRequest, PageError},
    islands::Moment,
    words,
};
use filter::Filter;
use row::Row;

/// How often the list loads itself again without JavaScript while something runs.
const RELOAD_HTML: &str = r#"<meta http-equiv="refresh" content="10">"#;

/// All requests, newest first.
#[component]
pub(crate) fn RequestsPage() -> impl IntoView {
    let query = use_query_map().with_untracked(|query| {
        let get = |name| query.get(name).filter(|value| !value.is_empty());
        (get("status"), get("template"), get("q"), get("after"))
    });
    let (status, template, q, after) = query;
    let query = read_status(status).map(|status| ListQuery { status, template, q, after });
    let asked = query.clone();
    with_data(
        async move |backend| backend.requests(asked?).await,
        move |page| view! { <List page query=query.unwrap_or_default()/> },
    )
}

fn read_status(word: Option<String>) -> Result<Option<Status>, PageError> {
    let Some(word) = word else { return Ok(None) };
    let known = Status::ALL.into_iter().find(|status| status.as_str() == word);
    let detail = || format!("There is no status called “{word}”.");
    known.map(Some).ok_or_else(|| PageError { status: 422, detail: detail() })
}

#[component]
fn List(page: Items<ListedRequest>, query: ListQuery) -> impl IntoView {
    let is_filtered = query.status.is_some() || query.template.is_some() || query.q.is_some();
    let is_first = query.after.is_none();
    let runs = page.items.iter().any(|listed| !listed.request.status.has_ended());
    let as_of = page.items.iter().filter_map(|listed| listed.progress.server_time).max();
    let next = page.next.map(|next| address(&query, Some(&next)));
    let first = address(&query, None);
    let is_empty = page.items.is_empty();
    view! {
        <Title text="Requests · Stagewatch"/>
        {runs.then(|| view! { <noscript inner_html=RELOAD_HTML></noscript> })}
        <div class="requests">
            <header class="requests-head">
                <h1>"Requests"</h1>
                <a class="button" data-kind="main" href="/requests/new">"New request"</a>
            </header>
            {(!is_empty || is_filtered || !is_first).then(|| view! { <Filter query/> })}
            {match (is_empty, is_filtered || !is_first) {
                (false, _) => view! {
                    <ul class="card rows">
                        {page.items.into_iter().map(|listed| view! { <Row listed/> }).collect_view()}
                    </ul>
                }
                .into_any(),
                (true, true) => view! { <p class="card empty">"No request is like that."</p> }.into_any(),
                (true, false) => view! { <Welcome/> }.into_any(),
            }}
            <nav class="paging" aria-label="Pages">
                {(!is_first).then(|| view! { <a href=first>"Newest"</a> })}
                {next.map(|next| view! { <a href=next>"Older"</a> })}
                {as_of.map(|at| view! {
                    <span class="paging-as-of">
                        "As of "<Moment at now_ms=at.epoch_ms()/>". "
                        <a href="">"Refresh"</a>
                    </span>
                })}
            </nav>
        </div>
    }
}

/// What a person sees who has not asked for anything yet.
#[component]
fn Welcome() -> impl IntoView {
    view! {
        <section class="card empty">
            <h2>"Nothing asked for yet"</h2>
            <p>"Ask for a virtual machine and watch every stage of it being built, as it happens."</p>
            <p class="actions">
                <a class="button" data-kind="main" href="/requests/new">
                    "Ask for the first one"
                </a>
            </p>
        </section>
    }
}

/// The address of a page of this list.
fn address(query: &ListQuery, after: Option<&str>) -> String {
    let pairs: Vec<_> = [
        ("status", query.status.map(Status::as_str)),
        ("template", query.template.as_deref()),
        ("q", query.q.as_deref()),
        ("after", after),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some(format!("{name}={}", words::in_query(value?))))
    .collect();
    if pairs.is_empty() { "/".to_owned() } else { format!("/?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_keeps_what_was_asked_for() {
        let query = ListQuery {
            status: Some(Status::NeedsAttention),
            q: Some("a b".to_owned()),
            ..ListQuery::default()
        };
        assert_eq!(address(&query, Some("x=")), "/?status=needs_attention&q=a%20b&after=x%3D");
        assert_eq!(address(&ListQuery::default(), None), "/");
    }

    #[test]
    fn a_status_that_does_not_exist_is_refused() {
        assert_eq!(read_status(None), Ok(None));
        assert_eq!(read_status(Some("ready".to_owned())), Ok(Some(Status::Ready)));
        assert_eq!(read_status(Some("sleepy".to_owned())).map_err(|error| error.status), Err(422));
    }
}
