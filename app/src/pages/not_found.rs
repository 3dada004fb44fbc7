//! An address that leads nowhere.

use leptos::prelude::*;
use leptos_meta::Title;

use super::set_status;

/// Says that there is no such page, with status 404.
#[component]
pub(crate) fn NotFoundPage() -> impl IntoView {
    set_status(404);
    view! {
        <Title text="Page not found · Stagewatch"/>
        <div class="problem" data-status="404">
            <h1>"Page not found"</h1>
            <p>"There is nothing at this address. It may have been mistyped."</p>
            <p class="actions"><a class="button" href="/">"All requests"</a></p>
        </div>
    }
}
