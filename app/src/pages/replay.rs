//! A past provisioning, event by event.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::with_data;
use crate::{
    backend::ReplayDetail,
    islands::{Moment, Replay},
    words::Words,
};

/// One request as it was after one of its events; `?at=5` says after which.
#[component]
pub(crate) fn ReplayPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id").unwrap_or_default());
    let at = use_query_map().with_untracked(|query| query.get("at")?.parse::<u32>().ok());
    with_data(
        async move |backend| backend.replay(&id).await,
        move |detail: ReplayDetail| {
            // What is not there is shown from the beginning.
            let first = at.and_then(|at| detail.events.iter().position(|event| event.seq == at));
            view! { <Film detail first=first.unwrap_or(0)/> }
        },
    )
}

#[component]
fn Film(detail: ReplayDetail, first: usize) -> impl IntoView {
    let words = Words::of_page();
    let ReplayDetail { request, events, server_time } = detail;
    let now_ms = server_time.epoch_ms();
    let path = format!("{}/replay", request.links.page);
    let chapters = events.iter().enumerate().map(|(index, event)| {
        view! {
            <li>
                <a href=format!("{path}?at={}", event.seq) aria-current=(index == first).then_some("true")>
                    <span class="chapter-number">{event.seq}</span>
                    " "
                    <span class="chapter-name">{words.event_name(event)}</span>
                    " "
                    <Moment at=event.at now_ms/>
                </a>
            </li>
        }
    });
    let chapters = chapters.collect_view();
    view! {
        <Title text=words.page_title(&format!("{} · {}", words.film(), request.name))/>
        <div class="replay">
            <header>
                <p class="crumb"><a href=request.links.page.clone()>{request.name}</a></p>
                <h1>{words.film()}</h1>
                <p>{words.film_meaning()}</p>
            </header>
            <Replay events first/>
            <nav class="chapters card" aria-label=words.events()>
                <ol>{chapters}</ol>
            </nav>
        </div>
    }
}
