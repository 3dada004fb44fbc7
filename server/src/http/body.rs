//! Reading a request's body: is it JSON at all, and which of its fields are wrong.
//!
//! Fields are taken out one by one and not by `serde`, because a client is told of all its mistakes at
//! once, whether they are of type or of value.

use std::time::Duration;

use app::api::FieldError;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Map, Value};

use super::error::ApiError;
use super::query::UNKNOWN_KEY_CHARS_MAX;
use crate::domain::spec::{RawNetwork, RawSpec};

/// The largest body that is read: a wish for a VM has a few hundred bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// How much of a body that is too large is read and thrown away, so that its sender gets the answer.
const DRAINED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How long a client may take to send its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads a body that must be JSON.
///
/// # Errors
///
/// 415 when it does not claim to be JSON, 413 when it is too large, 408 when it does not come, 400 when
/// it is not JSON.
pub async fn json(request: Request) -> Result<Value, ApiError> {
    if !claims_json(request.headers()) {
        let (status, detail) =
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/json");
        return Err(ApiError::new(status, "unsupported-media-type", "Not JSON", detail));
    }
    let body = bytes(request.into_body()).await?;
    serde_json::from_slice(&body).map_err(|error| {
        let detail = format!("the body is not JSON: {error}");
        ApiError::new(StatusCode::BAD_REQUEST, "malformed", "Malformed body", detail)
    })
}

/// Reads a body that has nothing to say: none, or an empty JSON object.
///
/// # Errors
///
/// As [`json`], and 422 for any field.
pub async fn nothing(request: Request) -> Result<(), ApiError> {
    let (parts, body) = request.into_parts();
    let body = bytes(body).await?;
    if body.is_empty() {
        return Ok(());
    }
    let value = json(Request::from_parts(parts, Body::from(body))).await?;
    let mut read = ReadSpec::default();
    match value.as_object() {
        Some(object) => read.unknown("", object, &[]),
        None => read.wrong("body", "must be a JSON object"),
    }
    if read.errors.is_empty() { Ok(()) } else { Err(ApiError::invalid(read.errors)) }
}

/// Reads a body within its limits of size and time.
///
/// # Errors
///
/// 413, 408, or 400 when the connection breaks.
pub async fn bytes(body: Body) -> Result<bytes::Bytes, ApiError> {
    match tokio::time::timeout(BODY_TIMEOUT, read(body)).await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => {
            let detail = format!("the body may have at most {BODY_BYTES_MAX} bytes");
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            Err(ApiError::new(status, "too-large", "Body too large", detail))
        }
        Ok(Err(_)) => {
            let detail = "the body could not be read";
            Err(ApiError::new(StatusCode::BAD_REQUEST, "malformed", "Malformed body", detail))
        }
        Err(_) => {
            let detail = "the body did not arrive in time";
            Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "timeout", "Body too slow", detail))
        }
    }
}

/// Reads a body; `None` when it is too large. Then it is still read on for a while: a client that is
/// in the middle of sending would see a broken connection instead of the answer.
async fn read(mut body: Body) -> Result<Option<bytes::Bytes>, axum::Error> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > DRAINED_BYTES_MAX {
        return Ok(None);
    }
    let mut kept = Vec::with_capacity(announced.min(BODY_BYTES_MAX));
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        read += data.len();
        if read > DRAINED_BYTES_MAX {
            break;
        }
        if read <= BODY_BYTES_MAX {
            kept.extend_from_slice(&data);
        }
    }
    Ok((read <= BODY_BYTES_MAX).then(|| kept.into()))
}

/// `application/json` or any `application/…+json`, with or without parameters.
fn claims_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// A wish as far as it could be read, and what could not be read of it.
#[derive(Debug, Default)]
pub struct ReadSpec {
    /// The wish; a field that could not be read has an empty value.
    pub raw: RawSpec,
    /// The fields of a wrong type, missing or unknown.
    pub errors: Vec<FieldError>,
}

/// Takes the fields of `POST /api/requests` out of a body.
pub fn read_spec(body: &Value) -> ReadSpec {
    let mut read = ReadSpec::default();
    let Some(object) = body.as_object() else {
        read.wrong("body", "must be a JSON object");
        return read;
    };
    read.unknown("", object, &["name", "template", "cpus", "memoryMib", "network"]);
    read.raw.name = read.text(object, "name");
    read.raw.template = read.text(object, "template");
    read.raw.cpus = read.number(object, "cpus");
    read.raw.memory_mib = read.number(object, "memoryMib");
    match object.get("network") {
        None | Some(Value::Null) => {}
        Some(Value::Object(network)) => {
            read.unknown("network.", network, &["name", "ipAddress", "gateway"]);
            let name = read.optional_text(network, "name", "network.name");
            let ip_address = read.optional_text(network, "ipAddress", "network.ipAddress");
            let gateway = read.optional_text(network, "gateway", "network.gateway");
            read.raw.network = Some(RawNetwork { name, ip_address, gateway });
        }
        Some(_) => read.wrong("network", "must be an object"),
    }
    read
}

impl ReadSpec {
    fn wrong(&mut self, field: &str, message: &str) {
        self.errors.push(FieldError { field: field.to_owned(), message: message.to_owned() });
    }

    fn unknown(&mut self, prefix: &str, object: &Map<String, Value>, known: &[&str]) {
        for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
            let key: String = key.chars().take(UNKNOWN_KEY_CHARS_MAX).collect();
            self.wrong(&format!("{prefix}{key}"), "is not a field of a request");
        }
    }

    fn text(&mut self, object: &Map<String, Value>, field: &'static str) -> String {
        match object.get(field) {
            Some(Value::String(text)) => return text.clone(),
            None => self.wrong(field, "is missing"),
            Some(_) => self.wrong(field, "must be text"),
        }
        String::new()
    }

    fn optional_text(
        &mut self,
        object: &Map<String, Value>,
        key: &str,
        field: &'static str,
    ) -> Option<String> {
        match object.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => {
                self.wrong(field, "must be text");
                None
            }
        }
    }

    fn number(&mut self, object: &Map<String, Value>, field: &'static str) -> i64 {
        match object.get(field) {
            Some(value) => match value.as_i64() {
                Some(number) => return number,
                None => self.wrong(field, "must be a whole number"),
            },
            None => self.wrong(field, "is missing"),
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wrong(body: &Value) -> Vec<(String, String)> {
        read_spec(body).errors.into_iter().map(|error| (error.field, error.message)).collect()
    }

    #[test]
    fn a_good_body_is_read_whole() {
        let body = json!({ "name": "a", "template": "t", "cpus": 2, "memoryMib": 1024,
            "network": { "name": "n", "ipAddress": null } });
        let read = read_spec(&body);
        assert!(read.errors.is_empty(), "{:?}", read.errors);
        assert_eq!((read.raw.cpus, read.raw.memory_mib), (2, 1024));
        assert_eq!(read.raw.network.and_then(|network| network.name).as_deref(), Some("n"));
    }

    #[test]
    fn every_wrong_field_is_named() {
        let body = json!({ "name": 5, "cpus": "2", "memoryMib": 1.5, "extra": 1, "network": { "mac": "" } });
        let fields: Vec<String> = wrong(&body).into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["extra", "name", "template", "cpus", "memoryMib", "network.mac"]);
        assert_eq!(wrong(&json!([]))[0].0, "body");
        assert_eq!(
            wrong(
                &json!({ "name": "a", "template": "t", "cpus": 1, "memoryMib": 4, "network": 3 })
            ),
            [("network".to_owned(), "must be an object".to_owned())]
        );
    }
}
