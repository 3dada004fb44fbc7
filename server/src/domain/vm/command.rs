//! What may be asked of a request, and why it may be refused.

use chrono::{DateTime, Utc};

use super::VmStatus;
use crate::domain::ids::{Owner, VcenterId};
use crate::domain::ports::vsphere::{UndoneStep, VmProvisioningResult};
use crate::domain::spec::VmSpec;
use crate::domain::stage::VmProvisioningStage as Stage;

/// What somebody wants to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Accept a request.
    Request {
        /// What is asked for.
        spec: VmSpec,
        /// By whom.
        owner: Owner,
        /// From how many milliseconds on an attempt counts as slow.
        slow_after_ms: u64,
    },
    /// Begin an attempt.
    Start {
        /// In which vCenter.
        vcenter: VcenterId,
        /// Which worker.
        worker: String,
    },
    /// Go on with an attempt (or its undo) that another worker began.
    Resume {
        /// Which worker.
        worker: String,
        /// The task that is waited for again.
        task: Option<String>,
    },
    /// Enter a stage.
    UpdateProgress {
        /// The stage.
        stage: Stage,
        /// What vCenter is doing, for a person.
        details: Option<String>,
    },
    /// A try failed for a reason that can pass.
    FailTry {
        /// Why.
        reason: String,
        /// When the next one begins.
        next_at: DateTime<Utc>,
    },
    /// The VM is there.
    Complete {
        /// The VM.
        vm: VmProvisioningResult,
    },
    /// The attempt failed. What it may have made must be removed first.
    Fail {
        /// A stable word.
        code: String,
        /// Why.
        reason: String,
        /// Whether the same request may succeed later.
        retryable: bool,
    },
    /// A step of the removal was done.
    RecordUndone {
        /// Which.
        step: UndoneStep,
    },
    /// All is removed.
    FinishUndo,
    /// A person wants it no more.
    Cancel {
        /// Who.
        by: Owner,
    },
    /// A person wants it tried again.
    Retry {
        /// Who.
        by: Owner,
    },
    /// It could not all be removed.
    GiveUpUndo {
        /// Why.
        reason: String,
        /// What is left.
        left: Vec<String>,
    },
}

/// Why a command cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecideError {
    /// There is no such request yet, and the command needs one.
    #[error("there is no such request")]
    NotRequested,
    /// The request was accepted before.
    #[error("the request was accepted already")]
    AlreadyRequested,
    /// The request is in a state in which the command means nothing.
    #[error("not possible while the request is {}", .0.as_str())]
    WrongStatus(VmStatus),
}
