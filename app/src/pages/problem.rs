//! A page that has no data.

use leptos::prelude::*;
use leptos_meta::Title;

use super::set_status;
use crate::{backend::PageError, words::Words};

/// How often the page loads itself again without JavaScript while what is wrong may pass, in seconds.
const RELOAD_HTML: &str = r#"<meta http-equiv="refresh" content="5">"#;

/// Says what happened and what to do, with the right HTTP status.
#[component]
pub(crate) fn ProblemPage(
    /// What happened.
    error: PageError,
) -> impl IntoView {
    set_status(error.status);
    let words = Words::of_page();
    let is_passing = error.status >= 500;
    let title = match error.status {
        404 => words.not_found(),
        503 => words.not_available(),
        status if status < 500 => words.cannot_be_shown(),
        _ => words.something_went_wrong(),
    };
    view! {
        <Title text=words.page_title(title)/>
        <div class="problem" data-status=error.status>
            {is_passing.then(|| view! { <noscript inner_html=RELOAD_HTML></noscript> })}
            <h1>{title}</h1>
            <p>{words.told(&error.detail)}</p>
            <p class="actions">
                // An empty address is this page.
                {is_passing.then(|| view! {
                    <a class="button" data-kind="main" href="">{words.try_again()}</a>
                })}
                <a class="button" href="/">{words.all_requests()}</a>
            </p>
        </div>
    }
}
