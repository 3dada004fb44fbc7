//! The app: every page at its address, in the frame that all share.

use std::sync::Arc;

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    ParamSegment, SsrMode, StaticSegment,
    components::{Route, Router, Routes},
};

use crate::{
    backend::{Backend, Site},
    pages::{
        Frame, HistoryPage, InsightsPage, NewRequestPage, NotFoundPage, ReplayPage, RequestPage,
        RequestsPage,
    },
};

/// The app: every page, in its frame. Expects an `Arc<dyn Backend>` in the context.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    // Async: a page's status is known before its first byte, and nothing waits for JavaScript.
    let ssr = SsrMode::Async;
    view! {
        <Title text="Stagewatch"/>
        <Router>
            <Frame site=site()>
                <Routes fallback=NotFoundPage>
                    <Route path=StaticSegment("") view=RequestsPage ssr=ssr.clone()/>
                    <Route path=StaticSegment("insights") view=InsightsPage ssr=ssr.clone()/>
                    <Route
                        path=(StaticSegment("requests"), StaticSegment("new"))
                        view=NewRequestPage
                        ssr=ssr.clone()
                    />
                    <Route
                        path=(StaticSegment("requests"), ParamSegment("id"))
                        view=RequestPage
                        ssr=ssr.clone()
                    />
                    <Route
                        path=(StaticSegment("requests"), ParamSegment("id"), StaticSegment("history"))
                        view=HistoryPage
                        ssr=ssr.clone()
                    />
                    <Route
                        path=(StaticSegment("requests"), ParamSegment("id"), StaticSegment("replay"))
                        view=ReplayPage
                        ssr
                    />
                </Routes>
            </Frame>
        </Router>
    }
}

/// What the frame shows. Without a server there is nothing to show (while the routes are listed).
fn site() -> Option<Site> {
    use_context::<Arc<dyn Backend>>().map(|backend| backend.site())
}
