//! Who may talk to this server at all.
//!
//! Until there is sign-in, whoever reaches the server is the local person. So it listens on loopback
//! only, and refuses what a page of another site could make that person's browser send: a name that
//! was rebound to loopback (`Host`), and any change asked for across sites (`Sec-Fetch-Site`, `Origin`).

use std::net::IpAddr;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use crate::domain::ids::{Owner, Viewer};

/// The one who asks, as a handler's argument.
#[derive(Debug)]
pub struct Asking(pub Viewer);

impl<S: Send + Sync> FromRequestParts<S> for Asking {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Viewer(Owner::local())))
    }
}

/// Refuses what does not come from this machine's own browser or programs.
pub async fn own_site_only(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !is_loopback_host(host) {
        let detail =
            "this server answers only to the address it listens on, as http://127.0.0.1:3000";
        let status = StatusCode::MISDIRECTED_REQUEST;
        return refuse(&request, status, "misdirected", "Not this server", detail);
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if changes && !is_same_origin(headers, host) {
        let detail = "a page of another site may not change anything here";
        let status = StatusCode::FORBIDDEN;
        return refuse(&request, status, "cross-site", "Cross-site request refused", detail);
    }
    next.run(request).await
}

fn refuse(
    request: &Request,
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: &'static str,
) -> Response {
    if request.uri().path().starts_with("/api") {
        ApiError::new(status, kind, title, detail).into_response()
    } else {
        (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{detail}\n"))
            .into_response()
    }
}

/// Whether `host` (with or without a port) names this machine's loopback interface. Any port: it may
/// be reached through a tunnel.
fn is_loopback_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a request that changes something comes from our own pages, or from no page at all.
fn is_same_origin(headers: &HeaderMap, host: &str) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match text("origin") {
        None => true,
        Some(origin) => {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_our_own() {
        for (host, own) in [
            ("127.0.0.1:3000", true),
            ("localhost:3000", true),
            ("LOCALHOST", true),
            ("[::1]:3000", true),
            ("127.9.9.9", true),
            ("", false),
            ("example.com", false),
            ("127.0.0.1.example.com", false),
            ("localhost.example.com:3000", false),
            ("10.0.0.1:3000", false),
            ("[::2]:3000", false),
        ] {
            assert_eq!(is_loopback_host(host), own, "{host:?}");
        }
    }

    #[test]
    fn changes_are_taken_from_our_pages_and_from_programs() {
        let case = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a header value"));
            is_same_origin(&headers, "127.0.0.1:3000")
        };
        assert!(is_same_origin(&HeaderMap::new(), "127.0.0.1:3000"));
        assert!(case("sec-fetch-site", "same-origin"));
        assert!(case("sec-fetch-site", "none"));
        assert!(!case("sec-fetch-site", "cross-site"));
        assert!(!case("sec-fetch-site", "same-site"));
        assert!(case("origin", "http://127.0.0.1:3000"));
        assert!(!case("origin", "http://127.0.0.1:3001"));
        assert!(!case("origin", "null"));
        assert!(!case("origin", "https://example.com"));
    }
}
