//! Sends one request and reads one answer, within its time and size, and says in plain words what
//! went wrong on the way.
//!
//! The server's certificate is always checked: with the CA file against that file alone, without one
//! against the system's authorities. Redirects are not followed and no proxy is used: a password
//! goes to the configured host and nowhere else.

use std::error::Error;
use std::io;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderName, HeaderValue, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response, StatusCode};
use roxmltree::{Document, Node};
use rustls::CertificateError;
use rustls::crypto::CryptoProvider;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::SoapSettings;
use super::answer::{self, Body};
use super::xml::Request;
use crate::infrastructure::vsphere::api::ApiError;

/// The most that is read of one answer. A page of templates with all their devices is far below it.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The API version that is spoken: vCenter 6.5 and every later one knows it.
const SOAP_ACTION: &str = "urn:vim25/6.5";
/// How often a silent connection is probed, so that a long wait notices a vCenter that is gone.
const TCP_KEEPALIVE: Duration = Duration::from_secs(15);
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
            Err(_) => "transport",
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
        let cookie = session_cookie(&response);
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
        // Its text would repeat the address, which stands in the reason already.
        let error = error.without_url();
        let host = self.host();
        if let Some(cause) = find::<rustls::Error>(&error) {
            if let rustls::Error::InvalidCertificate(cause) = cause {
                return ApiError::Certificate { reason: self.distrust(cause) };
            }
            let reason = format!("no secure connection to {host}: {cause}");
            return ApiError::Transport { operation, reason, source: Some(error.into()) };
        }
        let reason = if error.is_timeout() {
            format!("no answer from {host} in time")
        } else if let Some(cause) = find::<io::Error>(&error).map(io::Error::kind) {
            match cause {
                io::ErrorKind::ConnectionRefused => format!("{host} refuses connections"),
                io::ErrorKind::TimedOut => format!("{host} does not answer"),
                io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                    format!("{host} cannot be reached")
                }
                _ if error.is_connect() => {
                    format!("no connection to {host}: {}", innermost(&error))
                }
                _ => format!("the connection to {host} broke before the answer came"),
            }
        } else if error.is_connect() {
            format!("no connection to {host}: {}", innermost(&error))
        } else {
            format!("the connection to {host} broke before the answer came")
        };
        ApiError::Transport { operation, reason, source: Some(error.into()) }
    }

    fn distrust(&self, cause: &CertificateError) -> String {
        let host = self.host();
        match cause {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!(
                    "the certificate of {host} is for another name: use the name it was made for \
                     in VSPHERE_URL"
                )
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                format!("the certificate of {host} has expired: renew it in vCenter")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                format!("the certificate of {host} is not valid yet: check this server's clock")
            }
            CertificateError::Revoked => format!("the certificate of {host} was revoked"),
            _ => {
                let hint = match &self.settings.ca_file {
                    Some(file) => format!("VSPHERE_CA_FILE ({}) must be", file.display()),
                    None => "set VSPHERE_CA_FILE to".to_owned(),
                };
                format!(
                    "the certificate of {host} is not trusted ({cause}): {hint} a PEM file with \
                     the certificate of the authority that signed it"
                )
            }
        }
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
fn session_cookie(response: &Response) -> Option<HeaderValue> {
    response.headers().get_all(SET_COOKIE).iter().find_map(|header| {
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

/// Finds a cause by its type. An `io::Error` hides the error that it was made of from `source`.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    answer::one_line(&last.to_string())
}
