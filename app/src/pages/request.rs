//! The page of one request: how long still, where is it, can this page be trusted?

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use crate::{
    api::Request,
    backend::{PageError, RequestDetail},
    components::{
        Announcer, Attempts, Chip, Eta, FailureNote, Liveness, Moment, ReadyNote, SlowNote,
        Stepper, Undo, WaitingNote,
    },
    data::{ask, with_data},
    live::Watch,
    words,
};

/// How often the page loads itself again without JavaScript, in seconds.
const RELOAD_HTML: &str = r#"<meta http-equiv="refresh" content="5">"#;

/// One request, watched while its VM is built.
#[component]
pub(crate) fn RequestPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id").unwrap_or_default());
    with_data(move || load(id.clone()), |detail| view! { <Watched detail/> })
}

#[cfg_attr(
    not(feature = "ssr"),
    expect(unused_variables, clippy::unused_async, reason = "see data")
)]
async fn load(id: String) -> Result<RequestDetail, PageError> {
    ask!(backend => backend.request(&id).await)
}

#[component]
fn Watched(detail: RequestDetail) -> impl IntoView {
    let watch = Watch::new(&detail);
    let request = detail.request;
    stay_true(watch, &request);
    let (title, page_title) = (request.name.clone(), request.name.clone());
    let title = watch.memo(move |progress| words::document_title(progress, &title));
    let status = watch.memo(|progress| progress.status);
    let runs = !watch.state.with_untracked(crate::live::LiveState::has_ended);
    let history = format!("{}/history", request.links.page);
    let created_at = request.created_at;
    view! {
        <Title text=move || title.get()/>
        {runs.then(|| view! { <noscript inner_html=RELOAD_HTML></noscript> })}
        <article class="request" data-status=move || status.get().as_str()>
            <header class="request-head">
                <div class="request-name"><h1>{page_title}</h1><Chip status/></div>
                <ul class="facts">
                    {facts(&request).into_iter().map(|fact| view! { <li>{fact}</li> }).collect_view()}
                    <li>"asked at "<Moment at=created_at now_ms=watch.now_ms.get_untracked()/></li>
                </ul>
            </header>
            <Announcer watch/>
            <ReadyNote watch/>
            <FailureNote watch request/>
            <SlowNote watch/>
            <WaitingNote watch/>
            <section class="card" aria-label="Progress">
                <Eta watch/>
                <Stepper watch/>
                <Undo watch/>
                <Liveness watch history/>
            </section>
            <Attempts watch/>
        </article>
    }
    .into_any()
}

/// What was asked for, in a line.
fn facts(request: &Request) -> Vec<String> {
    let mut facts = vec![
        request.template.clone(),
        words::cpus(request.cpus),
        words::memory(request.memory_mib),
    ];
    let network = request.network.clone().unwrap_or_default();
    facts.extend([network.name, network.ip_address].into_iter().flatten());
    facts
}

/// Lets the stream move the page on, and asks for the VM once it is ready. Browsers only, and only
/// after hydration.
#[cfg_attr(not(feature = "hydrate"), expect(unused_variables, reason = "a server only renders"))]
fn stay_true(watch: Watch, request: &Request) {
    #[cfg(feature = "hydrate")]
    {
        let (events, this) = (request.links.events.clone(), request.links.this.clone());
        Effect::new(move |_| {
            if watch.link.get_untracked() != crate::live::Link::Ended {
                crate::live::keep_true(watch, events.clone());
            }
        });
        Effect::new(move |_| crate::live::ask_for_vm(watch, &this));
    }
}
