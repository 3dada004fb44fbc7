//! Errors on their way to a client, as problem details (RFC 9457).
//!
//! A handler returns an [`ApiError`]; it rides in the response's extensions, and [`render`], the layer
//! around the API, gives it its body, because only there the id of the HTTP request is known. A cause is
//! logged there, once, with its whole chain, and is never sent.

use std::sync::Arc;
use std::time::Duration;

use app::api::{FieldError, Problem};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::{error, warn};
use uuid::Uuid;

use crate::application::requests::{ChangeError, RequestError};
use crate::domain::ports::event_store::{Outage, StoreError};
use crate::domain::ports::vsphere::VsphereError;
use crate::domain::spec::InvalidField;

/// The response header with the id of the HTTP request.
pub static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// When to come back after a 503: by then a restarted PostgreSQL is usually there.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// An error on its way to a client.
#[derive(Debug, Clone)]
pub struct ApiError {
    status: StatusCode,
    /// The last part of the problem's `type`: stable, one for each kind of problem.
    kind: &'static str,
    title: &'static str,
    detail: String,
    errors: Vec<FieldError>,
    /// Logged, never sent.
    cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl ApiError {
    /// A problem of this kind.
    pub fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self { status, kind, title, detail: detail.into(), errors: Vec::new(), cause: None }
    }

    /// There is none, or it is somebody else's: the same answer for both.
    pub fn no_such_request() -> Self {
        let detail = "there is no such request";
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    /// No route has this path.
    pub fn no_such_route() -> Self {
        let detail = "nothing is at this address";
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    /// These fields are wrong.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        let detail = format!("these fields are wrong: {}", fields.join(", "));
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self { errors, ..Self::new(status, "invalid", "Invalid input", detail) }
    }

    /// One field is wrong.
    pub fn invalid_field(field: &str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { field: field.to_owned(), message: message.into() }])
    }

    /// PostgreSQL is away.
    pub fn database_away() -> Self {
        Self::database_cannot(Outage::NotAnswering)
    }

    /// PostgreSQL cannot do what is asked just now.
    pub fn database_cannot(outage: Outage) -> Self {
        let detail = match outage {
            Outage::NotAnswering => "the database is not answering; try again in a moment",
            Outage::ReadOnly => {
                "the database takes no changes just now, since it is read-only; try again in a moment"
            }
            Outage::DiskFull => {
                "the database takes no changes just now, since its disk is full; try again later"
            }
        };
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "unavailable", "Temporarily unavailable", detail)
    }

    /// What went wrong, for a person.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The wrong fields.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    fn caused_by(mut self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }

    fn to_problem(&self, request_id: &str) -> Problem {
        Problem {
            kind: format!("urn:stagewatch:problem:{}", self.kind),
            title: self.title.to_owned(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            request_id: request_id.to_owned(),
            errors: self.errors.clone(),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { outage, .. } => {
                Self::database_cannot(outage).caused_by(error)
            }
            StoreError::Unexpected(_) => {
                let detail = "something went wrong in the server; it has been logged";
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Self::new(status, "internal", "Internal error", detail).caused_by(error)
            }
        }
    }
}

impl From<Vec<InvalidField>> for ApiError {
    fn from(wrong: Vec<InvalidField>) -> Self {
        let errors = wrong
            .into_iter()
            .map(|InvalidField { field, message }| FieldError { field: field.to_owned(), message });
        Self::invalid(errors.collect())
    }
}

impl From<RequestError> for ApiError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Invalid(wrong) => wrong.into(),
            RequestError::NameTaken(by_whom) => {
                let message = format!("this name is taken: {by_whom}");
                let error = FieldError { field: "name".to_owned(), message: message.clone() };
                let conflict =
                    Self::new(StatusCode::CONFLICT, "name-taken", "Name already taken", message);
                Self { errors: vec![error], ..conflict }
            }
            RequestError::KeyReused => {
                Self::invalid_field("Idempotency-Key", "was used for another request before")
            }
            RequestError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::NotFound => Self::no_such_request(),
            ChangeError::NotPossible(error) => {
                let (status, detail) = (StatusCode::CONFLICT, error.to_string());
                Self::new(status, "wrong-state", "Not possible in this state", detail)
            }
            ChangeError::NameTaken(by_whom) => RequestError::NameTaken(by_whom).into(),
            ChangeError::Store(error) => error.into(),
        }
    }
}

impl From<VsphereError> for ApiError {
    fn from(error: VsphereError) -> Self {
        let detail = error.to_string();
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "vcenter-unavailable", "vCenter is not available", detail)
            .caused_by(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives every HTTP request an id, every error below it a body that carries the id, and every 503, a
/// page's too, the time after which to come back.
pub async fn render(request: Request, next: Next) -> Response {
    let id = Uuid::now_v7().to_string();
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let error = response.extensions_mut().remove::<ApiError>();
    if let Some(error) = error.or_else(|| of_a_library(&path, &response)) {
        log(&error, &id, &path);
        let mut headers = std::mem::take(response.headers_mut());
        headers.remove(header::CONTENT_LENGTH);
        response = problem_response(&error, &id, headers);
    }
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        let after = HeaderValue::from(RETRY_AFTER.as_secs());
        response.headers_mut().entry(header::RETRY_AFTER).or_insert(after);
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(&REQUEST_ID, id);
    }
    response
}

/// The error below the API that a library answered with words of its own (a path that is not UTF-8, say).
fn of_a_library(path: &str, response: &Response) -> Option<ApiError> {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let below_api = path == "/api" || path.starts_with("/api/");
    (is_error && below_api).then(|| {
        if status == StatusCode::NOT_FOUND {
            return ApiError::no_such_route();
        }
        let title = status.canonical_reason().unwrap_or("Error");
        ApiError::new(status, "http", title, "this request cannot be answered as it is")
    })
}

fn problem_response(error: &ApiError, id: &str, mut headers: HeaderMap) -> Response {
    let problem_json = HeaderValue::from_static("application/problem+json");
    headers.insert(header::CONTENT_TYPE, problem_json);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let body = serde_json::to_vec(&error.to_problem(id)).unwrap_or_default();
    (error.status, headers, body).into_response()
}

fn log(failed: &ApiError, id: &str, path: &str) {
    let cause = failed.cause.as_deref().map(tracing::field::debug);
    if failed.status == StatusCode::INTERNAL_SERVER_ERROR {
        error!(http.request_id = id, http.path = path, error = cause, "request {id} failed");
    } else if failed.status.is_server_error() {
        warn!(
            http.request_id = id,
            http.path = path,
            error = cause,
            "request {id}: {}",
            failed.detail
        );
    }
}
