//! What is around every page.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use crate::{backend::Site, words::Words};

/// The head of every page: the name, the ways to go, which vCenter this is.
#[component]
pub(crate) fn Frame(
    /// What is known of the server.
    site: Option<Site>,
    /// The page.
    children: Children,
) -> impl IntoView {
    let words = Words::of_page();
    let path = use_location().pathname.get_untracked();
    let current = move |page: &str| (path == page).then_some("page");
    let (at_list, at_form) = (current("/"), current("/requests/new"));
    let at_insights = current("/insights");
    let vcenter = site.map(|site| {
        let kind = if site.simulated { "simulated" } else { "real" };
        view! { <span class="frame-vcenter" data-vcenter=kind>{words.told(&site.vcenter)}</span> }
    });
    view! {
        <a class="skip" href="#content">{words.skip_to_content()}</a>
        <header class="frame">
            <a class="frame-name" href="/">
                <svg viewBox="0 0 24 24" aria-hidden="true">
                    <path d="M12 2.6a9.4 9.4 0 1 1-8.2 4.8"/>
                    <circle cx="12" cy="12" r="3.6"/>
                </svg>
                "Stagewatch"
            </a>
            <nav class="frame-nav" aria-label=words.main_ways()>
                <a href="/" aria-current=at_list>{words.requests()}</a>
                <a href="/requests/new" aria-current=at_form>{words.new_request_briefly()}</a>
                <a href="/insights" aria-current=at_insights>{words.insights()}</a>
            </nav>
            {vcenter}
        </header>
        <main id="content" tabindex="-1">{children()}</main>
    }
}
