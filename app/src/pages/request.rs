//! The page of one request.

use leptos::{prelude::*, tachys::reactive_graph::OwnedView};
use leptos_meta::{Link, Title};
use leptos_router::hooks::{use_params_map, use_query_map};

use super::with_data;
use crate::{
    api::{Status, Timestamp},
    backend::RequestDetail,
    icon::{self, ICON_ID},
    islands::Watched,
    words::Words,
};

/// How often the page loads itself again without JavaScript, in seconds.
const RELOAD_HTML: &str = r#"<meta http-equiv="refresh" content="5">"#;

/// Without JavaScript a question would be gone with the next load: it has an address of its own, at
/// which the page stands still.
const ASKS: &str = "asks";

/// For those without JavaScript: the way to the question before a cancellation, or the question.
fn question(words: Words, page: &str, asks: bool) -> String {
    if !asks {
        let label = words.cancel();
        return format!(
            r#"<p class="to-question"><a class="button" data-kind="quiet" href="?{ASKS}=">{label}...</a></p>"#
        );
    }
    let (question, yes, no) = (words.cancel_question(), words.cancel_yes(), words.go_on_watching());
    format!(
        r#"<form class="confirm-form" method="post" action="{page}/cancel"><p>{question}</p>
        <button class="button" data-kind="bad">{yes}</button>
        <a class="button" data-kind="quiet" href="{page}">{no}</a></form>"#
    )
}

/// One request, watched while its VM is built.
#[component]
pub(crate) fn RequestPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id").unwrap_or_default());
    let asks = use_query_map().with_untracked(|query| query.get(ASKS).is_some());
    let words = Words::of_page();
    with_data(
        async move |backend| backend.request(&id).await,
        move |detail: RequestDetail| {
            let progress = &detail.progress;
            let now_ms = progress.server_time.map_or(0, Timestamp::epoch_ms);
            let title = words.document_title(progress, &detail.request.name, now_ms, now_ms);
            let icon = icon::icon(progress, now_ms).address();
            let runs = !progress.status.has_ended();
            let can_be_cancelled = matches!(progress.status, Status::Queued | Status::Provisioning);
            let question = can_be_cancelled.then(|| {
                let html = question(words, &detail.request.links.page, asks);
                view! { <noscript inner_html=html></noscript> }
            });
            view! {
                <Title text=title/>
                // After the icon of all pages, and so before it: of several the last one counts. It is
                // looked for in the page's head when it is rendered, which is after the wait for data.
                {OwnedView::new(view! {
                    <Link rel="icon" type_="image/svg+xml" id=ICON_ID href=icon/>
                })}
                {(runs && !asks).then(|| view! { <noscript inner_html=RELOAD_HTML></noscript> })}
                <Watched detail/>
                {question}
            }
        },
    )
}
