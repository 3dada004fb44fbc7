//! One request, watched while its VM is built: how long still, where is it, can this page be trusted?

use leptos::prelude::*;

use super::Moment;
use crate::{
    api::Request,
    backend::RequestDetail,
    components::{
        Actions, Announcer, Attempts, Chip, Eta, FailureStory, Interruptions, Liveness, Machine,
        SlowNote, Stepper, Undo, WaitingNote,
    },
    live::Watch,
    words,
};

/// Everything of a request's page that moves.
#[island]
pub(crate) fn Watched(
    /// What the server knew when it rendered the page.
    detail: RequestDetail,
) -> impl IntoView {
    let watch = Watch::new(&detail);
    let request = detail.request;
    stay_true(watch, &request);
    let status = watch.memo(|progress| progress.status);
    let history = format!("{}/history", request.links.page);
    let (name, created_at) = (request.name.clone(), request.created_at);
    let page = request.links.page.clone();
    view! {
        <article class="request" data-status=move || status.get().as_str()>
            <header class="request-head">
                <div class="request-name"><h1>{name}</h1><Chip status/></div>
                <ul class="facts">
                    {facts(&request).into_iter().map(|fact| view! { <li>{fact}</li> }).collect_view()}
                    <li>"asked at "<Moment at=created_at now_ms=watch.now_ms.get_untracked()/></li>
                </ul>
            </header>
            <Announcer watch/>
            <SlowNote watch/>
            <WaitingNote watch/>
            <section class="card" aria-label="Progress">
                <Eta watch>
                    <Machine watch/>
                    <FailureStory watch request=request.clone()/>
                </Eta>
                <Stepper watch/>
                <Interruptions watch/>
                <Undo watch/>
                <Liveness watch history/>
            </section>
            <Actions watch page/>
            <Attempts watch/>
        </article>
    }
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

/// Lets the stream move the page on, keeps the title current, and asks for the VM once it is ready.
/// Browsers only, and only after hydration.
#[cfg_attr(not(feature = "hydrate"), expect(unused_variables, reason = "a server only renders"))]
fn stay_true(watch: Watch, request: &Request) {
    #[cfg(feature = "hydrate")]
    {
        let Request { links, name, .. } = request.clone();
        let title = watch.memo(move |progress| words::document_title(progress, &name));
        Effect::new(move |_| document().set_title(&title.get()));
        Effect::new(move |_| {
            if watch.link.get_untracked() != crate::live::Link::Ended {
                crate::live::keep_true(watch, links.events.clone());
            }
        });
        Effect::new(move |_| crate::live::ask_for_vm(watch, &links.page));
    }
}
