//! Making and removing a VM in vCenter, and what is told meanwhile.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::BoxError;
use crate::domain::ids::{MoRef, VcenterId};
use crate::domain::spec::VmSpec;
use crate::domain::stage::VmProvisioningStage;

/// vCenter, as the saga sees it.
///
/// Every method looks before it acts and may be called again after a crash at any line: it goes on
/// where the last call stopped, and never makes or removes a second VM.
#[async_trait]
pub trait VspherePort: Send + Sync + fmt::Debug {
    /// Which vCenter this is.
    ///
    /// # Errors
    ///
    /// As [`VsphereError`] says; it is known without a valid login.
    async fn vcenter(&self) -> Result<VcenterId, VsphereError>;

    /// The templates that VMs can be made from, by name.
    ///
    /// # Errors
    ///
    /// As [`VsphereError`] says.
    async fn templates(&self) -> Result<Vec<VmTemplate>, VsphereError>;

    /// Whether a VM (or template) of this name is in the folder in which VMs are made.
    ///
    /// # Errors
    ///
    /// As [`VsphereError`] says.
    async fn name_in_use(&self, name: &str) -> Result<bool, VsphereError>;

    /// Makes the VM: clone powered off, configure, customise, power on, wait for an address.
    ///
    /// `progress` is told each stage when it is entered (`CLONING`, `CONFIGURING`, `POWERING_ON`,
    /// `WAITING_FOR_NETWORK`), the task in flight as soon as vCenter named it, and asked for leave
    /// before every call that changes something.
    ///
    /// # Errors
    ///
    /// [`VsphereError::Stopped`] when `progress` said so: stop at once. Else as [`VsphereError`] says.
    async fn create_vm(
        &self,
        spec: &VmSpec,
        resume: &Checkpoint,
        progress: &dyn ProgressSink,
    ) -> Result<VmProvisioningResult, VsphereError>;

    /// Removes the VM that was made for this request, and only that one: a VM is ours when its mark
    /// is this request's id. A task in flight is cancelled where vCenter can, else waited for.
    /// Nothing there is success.
    ///
    /// # Errors
    ///
    /// As for [`create_vm`](Self::create_vm).
    async fn remove_vm(
        &self,
        spec: &VmSpec,
        resume: &Checkpoint,
        progress: &dyn ProgressSink,
    ) -> Result<(), VsphereError>;
}

/// Hears how a VM is being made or removed. `()` hears nothing and allows everything.
#[async_trait]
pub trait ProgressSink: Send + Sync {
    /// A stage was entered. Telling one twice, or an earlier one after a resume, is harmless.
    ///
    /// # Errors
    ///
    /// [`Stop`] when this worker must stop at once.
    async fn stage(&self, stage: VmProvisioningStage, details: Option<String>) -> Result<(), Stop>;

    /// What to resume from has changed: a task is in flight, or the VM is known.
    ///
    /// # Errors
    ///
    /// [`Stop`] when this worker must stop at once.
    async fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), Stop>;

    /// A step of removing the VM was done.
    ///
    /// # Errors
    ///
    /// [`Stop`] when this worker must stop at once.
    async fn undone(&self, step: UndoneStep) -> Result<(), Stop>;

    /// Asks for leave to send a call that changes something and may take up to `deadline`.
    ///
    /// # Errors
    ///
    /// [`Stop`] when the lease does not outlast the deadline: then nothing may be sent.
    async fn may_change(&self, deadline: Duration) -> Result<(), Stop>;

    /// The call that leave was asked for has been answered, and what it began is kept: from here on
    /// another worker can go on with it.
    fn changed(&self) {}

    /// Ends when the work is to stop although nothing failed: a person has cancelled it, say. Only a
    /// wait may be ended by it, never a call that changes something.
    async fn stopped(&self) -> Stop;

    /// What vCenter reports of a running task: its own percentage, and a word on it. Live only.
    fn live(&self, percent: Option<u8>, details: Option<String>);

    /// The time by which the checkpoint says since when something is waited for: the same for every
    /// worker, wherever it runs.
    fn now(&self) -> DateTime<Utc>;
}

#[async_trait]
impl ProgressSink for () {
    async fn stage(&self, _: VmProvisioningStage, _: Option<String>) -> Result<(), Stop> {
        Ok(())
    }

    async fn checkpoint(&self, _: &Checkpoint) -> Result<(), Stop> {
        Ok(())
    }

    async fn undone(&self, _: UndoneStep) -> Result<(), Stop> {
        Ok(())
    }

    async fn may_change(&self, _: Duration) -> Result<(), Stop> {
        Ok(())
    }

    async fn stopped(&self) -> Stop {
        std::future::pending().await
    }

    fn live(&self, _: Option<u8>, _: Option<String>) {}

    /// No time passes for it: whoever resumes has all of it.
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }
}

/// Why a sink ends the work.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// Another worker has taken over, or the lease is about to end: nothing more may be done here.
    #[error("another worker has taken over")]
    Fenced,
    /// The journal could not be written; the work is resumed from it later.
    #[error("the journal cannot be written")]
    Journal(#[source] BoxError),
    /// The journal calls for something else now: look at it again.
    #[error("the request has taken another course")]
    Superseded,
}

/// What a saga resumes from. Only a hint: everything is looked at again before it is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The vCenter task in flight.
    pub task: Option<TaskInFlight>,
    /// The VM, once its clone has ended.
    pub vm: Option<MoRef>,
    /// Since when its guest's address is waited for, while that is what is waited for.
    pub address_since: Option<DateTime<Utc>>,
}

impl Checkpoint {
    /// What is resumed from in an attempt, or an undo, that began at `begun`. What an earlier one had
    /// waited for, or had left in flight, is given the whole time again.
    #[must_use]
    pub fn within(self, begun: DateTime<Utc>) -> Self {
        let task = self.task.map(|task| {
            let since = task.since.map(|since| since.max(begun));
            TaskInFlight { since, ..task }
        });
        let address_since = self.address_since.filter(|since| *since >= begun);
        Self { task, address_since, ..self }
    }
}

/// A task of vCenter that was started and not yet seen to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskInFlight {
    /// The task's managed object id.
    pub moref: MoRef,
    /// What it does.
    pub operation: TaskOperation,
    /// Since when it is waited for. `None`: an older version had started it, and did not say.
    pub since: Option<DateTime<Utc>>,
}

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskOperation {
    /// `CloneVM_Task`
    Clone,
    /// `ReconfigVM_Task`
    Reconfigure,
    /// `CustomizeVM_Task`
    Customize,
    /// `PowerOnVM_Task`
    PowerOn,
    /// `PowerOffVM_Task`
    PowerOff,
    /// `Destroy_Task`
    Destroy,
}

/// A step of removing a VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UndoneStep {
    /// Its clone was cancelled before it had ended.
    CloneCancelled,
    /// It was powered off.
    PoweredOff,
    /// It was destroyed.
    Destroyed,
}

/// The finished VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmProvisioningResult {
    /// Its managed object id.
    pub moref: MoRef,
    /// Its `instanceUuid`.
    pub instance_uuid: uuid::Uuid,
    /// Its guest's host name.
    pub hostname: String,
    /// Its guest's address.
    pub ip_address: std::net::IpAddr,
}

/// A template, as vCenter tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmTemplate {
    /// Its name.
    pub name: String,
    /// Its managed object id.
    pub moref: MoRef,
    /// The guest operating system in vCenter's words.
    pub guest: String,
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Sum of its disks in GiB, rounded up.
    pub disk_gib: u32,
}

/// Why vCenter did not do something. The variants say what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum VsphereError {
    /// vCenter could not be asked just now: the same call may succeed later.
    #[error("vCenter is not answering ({operation}): {reason}")]
    Unavailable {
        /// What was tried.
        operation: &'static str,
        /// Why, in one line for a person.
        reason: String,
        /// The transport's error.
        #[source]
        source: Option<BoxError>,
    },
    /// vCenter understood and refused: the same call fails again until a person changes something.
    #[error("{reason}")]
    Rejected {
        /// A stable word for programs.
        code: RejectionCode,
        /// vCenter's own reason, in one line for a person.
        reason: String,
    },
    /// Something that the request names is not there.
    #[error("{object} does not exist")]
    NotFound {
        /// What, as in `template "ubuntu"`.
        object: String,
    },
    /// The sink ended the work.
    #[error("stopped")]
    Stopped(#[from] Stop),
}

impl VsphereError {
    /// Whether the same step may succeed when it is tried again.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// Stable words for why vCenter refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RejectionCode {
    /// vCenter refused, for the reason given.
    VcenterRejected,
    /// User name or password are wrong.
    LoginFailed,
    /// The server's certificate is not trusted.
    CertificateNotTrusted,
    /// The account lacks a right.
    NoPermission,
    /// Another VM has the name.
    NameTaken,
    /// The settings do not say where VMs are made (datacenter, folder, pool, ...).
    PlacementNotFound,
    /// The clone took longer than its deadline.
    CloneTimeout,
    /// The customisation took longer than its deadline.
    CustomizeTimeout,
    /// Any other task took longer than its deadline.
    TaskTimeout,
    /// No usable address came within the deadline.
    NoAddress,
}

impl RejectionCode {
    /// Every code.
    pub const ALL: [Self; 10] = [
        Self::VcenterRejected,
        Self::LoginFailed,
        Self::CertificateNotTrusted,
        Self::NoPermission,
        Self::NameTaken,
        Self::PlacementNotFound,
        Self::CloneTimeout,
        Self::CustomizeTimeout,
        Self::TaskTimeout,
        Self::NoAddress,
    ];

    /// The word that programs see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VcenterRejected => "vcenter_rejected",
            Self::LoginFailed => "vcenter_login_failed",
            Self::CertificateNotTrusted => "vcenter_certificate_not_trusted",
            Self::NoPermission => "vcenter_no_permission",
            Self::NameTaken => "name_taken",
            Self::PlacementNotFound => "placement_not_found",
            Self::CloneTimeout => "clone_timeout",
            Self::CustomizeTimeout => "customize_timeout",
            Self::TaskTimeout => "task_timeout",
            Self::NoAddress => "no_address",
        }
    }

    /// Whether a person's retry of the same request makes sense once the cause is mended.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::NameTaken => false,
            Self::VcenterRejected
            | Self::LoginFailed
            | Self::CertificateNotTrusted
            | Self::NoPermission
            | Self::PlacementNotFound
            | Self::CloneTimeout
            | Self::CustomizeTimeout
            | Self::TaskTimeout
            | Self::NoAddress => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A retry, or an undo, gets the whole time for what was left in flight; a takeover does not.
    #[test]
    fn what_an_earlier_attempt_waited_for_is_waited_for_anew() {
        let at = DateTime::from_timestamp_millis;
        let of = |since, address_since| Checkpoint {
            task: Some(TaskInFlight {
                moref: MoRef("task-1".to_owned()),
                operation: TaskOperation::Clone,
                since,
            }),
            vm: Some(MoRef("vm-1".to_owned())),
            address_since,
        };
        let begun = at(2_000).expect("a moment");
        assert_eq!(of(at(1_000), at(1_500)).within(begun), of(at(2_000), None));
        assert_eq!(of(at(2_500), at(3_000)).within(begun), of(at(2_500), at(3_000)));
        assert_eq!(of(None, None).within(begun), of(None, None));
    }
}
