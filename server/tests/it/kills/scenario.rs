//! What is asked for while servers die, and what must become of it.

use app::api::Status;

use crate::support::server::TEMPLATE;

/// What is asked for, and what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scenario {
    /// The VM is made.
    Made,
    /// Its configuration is refused, so the clone is removed.
    Refused,
    /// It never gets an address, so it is powered off and removed.
    NoAddress,
    /// A person cancels it while the clone runs.
    Cancelled,
    /// Its configuration was refused once, and a person has it tried again: the VM is made.
    Retried,
    /// Its clone hangs until a person cancels it, once another server has gone on.
    Hung,
}

/// Those in which no time passes.
pub(super) const AT_ONCE: [Scenario; 5] = [
    Scenario::Made,
    Scenario::Refused,
    Scenario::NoAddress,
    Scenario::Cancelled,
    Scenario::Retried,
];

impl Scenario {
    pub(super) fn template(self) -> &'static str {
        match self {
            Self::Made | Self::Cancelled | Self::Retried | Self::Hung => TEMPLATE,
            Self::Refused => "demo-fails-configuring",
            Self::NoAddress => "demo-no-address",
        }
    }

    pub(super) fn end(self) -> (Status, &'static str) {
        match self {
            Self::Made | Self::Retried => (Status::Ready, "VmProvisioned"),
            Self::Refused | Self::NoAddress => (Status::Failed, "VmProvisioningFailed"),
            Self::Cancelled | Self::Hung => (Status::Cancelled, "VmProvisioningCancelled"),
        }
    }

    /// How many VMs there are in the end.
    pub(super) fn vms(self) -> usize {
        usize::from(self.end().0 == Status::Ready)
    }

    /// Whether its clone is to hang.
    pub(super) fn hangs(self) -> bool {
        matches!(self, Self::Cancelled | Self::Hung)
    }

    /// What begins the part of the work that no other scenario has.
    pub(super) fn begins_with(self) -> Option<&'static str> {
        match self {
            Self::Made | Self::Hung => None,
            Self::Refused | Self::NoAddress => Some("before commit of VmProvisioningUndoStarted"),
            Self::Cancelled => Some("before commit of VmProvisioningCancelRequested"),
            Self::Retried => Some("before commit of VmProvisioningRetryRequested"),
        }
    }
}

/// Where servers die that work on one request.
#[derive(Debug, Clone)]
pub(super) struct Kill {
    pub(super) scenario: Scenario,
    /// Where the first one dies.
    pub(super) point: String,
    /// Where the second one does, taking over; a third one goes on then.
    pub(super) then: Option<String>,
}

impl Kill {
    pub(super) fn once(scenario: Scenario, point: impl Into<String>) -> Self {
        Self { scenario, point: point.into(), then: None }
    }

    pub(super) fn twice(scenario: Scenario, point: &str, then: impl Into<String>) -> Self {
        Self { then: Some(then.into()), ..Self::once(scenario, point) }
    }

    /// The part of the work that it belongs to.
    pub(super) fn part(&self) -> String {
        let of = |point: &str| point.split_once(": ").expect("a context").0.to_owned();
        match &self.then {
            None => of(&self.point),
            Some(then) => format!("{} after {}", of(then), self.point),
        }
    }
}
