//! Sends one request and reads one answer, within its time and size, and says in plain words what
//! went wrong on the way.
//!
//! The server's certificate is always checked: with the CA file against that file alone, without one
//! against the system's authorities. Redirects are not followed and no proxy is used: a password
//! goes to the configured host and nowhere else.

use std::path::Path;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response, StatusCode};
use roxmltree::{Document, Node};
use rustls::crypto::CryptoProvider;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::SoapSettings;
use super::answer::{self, Body};
use super::explain::{explain, innermost};
use super::xml::Request;
use crate::infrastructure::vsphere::api::ApiError;

/// The most that is read of one answer. A page of templates with all their devices is far below it.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The API version that is spoken: vCenter 6.5 and every later one knows it.
const SOAP_ACTION: &str = "urn:vim25/6.5";
/// How often a silent connection is probed, so that a long wait notices a vCenter that is gone.
const TCP_KEEPALIVE: Duration = Duration::from_secs(15);
/// How long an idle connection is kept for the next call: less than vCenter keeps it, so that no call
/// is sent into a connection that is just being closed.
const IDLE_CONNECTION_KEPT: Duration = Duration::from_secs(15);
/// The name of vCenter's session cookie.
const SESSION_COOKIE: &str = "vmware_soap_session";

/// The way to one vCenter.
pub(super) struct Transport {
    settings: SoapSettings,
    client: OnceCell<Client>,
}

/// An answer, and the session cookie that came with it.
pub(super) struct Answered<T> {
    pub(super) value: T,
    pub(super) cookie: Option<HeaderValue>,
}

impl Transport {
    pub(super) fn new(settings: SoapSettings) -> Self {
        Self { settings, client: OnceCell::new() }
    }

    pub(super) fn settings(&self) -> &SoapSettings {
        &self.settings
    }

    /// Sends a request and reads its response with `read`; `None` from it means that the response
    /// lacks what it must have. `extra` is how long vCenter may take beyond the call timeout.
    pub(super) async fn call<T>(
        &self,
        request: Request,
        cookie: Option<&HeaderValue>,
        extra: Duration,
        read: impl FnOnce(Node<'_, '_>) -> Option<T>,
    ) -> Result<Answered<T>, ApiError> {
        let method = request.method;
        let started = Instant::now();
        let outcome = self.exchange(request, cookie, extra, read).await;
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let word = match &outcome {
            Ok(_) => "ok",
            Err(ApiError::Fault { fault, .. }) => &fault.kind,
            Err(ApiError::Certificate { .. }) => "certificate",
            Err(ApiError::Transport { .. }) => "transport",
            Err(ApiError::Placement { .. } | ApiError::TemplateNotFound(_)) => "placement",
        };
        tracing::debug!(method, duration_ms, outcome = word, "vCenter call");
        outcome
    }

    async fn exchange<T>(
        &self,
        request: Request,
        cookie: Option<&HeaderValue>,
        extra: Duration,
        read: impl FnOnce(Node<'_, '_>) -> Option<T>,
    ) -> Result<Answered<T>, ApiError> {
        let method = request.method;
        let client = self.client.get_or_try_init(|| build(&self.settings)).await?;
        let mut post = client
            .post(self.settings.url.clone())
            .timeout(self.settings.call_timeout + extra)
            .header(CONTENT_TYPE, "text/xml; charset=\"utf-8\"")
            .header(HeaderName::from_static("soapaction"), SOAP_ACTION);
        if let Some(cookie) = cookie {
            post = post.header(COOKIE, cookie);
        }
        let mut response =
            post.body(request.body).send().await.map_err(|error| self.explain(method, error))?;
        let status = response.status();
        let cookie = session_cookie(response.headers());
        let text = self.read_text(method, &mut response).await?;
        let value = self.understand(method, status, &text, read)?;
        Ok(Answered { value, cookie })
    }

    async fn read_text(
        &self,
        method: &'static str,
        response: &mut Response,
    ) -> Result<String, ApiError> {
        let mut bytes = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| self.explain(method, error))?
        {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                let mib = ANSWER_BYTES_MAX / (1024 * 1024);
                return Err(transport(method, format!("the answer is larger than {mib} MiB")));
            }
            bytes.extend_from_slice(&chunk);
        }
        String::from_utf8(bytes)
            .map_err(|_| transport(method, "the answer is not text in UTF-8".to_owned()))
    }

    fn understand<T>(
        &self,
        method: &'static str,
        status: StatusCode,
        text: &str,
        read: impl FnOnce(Node<'_, '_>) -> Option<T>,
    ) -> Result<T, ApiError> {
        let document = Document::parse(text).ok();
        match document.as_ref().and_then(answer::body) {
            Some(Body::Fault(fault)) => Err(ApiError::Fault { operation: method, fault }),
            Some(Body::Response(response)) if status.is_success() => {
                read(response).ok_or_else(|| {
                    let found = answer::name(response);
                    transport(method, format!("the answer ({found}) lacks what it must have"))
                })
            }
            _ if status.is_success() => {
                let url = &self.settings.url;
                Err(transport(method, format!("{url} does not answer as a vCenter does")))
            }
            _ => Err(transport(method, format!("{} answered {status}", self.host()))),
        }
    }

    fn host(&self) -> String {
        let url = &self.settings.url;
        let host = url.host_str().unwrap_or_default();
        match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    fn explain(&self, operation: &'static str, error: reqwest::Error) -> ApiError {
        explain(operation, &self.host(), self.settings.ca_file.as_deref(), error)
    }
}

/// Builds the client. Not before it is needed: it fails on a machine without system certificates.
async fn build(settings: &SoapSettings) -> Result<Client, ApiError> {
    // Without a provider the builder panics.
    if CryptoProvider::get_default().is_none() {
        let reason = "no TLS provider was installed at start".to_owned();
        return Err(ApiError::Certificate { reason });
    }
    let mut builder = Client::builder()
        .user_agent(concat!("stagewatch/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(settings.call_timeout)
        .tcp_keepalive(TCP_KEEPALIVE)
        .pool_idle_timeout(IDLE_CONNECTION_KEPT)
        .redirect(Policy::none())
        .https_only(true)
        .no_proxy();
    if let Some(file) = &settings.ca_file {
        builder = builder.tls_certs_only(read_ca_file(file).await?);
    }
    builder.build().map_err(|error| {
        let reason = match &settings.ca_file {
            Some(file) => format!("VSPHERE_CA_FILE ({}): {}", file.display(), innermost(&error)),
            None => format!(
                "no system certificates to check vCenter's against ({}): set VSPHERE_CA_FILE",
                innermost(&error)
            ),
        };
        ApiError::Certificate { reason }
    })
}

async fn read_ca_file(file: &Path) -> Result<Vec<Certificate>, ApiError> {
    let wrong = |what: String| ApiError::Certificate {
        reason: format!("VSPHERE_CA_FILE ({}): {what}", file.display()),
    };
    let pem = tokio::fs::read(file).await.map_err(|error| wrong(error.to_string()))?;
    let certificates = Certificate::from_pem_bundle(&pem)
        .map_err(|error| wrong(innermost(&error.without_url())))?;
    if certificates.is_empty() {
        return Err(wrong("there is no certificate in PEM form in it".to_owned()));
    }
    Ok(certificates)
}

/// The session cookie that a response sets, as it must be sent back: with the quotes, if it has any.
fn session_cookie(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get_all(SET_COOKIE).iter().find_map(|header| {
        let cookie = header.to_str().ok()?.split(';').next()?.trim();
        let mut cookie = cookie
            .split_once('=')
            .filter(|(name, value)| *name == SESSION_COOKIE && !value.is_empty())
            .and_then(|_| HeaderValue::from_str(cookie).ok())?;
        cookie.set_sensitive(true);
        Some(cookie)
    })
}

pub(super) fn transport(operation: &'static str, reason: String) -> ApiError {
    ApiError::Transport { operation, reason, source: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(headers: &[&str]) -> Option<String> {
        let headers = headers
            .iter()
            .map(|value| (SET_COOKIE, HeaderValue::from_str(value).expect("a header")))
            .collect();
        let cookie = session_cookie(&headers)?;
        assert!(cookie.is_sensitive());
        Some(cookie.to_str().expect("text").to_owned())
    }

    #[test]
    fn the_session_cookie_is_sent_back_as_it_came() {
        let quoted = "vmware_soap_session=\"52a1-b2\"; Path=/; HttpOnly; Secure";
        assert_eq!(
            cookie(&["other=1; Path=/", quoted]).as_deref(),
            Some("vmware_soap_session=\"52a1-b2\"")
        );
        assert_eq!(
            cookie(&["vmware_soap_session=abc"]).as_deref(),
            Some("vmware_soap_session=abc")
        );
        assert_eq!(cookie(&["vmware_soap_session=; Path=/", "x=y"]), None);
        assert_eq!(cookie(&[]), None);
    }
}
