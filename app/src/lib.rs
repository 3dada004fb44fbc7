//! The Stagewatch page: the wire types that it shares with the server, and the Leptos components.
//!
//! Built twice: with `ssr` into the server, with `hydrate` into the WebAssembly that the browser loads.

pub mod api;
pub mod backend;

#[cfg(feature = "ssr")]
pub fn shell(_options: leptos::prelude::LeptosOptions) -> impl leptos::prelude::IntoView {}
/// x
#[leptos::prelude::component]
pub fn App() -> impl leptos::prelude::IntoView {}
