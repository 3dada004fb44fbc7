//! A failure: what happened, what was undone, what to do next.

use leptos::prelude::*;

use super::Copy;
use crate::{
    api::{Failure, Request},
    live::Watch,
    words::{self, Words},
};

/// Why it failed, what was left behind and what to do next, in that order. Nothing while it has not.
#[component]
pub(crate) fn FailureStory(
    /// The request.
    watch: Watch,
    /// What was asked for, to ask for it again.
    request: Request,
) -> impl IntoView {
    let words = watch.words;
    let failure = watch.memo(move |progress| {
        let failure = progress.failure.clone()?;
        Some((failure, words.what_was_undone(progress)))
    });
    let (again, report) = (again(&request), format!("{}/report", request.links.page));
    move || {
        failure.with(|failure| {
            let (failure, undone) = failure.as_ref()?;
            Some(story(words, failure, undone.clone(), again.clone(), report.clone()))
        })
    }
}

fn story(
    words: Words,
    failure: &Failure,
    undone: Option<String>,
    again: String,
    report: String,
) -> impl IntoView + use<> {
    let has_ended = undone.is_some();
    let (reason, advice) = (words.told(&failure.reason), words.advice(failure));
    // What is told as it came is in vCenter's and the server's language.
    let language = (reason == failure.reason).then_some("en");
    view! {
        <section class="failure" aria-label=words.failure() data-code=failure.code.clone()>
            <p class="failure-reason" lang=language>{reason}</p>
            <p class="failure-undone">
                {undone.unwrap_or_else(|| words.being_undone().to_owned())}
            </p>
            <p class="failure-advice">{advice}</p>
            {has_ended.then(|| view! {
                <p class="actions"><a class="button" href=again>{words.change_and_ask_again()}</a></p>
                <p class="failure-report">
                    <a href=report.clone()>{words.report_for_support()}</a>
                    <Copy source=report what=words.the_report()/>
                </p>
            })}
        </section>
    }
}

/// The address of the form, filled with what was asked for.
fn again(request: &Request) -> String {
    let network = request.network.clone().unwrap_or_default();
    let fields = [
        ("name", request.name.clone()),
        ("template", request.template.clone()),
        ("cpus", request.cpus.to_string()),
        ("memoryMib", request.memory_mib.to_string()),
        ("networkName", network.name.unwrap_or_default()),
        ("ipAddress", network.ip_address.unwrap_or_default()),
        ("gateway", network.gateway.unwrap_or_default()),
    ];
    let filled = fields.into_iter().filter(|(_, value)| !value.is_empty());
    let pairs: Vec<_> =
        filled.map(|(name, value)| format!("{name}={}", words::in_query(&value))).collect();
    format!("/requests/new?{}", pairs.join("&"))
}
