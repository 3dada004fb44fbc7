//! Everything that is wrong with a form, before the form.

use leptos::{html, prelude::*};

use crate::words::Words;

/// One thing that is wrong: the id of its field, the field's label and the message.
pub(crate) type Wrong = (&'static str, &'static str, String);

/// Lists what is wrong and leads to each field. It has the focus when the page comes.
#[component]
pub(crate) fn SummaryOfErrors(
    /// What is wrong with single fields.
    wrong: Vec<Wrong>,
    /// What is wrong beyond them.
    problem: Option<String>,
) -> impl IntoView {
    let words = Words::of_page();
    let is_there = !wrong.is_empty() || problem.is_some();
    let summary = NodeRef::<html::Div>::new();
    // `autofocus` does it without JavaScript, but not in every browser for what is not a field.
    Effect::new(move |_| {
        if let Some(summary) = summary.get() {
            drop(summary.focus());
        }
    });
    is_there.then(|| {
        let title = words.fields_are_wrong(wrong.len());
        let line = |(id, label, message): Wrong| {
            view! {
                <li><a href=format!("#{id}")>{label}</a>": "{message}</li>
            }
        };
        view! {
            <div class="errors" role="group" aria-labelledby="errors-title" tabindex="-1" autofocus node_ref=summary>
                <h2 id="errors-title">{title}</h2>
                {problem.map(|problem| view! { <p>{words.told(&problem)}</p> })}
                <ul>{wrong.into_iter().map(line).collect_view()}</ul>
            </div>
        }
    })
}
