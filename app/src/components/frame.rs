//! What is around every page.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use crate::backend::Site;

/// The head of every page: the name, the ways to go, which vCenter this is.
///
/// Links are `rel="external"` throughout: every page is loaded whole, so that there is exactly one
/// path for its data.
#[component]
pub(crate) fn Frame(
    /// What is known of the server.
    site: Site,
    /// The page.
    children: Children,
) -> impl IntoView {
    let path = use_location().pathname.get_untracked();
    let current = move |page: &str| (path == page).then_some("page");
    let (at_list, at_form) = (current("/"), current("/requests/new"));
    let vcenter = if site.simulated { "simulated" } else { "real" };
    view! {
        <a class="skip" href="#content" rel="external">"Skip to content"</a>
        <header class="frame">
            <a class="frame-name" href="/" rel="external">
                <svg viewBox="0 0 24 24" aria-hidden="true">
                    <path d="M12 2.6a9.4 9.4 0 1 1-8.2 4.8"/>
                    <circle cx="12" cy="12" r="3.6"/>
                </svg>
                "Stagewatch"
            </a>
            <nav class="frame-nav" aria-label="Main">
                <a href="/" rel="external" aria-current=at_list>"Requests"</a>
                <a href="/requests/new" rel="external" aria-current=at_form>"New request"</a>
            </nav>
            <span class="frame-vcenter" data-vcenter=vcenter>{site.vcenter}</span>
        </header>
        <main id="content" tabindex="-1">{children()}</main>
    }
    .into_any()
}
