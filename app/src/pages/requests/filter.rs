//! Which requests the list shows.

use leptos::prelude::*;

use crate::{api::Status, backend::ListQuery};

/// A plain form that asks for a part of the list.
#[component]
pub(crate) fn Filter(
    /// What is asked for now.
    query: ListQuery,
) -> impl IntoView {
    let is_filtered = query.status.is_some() || query.template.is_some() || query.q.is_some();
    let option = |status: Status| {
        view! {
            <option value=status.as_str() selected=query.status == Some(status)>
                {status.label()}
            </option>
        }
    };
    view! {
        <form class="filter" method="get" action="/" role="search">
            <div class="filter-field">
                <label for="q">"Name"</label>
                <input
                    type="search"
                    id="q"
                    name="q"
                    maxlength="63"
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    value=query.q.clone()
                />
            </div>
            <div class="filter-field">
                <label for="status">"Status"</label>
                <select id="status" name="status">
                    <option value="">"All"</option>
                    {Status::ALL.into_iter().map(option).collect_view()}
                </select>
            </div>
            {query.template.clone().map(|template| view! {
                <input type="hidden" name="template" value=template.clone()/>
                <p class="filter-template">"made from "{template}</p>
            })}
            <button class="button">"Show"</button>
            {is_filtered.then(|| view! {
                <a class="button" data-kind="quiet" href="/">"Show all"</a>
            })}
        </form>
    }
}
