//! Requests: ask for a VM, list, look at one, cancel it, try it again, its history, and the templates.

use app::api::{self, Items};
use axum::Json;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::body::{self, ReadSpec};
use super::convert;
use super::error::ApiError;
use super::guard::Asking;
use super::query::Params;
use super::{AppState, in_time};
use crate::application::requests::{Accepted, ChangeError};
use crate::domain::ids::{RequestId, Viewer};
use crate::domain::ports::progress::RequestFilter;
use crate::domain::ports::vsphere::VmTemplate;

/// The longest `Idempotency-Key`: room for any id or digest.
const KEY_CHARS_MAX: usize = 255;

/// `POST /api/requests`
pub(super) async fn create(
    State(state): State<AppState>,
    Asking(viewer): Asking,
    request: Request,
) -> Result<Response, ApiError> {
    let key = idempotency_key(request.headers())?;
    let body = body::json(request).await?;
    let ReadSpec { raw, mut errors } = body::read_spec(&body);
    if !body.is_object() {
        return Err(ApiError::invalid(errors));
    }
    if !errors.is_empty() {
        // What could be read is checked too, so that all mistakes are named at once.
        for wrong in state.requests.wrong_fields(&raw).await {
            if !errors.iter().any(|error| error.field == wrong.field) {
                let (field, message) = (wrong.field.to_owned(), wrong.message);
                errors.push(api::FieldError { field, message });
            }
        }
        return Err(ApiError::invalid(errors));
    }
    let accepting = async {
        let (status, id) = match state.requests.accept(&viewer, &raw, key).await? {
            Accepted::New(id) => (StatusCode::CREATED, id),
            Accepted::Existing(id) => (StatusCode::OK, id),
        };
        let row = state.query.request(&viewer, id).await?;
        Ok::<_, ApiError>((status, row.ok_or_else(ApiError::no_such_request)?))
    };
    // Cut off, it may have been accepted all the same: whoever asks again with the same key will know.
    let (status, row) = in_time(accepting).await??;
    let request = convert::request(&row);
    let location = [(header::LOCATION, request.links.this.clone())];
    Ok((status, location, Json(request)).into_response())
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=KEY_CHARS_MAX).contains(&key.len()));
    match key {
        Some(key) => Ok(Some(key.to_owned())),
        None => {
            let message = format!("must be 1 to {KEY_CHARS_MAX} printable ASCII characters");
            Err(ApiError::invalid_field("Idempotency-Key", message))
        }
    }
}

/// `GET /api/requests`
pub(super) async fn list(
    State(state): State<AppState>,
    Asking(viewer): Asking,
    RawQuery(query): RawQuery,
) -> Result<Json<Items<api::Request>>, ApiError> {
    let known = ["status", "template", "owner", "q", "limit", "after"];
    let mut params = Params::parse(query.as_deref(), &known);
    let filter = RequestFilter {
        status: params.word("status", known_status),
        template: params.text("template"),
        owner: params.text("owner"),
        name_contains: params.text("q"),
        after: params.word("after", |after| after.parse().ok().map(RequestId)),
        limit: params.limit(),
    };
    params.finish()?;
    let (rows, next) = page(&state, &viewer, filter).await?;
    Ok(Json(Items { items: rows.iter().map(convert::request).collect(), next }))
}

pub(super) fn known_status(word: &str) -> Option<&'static str> {
    api::Status::ALL.into_iter().map(api::Status::as_str).find(|known| *known == word)
}

/// One page of requests and the cursor of the next one.
pub(super) async fn page(
    state: &AppState,
    viewer: &Viewer,
    mut filter: RequestFilter,
) -> Result<(Vec<crate::domain::ports::progress::RequestRow>, Option<String>), ApiError> {
    let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    // One more than asked for tells whether there is a next page.
    filter.limit += 1;
    let mut rows = state.query.requests(viewer, &filter).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| row.id.to_string());
    Ok((rows, next))
}

/// `GET /api/requests/{id}`
pub(super) async fn show(
    State(state): State<AppState>,
    Asking(viewer): Asking,
    Path(id): Path<String>,
) -> Result<Json<api::Request>, ApiError> {
    let row = state.query.request(&viewer, request_id(&id)?).await?;
    Ok(Json(convert::request(&row.ok_or_else(ApiError::no_such_request)?)))
}

/// `POST /api/requests/{id}/cancel`
pub(super) async fn cancel(
    State(state): State<AppState>,
    Asking(viewer): Asking,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let id = request_id(&id)?;
    body::nothing(request).await?;
    let change = Box::pin(state.requests.cancel(&viewer, id));
    changed(&state, &viewer, id, change).await
}

/// `POST /api/requests/{id}/retry`
pub(super) async fn retry(
    State(state): State<AppState>,
    Asking(viewer): Asking,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let id = request_id(&id)?;
    body::nothing(request).await?;
    let change = Box::pin(state.requests.retry(&viewer, id));
    changed(&state, &viewer, id, change).await
}

/// What a request has become by a person's wish. Both have one time: cut off, the wish may have been
/// recorded all the same.
async fn changed(
    state: &AppState,
    viewer: &Viewer,
    id: RequestId,
    change: impl Future<Output = Result<(), ChangeError>>,
) -> Result<Response, ApiError> {
    let changing = async {
        change.await?;
        Ok::<_, ApiError>(state.query.request(viewer, id).await?)
    };
    let row = in_time(changing).await??;
    let request = convert::request(&row.ok_or_else(ApiError::no_such_request)?);
    Ok((StatusCode::ACCEPTED, Json(request)).into_response())
}

/// `GET /api/requests/{id}/history`
pub(super) async fn history(
    State(state): State<AppState>,
    Asking(viewer): Asking,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Items<api::HistoryItem>>, ApiError> {
    let id = request_id(&id)?;
    let mut params = Params::parse(query.as_deref(), &["limit", "after"]);
    let after = params.number("after").unwrap_or(0);
    let limit = params.limit();
    params.finish()?;
    let events = state.query.history(&viewer, id, after, limit + 1).await?;
    let mut events = events.ok_or_else(ApiError::no_such_request)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = events.len() > limit;
    events.truncate(limit);
    let next = events.last().filter(|_| more).map(|event| event.seq.to_string());
    let items = events.into_iter().map(convert::history_item).collect();
    Ok(Json(Items { items, next }))
}

/// `GET /api/templates`
pub(super) async fn templates(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Items<api::Template>>, ApiError> {
    let mut params = Params::parse(query.as_deref(), &["limit", "after"]);
    let after = params.word("after", template_after);
    let limit = usize::try_from(params.limit()).unwrap_or(usize::MAX);
    params.finish()?;
    let templates = state.templates().await?;
    // In the order of their names; two may have the same one.
    let mut in_order: Vec<_> = templates.iter().collect();
    in_order.sort_by_key(|template| (&template.name, &template.moref.0));
    let is_before = |template: &&VmTemplate| {
        after.as_ref().is_some_and(|(name, moref)| {
            (template.name.as_str(), template.moref.0.as_str()) <= (name.as_str(), moref.as_str())
        })
    };
    let mut rest = in_order.into_iter().skip_while(is_before);
    let items: Vec<_> = rest.by_ref().take(limit).map(convert::template).collect();
    let last = items.last().filter(|_| rest.next().is_some());
    let next = last.map(|last| format!("{}{CURSOR_MARK}{}", last.moref, last.name));
    Ok(Json(Items { items, next }))
}

/// What stands between a template's MoRef, which has none of it, and its name in a cursor.
const CURSOR_MARK: char = ':';

/// The template after which a page begins: its name and MoRef.
fn template_after(cursor: &str) -> Option<(String, String)> {
    let (moref, name) = cursor.split_once(CURSOR_MARK)?;
    Some((name.to_owned(), moref.to_owned()))
}

/// An id as it stands in a path. What is no id names no request.
pub(super) fn request_id(text: &str) -> Result<RequestId, ApiError> {
    // Only the usual form, so that a request has one address.
    let id = Uuid::try_parse(text).ok().filter(|id| id.hyphenated().to_string() == text);
    id.map(RequestId).ok_or_else(ApiError::no_such_request)
}
