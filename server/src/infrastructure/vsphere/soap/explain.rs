//! Says in plain words why vCenter could not be reached, and what to do about it.

use std::error::Error;
use std::io;
use std::path::Path;

use rustls::CertificateError;

use super::answer::one_line;
use crate::infrastructure::vsphere::api::ApiError;

/// What became of a request to `host`.
pub(super) fn explain(
    operation: &'static str,
    host: &str,
    ca_file: Option<&Path>,
    error: reqwest::Error,
) -> ApiError {
    // Its text would repeat the address, which stands in the reason already.
    let error = error.without_url();
    let tls = find::<rustls::Error>(&error);
    if let Some(rustls::Error::InvalidCertificate(cause)) = tls {
        return ApiError::Certificate { reason: distrust(host, ca_file, cause) };
    }
    let reason = match tls {
        Some(cause) => format!("no secure connection to {host}: {cause}"),
        None => broken(host, &error),
    };
    ApiError::Transport { operation, reason, source: Some(error.into()) }
}

fn broken(host: &str, error: &reqwest::Error) -> String {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, TimedOut};
    let kind = find::<io::Error>(error).map(io::Error::kind);
    if error.is_timeout() || kind == Some(TimedOut) {
        format!("no answer from {host} in time")
    } else if kind == Some(ConnectionRefused) {
        format!("{host} refuses connections")
    } else if kind == Some(HostUnreachable) || kind == Some(NetworkUnreachable) {
        format!("{host} cannot be reached")
    } else if error.is_connect() {
        format!("no connection to {host}: {}", innermost(error))
    } else {
        format!("the connection to {host} broke before the answer came")
    }
}

fn distrust(host: &str, ca_file: Option<&Path>, cause: &CertificateError) -> String {
    use CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet,
        NotValidYetContext,
    };
    let subject = format!("the certificate of {host}");
    if matches!(cause, NotValidForName | NotValidForNameContext { .. }) {
        format!("{subject} is for another name: use the name it was made for in VSPHERE_URL")
    } else if matches!(cause, Expired | ExpiredContext { .. }) {
        format!("{subject} has expired: renew it in vCenter, or check this server's clock")
    } else if matches!(cause, NotValidYet | NotValidYetContext { .. }) {
        format!("{subject} is not valid yet: check this server's clock")
    } else {
        let hint = match ca_file {
            Some(file) => format!("VSPHERE_CA_FILE ({}) must be", file.display()),
            None => "set VSPHERE_CA_FILE to".to_owned(),
        };
        format!(
            "{subject} is not trusted ({cause}): {hint} a PEM file with the certificate of the \
             authority that signed it"
        )
    }
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

/// The cause at the bottom of an error, in one line.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    one_line(&last.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_distrust_says_what_to_do() {
        for (cause, words) in [
            (CertificateError::UnknownIssuer, "set VSPHERE_CA_FILE to a PEM file"),
            (CertificateError::BadSignature, "set VSPHERE_CA_FILE to a PEM file"),
            (CertificateError::NotValidForName, "in VSPHERE_URL"),
            (CertificateError::Expired, "has expired"),
            (CertificateError::NotValidYet, "clock"),
        ] {
            let reason = distrust("vcenter:443", None, &cause);
            assert!(reason.starts_with("the certificate of vcenter:443 "), "{reason}");
            assert!(reason.contains(words), "{reason}");
        }
        let with_file =
            distrust("vcenter", Some(Path::new("/etc/ca.pem")), &CertificateError::UnknownIssuer);
        assert!(
            with_file.contains("VSPHERE_CA_FILE (/etc/ca.pem) must be a PEM file"),
            "{with_file}"
        );
    }

    #[test]
    fn a_cause_inside_an_io_error_is_found() {
        let inner = rustls::Error::InvalidCertificate(CertificateError::Revoked);
        let outer = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, inner.clone()));
        assert_eq!(find::<rustls::Error>(&outer), Some(&inner));
        assert!(find::<rustls::Error>(&io::Error::other("no")).is_none());
    }
}
