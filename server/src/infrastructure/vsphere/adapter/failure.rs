//! What went wrong, for the steps here and for the caller.

use crate::domain::ports::vsphere::{RejectionCode, Stop, VsphereError};
use crate::infrastructure::vsphere::api::{ApiError, Fault};

/// Why a step did not succeed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The caller must know.
    Final(VsphereError),
    /// The VM is not there any more.
    Vanished,
    /// The VM is not in the state for this just now: look again.
    Busy { operation: &'static str, fault: Fault },
}

impl From<VsphereError> for Failure {
    fn from(error: VsphereError) -> Self {
        Self::Final(error)
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Self::Final(stop.into())
    }
}

impl Failure {
    /// What a call on an existing VM, or its task, ended in.
    pub(super) fn of_vm(error: ApiError) -> Self {
        match error {
            ApiError::Fault { operation, fault } => Self::of_fault(operation, fault),
            ApiError::Transport { .. }
            | ApiError::Certificate { .. }
            | ApiError::Placement { .. }
            | ApiError::TemplateNotFound(_) => Self::Final(refusal(error)),
        }
    }

    /// The same for a fault.
    pub(super) fn of_fault(operation: &'static str, fault: Fault) -> Self {
        match fault.kind.as_str() {
            "ManagedObjectNotFound" => Self::Vanished,
            // Another task holds the VM, or it is between two states: both pass, or show as another
            // state of the VM, which the next look sees.
            "TaskInProgress" | "InvalidState" | "InvalidPowerState" => {
                Self::Busy { operation, fault }
            }
            _ => Self::Final(refused(operation, &fault)),
        }
    }

    /// For the caller, when there is no more looking again.
    pub(super) fn give_up(self) -> VsphereError {
        match self {
            Self::Final(error) => error,
            Self::Vanished => rejected(
                RejectionCode::VcenterRejected,
                "the VM was removed from vCenter while it was worked on",
            ),
            Self::Busy { operation, fault } => refused(operation, &fault),
        }
    }
}

/// An error of vCenter as the caller sees it.
pub(super) fn refusal(error: ApiError) -> VsphereError {
    match error {
        ApiError::Transport { operation, reason, source } => {
            VsphereError::Unavailable { operation, reason, source }
        }
        ApiError::Certificate { reason } => rejected(RejectionCode::CertificateNotTrusted, reason),
        ApiError::Placement { reason } => rejected(RejectionCode::PlacementNotFound, reason),
        ApiError::TemplateNotFound(name) => {
            VsphereError::NotFound { object: format!("template \"{name}\"") }
        }
        ApiError::Fault { operation, fault } => refused(operation, &fault),
    }
}

/// A fault as the caller sees it.
///
/// Faults are known by their type only: their words are for people, and differ with version and
/// language. An untyped fault counts as a refusal, since one that comes from a wrong request of ours
/// would otherwise be repeated for ever.
pub(super) fn refused(operation: &'static str, fault: &Fault) -> VsphereError {
    let words =
        if fault.message.trim().is_empty() { fault.kind.clone() } else { fault.message.clone() };
    match fault.kind.as_str() {
        // The session could not be renewed, a host is away or busy: the same call may succeed later.
        "NotAuthenticated" | "HostCommunication" | "HostNotConnected" | "HostNotReachable"
        | "HostConnectFault" | "Timedout" | "ConcurrentAccess" | "TaskInProgress" => {
            unavailable(operation, words)
        }
        "InvalidLogin" | "PasswordExpired" => rejected(RejectionCode::LoginFailed, words),
        "NoPermission" => rejected(RejectionCode::NoPermission, words),
        "DuplicateName" => rejected(RejectionCode::NameTaken, words),
        _ => rejected(RejectionCode::VcenterRejected, words),
    }
}

pub(super) fn rejected(code: RejectionCode, reason: impl Into<String>) -> VsphereError {
    VsphereError::Rejected { code, reason: reason.into() }
}

pub(super) fn unavailable(operation: &'static str, reason: impl Into<String>) -> VsphereError {
    VsphereError::Unavailable { operation, reason: reason.into(), source: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: &str) -> ApiError {
        let fault =
            Fault { kind: kind.to_owned(), message: "its words".to_owned(), existing_state: None };
        ApiError::Fault { operation: "CloneVM_Task", fault }
    }

    fn code(error: ApiError) -> Option<RejectionCode> {
        match refusal(error) {
            VsphereError::Rejected { code, reason } => {
                assert_eq!(reason, "its words");
                Some(code)
            }
            VsphereError::Unavailable { .. } => None,
            error @ (VsphereError::NotFound { .. } | VsphereError::Stopped(_)) => {
                panic!("unexpected {error:?}")
            }
        }
    }

    #[test]
    fn faults_are_known_by_their_type() {
        for (kind, expected) in [
            ("InvalidLogin", Some(RejectionCode::LoginFailed)),
            ("NoPermission", Some(RejectionCode::NoPermission)),
            ("DuplicateName", Some(RejectionCode::NameTaken)),
            ("InsufficientResourcesFault", Some(RejectionCode::VcenterRejected)),
            ("ServerFaultCode", Some(RejectionCode::VcenterRejected)),
            ("NotAuthenticated", None),
            ("HostCommunication", None),
            ("HostNotConnected", None),
        ] {
            assert_eq!(code(fault(kind)), expected, "{kind}");
        }
    }

    #[test]
    fn a_fault_without_words_is_told_by_its_type() {
        let fault = Fault {
            kind: "VmConfigFault".to_owned(),
            message: " ".to_owned(),
            existing_state: None,
        };
        assert_eq!(refused("ReconfigVM_Task", &fault).to_string(), "VmConfigFault");
    }

    #[test]
    fn other_errors_keep_their_meaning() {
        let certificate = ApiError::Certificate { reason: "its words".to_owned() };
        assert_eq!(code(certificate), Some(RejectionCode::CertificateNotTrusted));
        let placement = ApiError::Placement { reason: "its words".to_owned() };
        assert_eq!(code(placement), Some(RejectionCode::PlacementNotFound));
        let template = refusal(ApiError::TemplateNotFound("ubuntu".to_owned()));
        assert_eq!(template.to_string(), "template \"ubuntu\" does not exist");
        let transport =
            ApiError::Transport { operation: "Login", reason: "refused".to_owned(), source: None };
        assert!(refusal(transport).is_transient());
    }
}
