//! The Stagewatch page: the wire types that it shares with the server, and the Leptos components.
//!
//! Built twice: with `ssr` into the server, with `hydrate` into the WebAssembly that the browser loads.
//! Three things hold:
//!
//! - the first client render equals the server's, so clocks, locale and zone only move after hydration;
//! - a page's data has one path: `Backend`, into the page, then moved on by the stream;
//! - every page works without JavaScript.

pub mod api;
pub mod backend;
#[cfg(feature = "hydrate")]
mod browser;
#[allow(unreachable_pub, reason = "the component macro writes `pub` where `pub(crate)` was meant")]
mod components;
mod data;
#[cfg_attr(
    not(feature = "hydrate"),
    allow(dead_code, reason = "the server only renders; a browser listens, and the tests")
)]
mod live;
mod measure;
#[allow(unreachable_pub, reason = "the component macro writes `pub` where `pub(crate)` was meant")]
mod pages;
#[cfg(test)]
mod sample;
mod shell;
mod viewer;
mod words;

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    ParamSegment, SsrMode, StaticSegment,
    components::{Route, Router, Routes},
};

pub use shell::shell;

use backend::Site;
use components::Frame;
use pages::{HistoryPage, NewRequestPage, NotFoundPage, RequestPage, RequestsPage};
use viewer::Viewer;

/// The app: every page, in its frame.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    Viewer::provide();
    let site = SharedValue::new(site).into_inner();
    // Async: a page's status is known before its first byte, and nothing waits for JavaScript.
    let ssr = SsrMode::Async;
    view! {
        <Title text="Stagewatch"/>
        <Router>
            <Frame site>
                <Routes fallback=NotFoundPage>
                    <Route path=StaticSegment("") view=RequestsPage ssr=ssr.clone()/>
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
                        ssr
                    />
                </Routes>
            </Frame>
        </Router>
    }
}

/// What the frame shows; empty where no server is (while the routes are listed).
fn site() -> Site {
    #[cfg(feature = "ssr")]
    if let Some(backend) = use_context::<std::sync::Arc<dyn backend::Backend>>() {
        return backend.site();
    }
    Site {
        vcenter: String::new(),
        simulated: false,
        cpus: (1, 1),
        memory_mib: (0, 0),
        memory_step_mib: 1,
    }
}

/// Takes over what the server rendered.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(App);
}
