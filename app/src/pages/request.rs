//! The page of one request.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use super::with_data;
use crate::{backend::RequestDetail, islands::Watched, words};

/// How often the page loads itself again without JavaScript, in seconds.
const RELOAD_HTML: &str = r#"<meta http-equiv="refresh" content="5">"#;

/// One request, watched while its VM is built.
#[component]
pub(crate) fn RequestPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id").unwrap_or_default());
    with_data(
        async move |backend| backend.request(&id).await,
        |detail: RequestDetail| {
            let title = words::document_title(&detail.progress, &detail.request.name);
            let runs = !detail.progress.status.has_ended();
            view! {
                <Title text=title/>
                {runs.then(|| view! { <noscript inner_html=RELOAD_HTML></noscript> })}
                <Watched detail/>
            }
        },
    )
}
