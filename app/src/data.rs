//! How a page gets its data: one path, from the server's `Backend` into the page.
//!
//! The server asks `Backend` while it renders and sends the answer along; the browser reads it from
//! there while it hydrates. There is no second way: links load whole pages, so a browser never asks.

use std::future::Future;

use leptos::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

use crate::{backend::PageError, pages::ProblemPage};

/// Loads what a page shows, then shows it, or says why it cannot.
pub(crate) fn with_data<T, Load, Loading, Show, View>(load: Load, show: Show) -> impl IntoView
where
    T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    Load: Fn() -> Loading + Send + Sync + 'static,
    Loading: Future<Output = Result<T, PageError>> + Send + 'static,
    Show: Fn(T) -> View + Clone + Send + Sync + 'static,
    View: IntoView + 'static,
{
    let data = Resource::new_blocking(|| (), move |()| load());
    view! {
        <Suspense>
            {move || {
                let show = show.clone();
                Suspend::new(async move {
                    match data.await {
                        Ok(data) => show(data).into_any(),
                        Err(error) => view! { <ProblemPage error/> }.into_any(),
                    }
                })
            }}
        </Suspense>
    }
}

/// Asks the server's `Backend` for something. In a browser there is none: see the module.
///
/// # Errors
///
/// With what `Backend` answers; a 503 where there is none.
#[cfg(feature = "ssr")]
macro_rules! ask {
    ($backend:ident => $answer:expr) => {{
        let backend = leptos::prelude::use_context::<std::sync::Arc<dyn crate::backend::Backend>>();
        match backend {
            Some($backend) => $answer,
            None => Err(crate::data::no_backend()),
        }
    }};
}

/// The browser's half: nothing is ever asked here.
#[cfg(not(feature = "ssr"))]
macro_rules! ask {
    ($backend:ident => $answer:expr) => {
        Err(crate::data::no_backend())
    };
}

pub(crate) use ask;

/// What is said where nobody can be asked.
pub(crate) fn no_backend() -> PageError {
    PageError { status: 503, detail: "This page could not be loaded. Load it again.".to_owned() }
}

/// Sends the page with this HTTP status.
pub(crate) fn set_status(status: u16) {
    #[cfg(feature = "ssr")]
    if let (Some(response), Ok(status)) =
        (use_context::<leptos_axum::ResponseOptions>(), axum::http::StatusCode::from_u16(status))
    {
        response.set_status(status);
    }
    #[cfg(not(feature = "ssr"))]
    let _sent_already = status;
}
