//! The Stagewatch page: the wire types that it shares with the server, and the Leptos components.
//!
//! Built twice: with `ssr` into the server, with `hydrate` into the WebAssembly that the browser loads.

pub mod api;
pub mod backend;
