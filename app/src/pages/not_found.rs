//! An address that leads nowhere.

use leptos::prelude::*;
use leptos_meta::Title;

use super::set_status;
use crate::words::Words;

/// Says that there is no such page, with status 404.
#[component]
pub(crate) fn NotFoundPage() -> impl IntoView {
    set_status(404);
    let words = Words::of_page();
    view! {
        <Title text=words.page_title(words.page_not_found())/>
        <div class="problem" data-status="404">
            <h1>{words.page_not_found()}</h1>
            <p>{words.nothing_here()}</p>
            <p class="actions"><a class="button" href="/">{words.all_requests()}</a></p>
        </div>
    }
}
