//! A page that has no data.

use leptos::prelude::*;
use leptos_meta::Title;

use super::set_status;
use crate::backend::PageError;

/// Says what happened and what to do, with the right HTTP status.
#[component]
pub(crate) fn ProblemPage(
    /// What happened.
    error: PageError,
) -> impl IntoView {
    set_status(error.status);
    let is_passing = error.status >= 500;
    let title = match error.status {
        404 => "Not found",
        503 => "Not available just now",
        status if status < 500 => "This cannot be shown",
        _ => "Something went wrong",
    };
    view! {
        <Title text=format!("{title} · Stagewatch")/>
        <div class="problem" data-status=error.status>
            <h1>{title}</h1>
            <p>{error.detail}</p>
            <p class="actions">
                // An empty address is this page.
                {is_passing.then(|| view! {
                    <a class="button" data-kind="main" href="">"Try again"</a>
                })}
                <a class="button" href="/">"All requests"</a>
            </p>
        </div>
    }
}
