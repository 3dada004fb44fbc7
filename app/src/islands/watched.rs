//! One request, watched while its VM is built: how long still, where is it, can this page be trusted?

use leptos::prelude::*;

use super::Moment;
use crate::{
    api::Request,
    backend::RequestDetail,
    components::{
        Actions, Announcer, Attempts, Chip, Eta, FailureStory, Interruptions, Liveness, Machine,
        SlowNote, Stepper, TellMe, Timeline, Tries, Undo, WaitingNote,
    },
    live::Watch,
    words::Words,
};
#[cfg(feature = "hydrate")]
use crate::{browser, icon};

/// Everything of a request's page that moves.
#[island]
pub(crate) fn Watched(
    /// What the server knew when it rendered the page.
    detail: RequestDetail,
) -> impl IntoView {
    let watch = Watch::new(&detail);
    let words = watch.words;
    let request = detail.request;
    stay_true(watch, &request);
    let status = watch.memo(|progress| progress.status);
    let [history, replay] =
        ["history", "replay"].map(|page| format!("{}/{page}", request.links.page));
    let (name, created_at) = (request.name.clone(), request.created_at);
    let (page, this) = (request.links.page.clone(), request.links.this.clone());
    view! {
        <article class="request" data-status=move || status.get().as_str()>
            <header class="request-head">
                <div class="request-name"><h1>{name}</h1><Chip status/></div>
                <ul class="facts">
                    {facts(words, &request).into_iter().map(|fact| view! { <li>{fact}</li> }).collect_view()}
                    <li>{words.asked_at()}" "<Moment at=created_at now_ms=watch.now_ms.get_untracked()/></li>
                </ul>
            </header>
            <Announcer watch/>
            <SlowNote watch/>
            <WaitingNote watch/>
            <section class="card" aria-label=words.progress()>
                <Eta watch>
                    <Machine watch/>
                    <FailureStory watch request=request.clone()/>
                </Eta>
                <Stepper watch/>
                <Interruptions watch/>
                <Tries watch/>
                <Undo watch/>
                <Liveness watch history/>
            </section>
            <div class="request-acts">
                <TellMe watch request=this/>
                <Actions watch page/>
            </div>
            <Timeline watch replay/>
            <Attempts watch/>
        </article>
    }
}

/// What was asked for, in a line.
fn facts(words: Words, request: &Request) -> Vec<String> {
    let mut facts =
        vec![request.template.clone(), words.cpus(request.cpus), words.memory(request.memory_mib)];
    let network = request.network.clone().unwrap_or_default();
    facts.extend([network.name, network.ip_address].into_iter().flatten());
    facts
}

/// Lets the stream move the page on, keeps the title and the icon current, asks for the VM once it is
/// ready, and tells the end to who asked for that. Browsers only, and only after hydration.
#[cfg_attr(not(feature = "hydrate"), expect(unused_variables, reason = "a server only renders"))]
fn stay_true(watch: Watch, request: &Request) {
    #[cfg(feature = "hydrate")]
    {
        let words = watch.words;
        let Request { links, name, .. } = request.clone();
        let title_name = name.clone();
        let title = watch.ticking(move |state, now_ms| {
            words.document_title(&state.progress, &title_name, state.estimate_as_of_ms, now_ms)
        });
        Effect::new(move |_| document().set_title(&title.get()));
        let icon = watch.ticking(|state, now_ms| icon::icon(&state.progress, now_ms));
        Effect::new(move |_| browser::set_address(icon::ICON_ID, &icon.get().address()));
        let links_of_stream = links.clone();
        Effect::new(move |_| {
            let (name, links) = (name.clone(), links_of_stream.clone());
            let progress_path = links.progress.clone();
            let keep_true = move |known_at_ms| {
                let (name, id) = (name.clone(), links.this.clone());
                crate::live::keep_true(watch, links.clone(), known_at_ms, move |state| {
                    let now_ms = watch.now_ms.get_untracked();
                    let crate::words::Notice { title, body } =
                        words.notice(&state.progress, &name, now_ms);
                    browser::notifications::tell(&id, &title, &body);
                });
            };
            if watch.link.get_untracked() != crate::live::Link::Ended {
                // The server rendered the page just before its first byte came.
                keep_true(browser::response_start_ms());
            }
            crate::live::notice_retry(watch, progress_path, move || {
                keep_true(browser::monotonic_ms());
            });
        });
        Effect::new(move |_| crate::live::ask_for_vm(watch, &links.page));
    }
}
