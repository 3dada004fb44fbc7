//! The form for a new request: what was typed becomes a wish, or comes back with what is wrong.

use app::api::FieldError;
use app::backend::Draft;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use url::form_urlencoded;

use super::plain;
use crate::application::requests::{Accepted, RequestError};
use crate::domain::ports::progress::RequestRow;
use crate::domain::spec::{RawNetwork, RawSpec};
use crate::http::error::ApiError;
use crate::http::guard::Asking;
use crate::http::{AppState, body, convert, in_time};

/// The longest field of the form that is typed back, in characters: it goes into an address, and no
/// valid value is longer.
const FIELD_CHARS_MAX: usize = 200;

/// The longest key of a form: ours is a UUID. A longer one is nobody's, and counts as none.
const FORM_KEY_CHARS_MAX: usize = 64;

/// Said where a form is shown again after it has made a VM.
pub(super) const KEY_REUSED: &str =
    "what stands in this form now has not been asked for; send it again to ask for another VM";

/// `POST /requests`: the form. Always answers 303: to the request, or back to the form with what was
/// typed, which then says what is wrong, an outage too.
pub(super) async fn submit(
    State(state): State<AppState>,
    Asking(viewer): Asking,
    request: Request,
) -> Result<Response, Response> {
    let draft = read_form(request).await.map_err(|error| plain(&error))?;
    let (raw, errors) = read_draft(&draft);
    let key = Some(draft.key.clone()).filter(|key| (1..=FORM_KEY_CHARS_MAX).contains(&key.len()));
    let accepted = if errors.is_empty() {
        in_time(state.requests.accept(&viewer, &raw, key)).await
    } else {
        Ok(Err(RequestError::Invalid(Vec::new())))
    };
    Ok(match accepted {
        Ok(Ok(Accepted::New(id) | Accepted::Existing(id))) => {
            Redirect::to(&convert::links(id).page).into_response()
        }
        Ok(Err(RequestError::KeyReused)) => {
            // The form was changed and sent again after it had made a VM: that is another wish, and
            // it says so.
            let fresh = Draft { key: String::new(), ..draft };
            Redirect::to(&form_address(&fresh)).into_response()
        }
        Ok(Err(_)) | Err(_) => Redirect::to(&form_address(&draft)).into_response(),
    })
}

async fn read_form(request: Request) -> Result<Draft, ApiError> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
        let (status, detail) = (StatusCode::UNSUPPORTED_MEDIA_TYPE, "this address takes a form");
        return Err(ApiError::new(status, "unsupported-media-type", "Not a form", detail));
    }
    let body = body::bytes(request.into_body()).await?;
    let mut draft = Draft::default();
    for (key, value) in form_urlencoded::parse(&body) {
        let value: String = value.chars().take(FIELD_CHARS_MAX).collect();
        match key.as_ref() {
            "name" => draft.name = value,
            "template" => draft.template = value,
            "cpus" => draft.cpus = value,
            "memoryMib" => draft.memory_mib = value,
            "networkName" => draft.network_name = value,
            "ipAddress" => draft.ip_address = value,
            "gateway" => draft.gateway = value,
            "key" => draft.key = value,
            _ => {}
        }
    }
    Ok(draft)
}

/// The form's address with what was typed, so that it comes back with its errors.
pub(super) fn form_address(draft: &Draft) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (key, value) in [
        ("name", &draft.name),
        ("template", &draft.template),
        ("cpus", &draft.cpus),
        ("memoryMib", &draft.memory_mib),
        ("networkName", &draft.network_name),
        ("ipAddress", &draft.ip_address),
        ("gateway", &draft.gateway),
        ("key", &draft.key),
    ] {
        query.append_pair(key, value);
    }
    query.append_pair("tried", "true");
    format!("/requests/new?{}", query.finish())
}

/// What was typed, as a wish; numbers that are none are wrong fields.
fn read_draft(draft: &Draft) -> (RawSpec, Vec<FieldError>) {
    let mut errors = Vec::new();
    let mut number = |field: &str, text: &str| {
        text.trim().parse().unwrap_or_else(|_| {
            let message = "must be a whole number".to_owned();
            errors.push(FieldError { field: field.to_owned(), message });
            0
        })
    };
    let (cpus, memory_mib) = (number("cpus", &draft.cpus), number("memoryMib", &draft.memory_mib));
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let network = RawNetwork {
        name: given(&draft.network_name),
        ip_address: given(&draft.ip_address),
        gateway: given(&draft.gateway),
    };
    let any = network.name.is_some() || network.ip_address.is_some() || network.gateway.is_some();
    let raw = RawSpec {
        name: draft.name.trim().to_owned(),
        template: draft.template.clone(),
        cpus,
        memory_mib,
        network: any.then_some(network),
    };
    (raw, errors)
}

/// Everything that is wrong with a draft, whether it could be read or not.
pub(super) async fn check(state: &AppState, draft: &Draft) -> Result<(), ApiError> {
    let (raw, mut errors) = read_draft(draft);
    let checked = in_time(state.requests.check(&raw)).await?;
    if errors.is_empty() {
        return checked.map_err(ApiError::from);
    }
    if let Err(error) = checked {
        let fresh = |wrong: &&FieldError| !errors.iter().any(|error| error.field == wrong.field);
        let more: Vec<_> = ApiError::from(error).errors().iter().filter(fresh).cloned().collect();
        errors.extend(more);
    }
    Err(ApiError::invalid(errors))
}

/// The form filled with what was asked for.
pub(super) fn draft_of(row: &RequestRow) -> Draft {
    let request = convert::request(row);
    let network = request.network.unwrap_or_default();
    Draft {
        name: request.name,
        template: request.template,
        cpus: request.cpus.to_string(),
        memory_mib: request.memory_mib.to_string(),
        network_name: network.name.unwrap_or_default(),
        ip_address: network.ip_address.unwrap_or_default(),
        gateway: network.gateway.unwrap_or_default(),
        ..Draft::default()
    }
}
