//! The Stagewatch page: the wire types that it shares with the server, and the Leptos components.
//!
//! Built twice: with `ssr` into the server, with `hydrate` into the WebAssembly that the browser loads.
//! Four things hold:
//!
//! - only what moves is hydrated: the pages are the server's, and hold islands (`#[island]`) that the
//!   browser takes over, so the download has no router and no page in it;
//! - the first client render equals the server's, so clocks, locale and zone only move after hydration;
//! - a page's data has one path: `Backend`, into the page, then moved on by the stream;
//! - every page works without JavaScript.

// A view is one deeply nested type, and the compiler computes its layout recursively.
#![recursion_limit = "256"]

pub mod api;
#[cfg(feature = "ssr")]
#[allow(unreachable_pub, reason = "it is exported below")]
mod app;
pub mod backend;
#[cfg_attr(
    not(feature = "hydrate"),
    allow(dead_code, reason = "the server only renders; a browser listens, and the tests")
)]
mod board;
#[cfg(feature = "hydrate")]
mod browser;
#[allow(unreachable_pub, reason = "the component macro writes `pub` where `pub(crate)` was meant")]
mod components;
mod film;
mod icon;
#[allow(unreachable_pub, reason = "the island macro writes `pub` where `pub(crate)` was meant")]
#[cfg_attr(
    not(feature = "ssr"),
    allow(unused_imports, reason = "pages name islands, a browser finds them")
)]
mod islands;
mod language;
#[cfg_attr(
    not(feature = "hydrate"),
    allow(dead_code, reason = "the server only renders; a browser listens, and the tests")
)]
mod live;
mod measure;
#[cfg(feature = "ssr")]
#[allow(unreachable_pub, reason = "the component macro writes `pub` where `pub(crate)` was meant")]
mod pages;
#[cfg(test)]
mod sample;
#[cfg(feature = "ssr")]
mod shell;
mod viewer;
#[cfg_attr(
    not(feature = "ssr"),
    allow(
        dead_code,
        unused_imports,
        reason = "some words are on pages only, which a browser has not"
    )
)]
mod words;

#[cfg(feature = "ssr")]
pub use app::App;
#[cfg(feature = "ssr")]
pub use shell::{SIGN, shell};

/// Lets the islands take over what the server rendered of them.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
}
