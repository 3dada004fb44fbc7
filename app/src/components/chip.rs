//! The status, as a word in its colour.

use leptos::prelude::*;

use crate::{
    api::Status,
    words::{self, Words},
};

/// The status of a request.
#[component]
pub(crate) fn Chip(
    /// The status.
    #[prop(into)]
    status: Signal<Status>,
) -> impl IntoView {
    let words = Words::of_page();
    view! {
        <span class="chip" data-tone=move || words::tone(status.get()).as_str()>
            {move || words.status(status.get())}
        </span>
    }
}
