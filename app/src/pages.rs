//! The pages, one a file.
//!
//! Rendered by the server and never by a browser: what moves on them are islands. A page's data has
//! one path, from the server's [`Backend`] while the page renders.

mod frame;
mod history;
mod insights;
mod new_request;
mod not_found;
mod problem;
mod replay;
mod request;
mod requests;

pub(crate) use frame::Frame;
pub(crate) use history::HistoryPage;
pub(crate) use insights::InsightsPage;
pub(crate) use new_request::NewRequestPage;
pub(crate) use not_found::NotFoundPage;
pub(crate) use problem::ProblemPage;
pub(crate) use replay::ReplayPage;
pub(crate) use request::RequestPage;
pub(crate) use requests::RequestsPage;

use std::sync::Arc;

use axum::http::StatusCode;
use leptos::prelude::*;
use leptos_axum::ResponseOptions;

use crate::{
    backend::{Backend, PageError},
    words::Words,
};

/// Asks the server for what a page shows, then shows it, or says why it cannot be shown.
fn with_data<T, Asking, View>(
    ask: impl FnOnce(Arc<dyn Backend>) -> Asking + Send + 'static,
    show: impl FnOnce(T) -> View + Send + 'static,
) -> impl IntoView
where
    T: Send + 'static,
    Asking: Future<Output = Result<T, PageError>> + Send + 'static,
    View: IntoView + 'static,
{
    let backend = use_context::<Arc<dyn Backend>>();
    Suspend::new(async move {
        let data = match backend {
            Some(backend) => ask(backend).await,
            None => Err(no_backend()),
        };
        match data {
            Ok(data) => show(data).into_any(),
            Err(error) => view! { <ProblemPage error/> }.into_any(),
        }
    })
}

/// What is said when the server handed nothing in.
fn no_backend() -> PageError {
    PageError { status: 503, detail: Words::of_page().not_loaded().to_owned() }
}

/// Sends the page with this HTTP status.
fn set_status(status: u16) {
    if let (Some(response), Ok(status)) =
        (use_context::<ResponseOptions>(), StatusCode::from_u16(status))
    {
        response.set_status(status);
    }
}
