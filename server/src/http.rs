//! HTTP: the one table of routes, and what goes around them all.
//!
//! Handlers translate and nothing else: what may happen is decided in the application and the domain.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::{any, get, post};
use leptos::config::LeptosOptions;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::application::insights::Insights;
use crate::application::progress_query::ProgressQuery;
use crate::application::requests::Requests;
use crate::domain::ports::vsphere::VmTemplate;

pub mod board;
pub mod body;
pub mod convert;
pub mod error;
pub mod frames;
pub mod guard;
pub mod health;
pub mod leaving;
pub mod metrics;
pub mod query;
pub mod requests;
pub mod serve;
pub mod stream;
pub mod text;
pub mod ui;

use error::ApiError;
use frames::Epoch;
pub use ui::MachineLinks;

/// How long the application may take to begin its answer before the client is told that PostgreSQL is
/// away: the 503 is promised within 3 s.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(2_700);

/// How long vCenter may take to list its templates.
const TEMPLATES_TIMEOUT: Duration = Duration::from_secs(10);

/// What every handler works with.
#[derive(Debug, Clone)]
pub struct AppState {
    /// Answers questions.
    pub query: Arc<ProgressQuery>,
    /// Accepts requests.
    pub requests: Arc<Requests>,
    /// The identity of the journal.
    pub epoch: Epoch,
    /// Answers questions over all requests.
    pub insights: Arc<Insights>,
    /// The places for live streams.
    pub streams: Arc<Semaphore>,
    /// How many places there are in all.
    pub streams_max: usize,
    /// Set once the schema is there.
    pub ready: Arc<AtomicBool>,
    /// Ends every stream.
    pub shutdown: CancellationToken,
    /// Which vCenter, in words.
    pub vcenter_name: Arc<str>,
    /// Whether it is the simulated one.
    pub simulated: bool,
    /// Where a finished VM is reached.
    pub machine_links: MachineLinks,
    /// Where the page's files are.
    pub site_dir: PathBuf,
}

impl AppState {
    /// Whether the schema is there.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// The templates, or why there are none.
    async fn templates(&self) -> Result<Arc<Vec<VmTemplate>>, ApiError> {
        match tokio::time::timeout(TEMPLATES_TIMEOUT, self.requests.templates()).await {
            Ok(templates) => templates.map_err(ApiError::from),
            Err(_) => {
                let (status, detail) =
                    (StatusCode::SERVICE_UNAVAILABLE, "vCenter is not answering in time");
                let title = "vCenter is not available";
                Err(ApiError::new(status, "vcenter-unavailable", title, detail))
            }
        }
    }
}

impl FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        leptos_options(&state.site_dir)
    }
}

/// What Leptos must know to draw the page: where its script and style are.
fn leptos_options(site_dir: &std::path::Path) -> LeptosOptions {
    LeptosOptions::builder()
        .output_name("stagewatch")
        .site_root(site_dir.to_string_lossy().into_owned())
        .site_pkg_dir("pkg")
        .build()
}

/// Everything that this server answers.
pub fn router(state: AppState) -> Router {
    let options = leptos_options(&state.site_dir);
    let pages = ui::routes(&state, &options).layer(middleware::from_fn(page_errors)).layer(
        SetResponseHeaderLayer::if_not_present(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        ),
    );
    let plain = Router::new()
        .route("/metrics", get(metrics::metrics))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/favicon.ico", get(favicon))
        .nest_service("/pkg", files(&state))
        .layer(middleware::from_fn(page_errors));
    Router::new()
        .merge(plain)
        .nest("/api", api(&state))
        .merge(pages)
        .with_state(state)
        .layer(compression())
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::REFERRER_POLICY,
            HeaderValue::from_static("same-origin"),
        ))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(CONTENT_SECURITY_POLICY),
        ))
        .layer(middleware::from_fn(guard::own_site_only))
        .layer(CatchPanicLayer::custom(|_| {
            let detail = "something went wrong in the server; it has been logged";
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            ApiError::new(status, "internal", "Internal error", detail).into_response()
        }))
        .layer(middleware::from_fn(error::render))
}

/// Leptos writes its data and the start of hydration as inline scripts; nothing comes from elsewhere.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self' 'unsafe-inline' \
     'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What a method that is not taken is told.
const METHOD_NOT_ALLOWED: &str = "this address does not take this method";

/// The routes of the API. Every error below it is a problem document.
fn api(state: &AppState) -> Router<AppState> {
    let data = Router::new()
        .route("/requests", get(requests::list).post(requests::create))
        .route("/requests/events", get(board::events))
        .route("/requests/{id}", get(requests::show))
        .route("/requests/{id}/provisioning-progress", get(stream::progress))
        .route("/requests/{id}/provisioning-progress/events", get(stream::events))
        .route("/requests/{id}/history", get(requests::history))
        .route("/requests/{id}/cancel", post(requests::cancel))
        .route("/requests/{id}/retry", post(requests::retry))
        .layer(middleware::from_fn_with_state(state.clone(), answer_in_time));
    Router::new()
        .merge(data)
        .route("/templates", get(requests::templates))
        .fallback(any(|| async { ApiError::no_such_route() }))
        .method_not_allowed_fallback(|| async {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            ApiError::new(status, "method-not-allowed", "Method not allowed", METHOD_NOT_ALLOWED)
        })
}

/// Says within 3 s that PostgreSQL is away, whatever hangs.
async fn answer_in_time(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if !state.is_ready() {
        return ApiError::database_away().into_response();
    }
    // A body may take its time to arrive; only what needs nothing more than PostgreSQL is timed here.
    let takes_body = request.method() == axum::http::Method::POST;
    if takes_body {
        return next.run(request).await;
    }
    match tokio::time::timeout(ANSWER_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::database_away().into_response(),
    }
}

/// Says within 3 s that PostgreSQL is away, whatever hangs.
async fn in_time<T>(work: impl Future<Output = T>) -> Result<T, ApiError> {
    tokio::time::timeout(ANSWER_TIMEOUT, work).await.map_err(|_| ApiError::database_away())
}

/// Errors outside the API are pages or plain lines, never problem documents.
async fn page_errors(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<ApiError>() {
        Some(error) => (error.status(), format!("{}\n", error.detail())).into_response(),
        // The router itself says nothing but the status and the header `Allow`.
        None if response.status() == StatusCode::METHOD_NOT_ALLOWED => {
            let allow = response.headers_mut().remove(header::ALLOW);
            let allow = allow.map(|allow| (header::ALLOW, allow));
            let line = format!("{METHOD_NOT_ALLOWED}\n");
            (StatusCode::METHOD_NOT_ALLOWED, AppendHeaders(allow), line).into_response()
        }
        None if response.status() == StatusCode::NOT_FOUND && !has_body(&response) => {
            (StatusCode::NOT_FOUND, "nothing is at this address\n").into_response()
        }
        None => response,
    }
}

fn has_body(response: &Response) -> bool {
    response.headers().contains_key(header::CONTENT_TYPE)
}

/// The icon that a browser asks for by itself where a document names none: a report, or JSON.
async fn favicon() -> impl IntoResponse {
    let headers =
        [(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "max-age=86400")];
    (headers, app::SIGN)
}

/// The page's script, WebAssembly and style. Their names do not change with their content, so a browser
/// asks each time whether they are still the same, and is mostly told that they are.
fn files(state: &AppState) -> Router {
    let files = ServeDir::new(state.site_dir.join("pkg")).precompressed_br().precompressed_gzip();
    Router::new().fallback_service(files).layer(SetResponseHeaderLayer::overriding(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache"),
    ))
}

/// From how many bytes on an answer is compressed: below, it is one packet either way.
const COMPRESSED_BYTES_MIN: u16 = 1024;

/// Pages and JSON are compressed; streams never are (a frame must leave at once), nor what is already.
fn compression() -> CompressionLayer<impl Predicate> {
    let worthwhile = SizeAbove::new(COMPRESSED_BYTES_MIN)
        .and(NotForContentType::SSE)
        .and(NotForContentType::const_new("text/plain"))
        .and(NotForContentType::const_new("application/wasm"));
    CompressionLayer::new().compress_when(worthwhile)
}
