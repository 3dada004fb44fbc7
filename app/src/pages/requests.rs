//! The list of requests.

mod filter;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::with_data;
use crate::{
    api::Status,
    backend::{BoardPage, ListQuery, PageError},
    islands::Board,
    words::Words,
};
use filter::Filter;

/// How often the list loads itself again without JavaScript while something runs.
const RELOAD_HTML: &str = r#"<meta http-equiv="refresh" content="10">"#;

/// All requests, newest first.
#[component]
pub(crate) fn RequestsPage() -> impl IntoView {
    let (status, query) = use_query_map().with_untracked(|query| {
        let get = |name| query.get(name).filter(|value| !value.is_empty());
        let rest = ListQuery {
            status: None,
            template: get("template"),
            owner: get("owner"),
            q: get("q"),
            after: get("after"),
        };
        (get("status"), rest)
    });
    let query = read_status(Words::of_page(), status).map(|status| ListQuery { status, ..query });
    let asked = query.clone();
    with_data(
        async move |backend| backend.requests(asked?).await,
        move |page| view! { <List page query=query.unwrap_or_default()/> },
    )
}

fn read_status(words: Words, word: Option<String>) -> Result<Option<Status>, PageError> {
    let Some(word) = word else { return Ok(None) };
    let known = Status::ALL.into_iter().find(|status| status.as_str() == word);
    let detail = || words.no_status_called(&word);
    known.map(Some).ok_or_else(|| PageError { status: 422, detail: detail() })
}

#[component]
fn List(page: BoardPage, query: ListQuery) -> impl IntoView {
    let words = Words::of_page();
    let is_whole = query == ListQuery::default();
    let runs = page.rows.iter().any(|listed| !listed.request.status.has_ended());
    let tally = page.tally.clone().unwrap_or_default();
    let has_filter = !(is_whole && page.rows.is_empty());
    view! {
        <Title text=words.page_title(words.requests())/>
        {runs.then(|| view! { <noscript inner_html=RELOAD_HTML></noscript> })}
        <div class="requests">
            <header class="requests-head">
                <h1>{words.requests()}</h1>
                <a class="button" data-kind="main" href="/requests/new">{words.new_request()}</a>
            </header>
            {has_filter.then(|| view! { <Filter query=query.clone() tally/> })}
            <Board page query/>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_does_not_exist_is_refused() {
        let read = |word| read_status(Words::ENGLISH, word);
        assert_eq!(read(None), Ok(None));
        assert_eq!(read(Some("ready".to_owned())), Ok(Some(Status::Ready)));
        assert_eq!(read(Some("sleepy".to_owned())).map_err(|error| error.status), Err(422));
    }
}
