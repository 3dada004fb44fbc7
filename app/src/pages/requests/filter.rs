//! Which requests the list shows.

use leptos::prelude::*;

use crate::{
    api::Status,
    backend::{ListQuery, Tally},
    words::Words,
};

/// A plain form that asks for a part of the list.
#[component]
pub(crate) fn Filter(
    /// What is asked for now.
    query: ListQuery,
    /// What there is to ask for.
    tally: Tally,
) -> impl IntoView {
    let words = Words::of_page();
    let ListQuery { status, template, owner, q, .. } = query;
    let is_filtered = status.is_some() || template.is_some() || owner.is_some() || q.is_some();
    let option = move |one: Status| {
        view! {
            <option value=one.as_str() selected=status == Some(one)>{words.status(one)}</option>
        }
    };
    // With one person there is nobody to choose.
    let has_owners = owner.is_some() || tally.owners.len() > 1;
    view! {
        <form class="filter" method="get" action="/" role="search">
            <div class="filter-field">
                <label for="q">{words.name()}</label>
                <input
                    type="search"
                    id="q"
                    name="q"
                    maxlength="63"
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    value=q
                />
            </div>
            <div class="filter-field">
                <label for="status">{words.filter_status()}</label>
                <select id="status" name="status">
                    <option value="">{words.all()}</option>
                    {Status::ALL.into_iter().map(option).collect_view()}
                </select>
            </div>
            <Choice name="template" label=words.template() chosen=template choices=tally.templates/>
            {has_owners.then(|| view! {
                <Choice name="owner" label=words.asked_by() chosen=owner choices=tally.owners/>
            })}
            <button class="button">{words.show()}</button>
            {is_filtered.then(|| view! {
                <a class="button" data-kind="quiet" href="/">{words.show_all()}</a>
            })}
        </form>
    }
}

/// One of what there is, or all.
#[component]
fn Choice(
    name: &'static str,
    label: &'static str,
    chosen: Option<String>,
    mut choices: Vec<String>,
) -> impl IntoView {
    let words = Words::of_page();
    // What was typed into the address must not be lost silently.
    if let Some(chosen) = chosen.as_ref().filter(|chosen| !choices.contains(chosen)) {
        choices.push(chosen.clone());
    }
    let option = |choice: String| {
        let is_chosen = chosen.as_ref() == Some(&choice);
        let value = choice.clone();
        view! { <option value=value selected=is_chosen>{choice}</option> }
    };
    view! {
        <div class="filter-field">
            <label for=name>{label}</label>
            <select id=name name=name>
                <option value="">{words.all()}</option>
                {choices.into_iter().map(option).collect_view()}
            </select>
        </div>
    }
}
