//! The facts of the journal, in the past tense and complete in themselves.
//!
//! An event is never altered. It has no percentage in it: the journal holds discrete stages only.

use chrono::{DateTime, Utc};

use super::estimate::Told;
use super::ids::{Owner, VcenterId};
use super::ports::vsphere::{UndoneStep, VmProvisioningResult};
use super::spec::VmSpec;
use super::stage::VmProvisioningStage;

/// A fact about one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VmEvent {
    /// A person asked for a VM, and it was accepted: stage `CREATED` is entered.
    VmRequested {
        /// What was asked for.
        spec: VmSpec,
        /// By whom.
        owner: Owner,
        /// From how many milliseconds on an attempt counts as slow. Recorded, so that what was once
        /// told of this request stays true when the setting changes.
        slow_after_ms: u64,
    },
    /// A worker began an attempt: stage `CREATED` is completed.
    VmProvisioningStarted {
        /// The number of the attempt, from 1.
        attempt: u32,
        /// The vCenter that it is made in, and no other from now on.
        vcenter: VcenterId,
        /// Which worker.
        worker: String,
    },
    /// A stage was entered, which completes the one before.
    VmProvisioningProgressUpdated {
        /// The stage.
        current_stage: VmProvisioningStage,
        /// What vCenter is doing, for a person.
        details: Option<String>,
    },
    /// A try failed for a reason that can pass, and will be repeated.
    VmProvisioningTryFailed {
        /// The stage, which is not left.
        stage: VmProvisioningStage,
        /// Which try of this attempt it was, from 1.
        failed_try: u32,
        /// Why, for a person.
        reason: String,
        /// When the next one begins.
        next_at: DateTime<Utc>,
    },
    /// Another worker, or a restarted one, went on.
    VmProvisioningResumed {
        /// In which stage.
        stage: VmProvisioningStage,
        /// Which worker.
        worker: String,
        /// The vCenter task that was in flight and is waited for again.
        task: Option<String>,
    },
    /// The VM is there: stage `READY` is entered and completed.
    VmProvisioned {
        /// The VM.
        vm: VmProvisioningResult,
    },
    /// The attempt failed; what it made is being removed.
    VmProvisioningUndoStarted {
        /// Why it failed.
        failure: Failure,
    },
    /// A step of the removal was done.
    VmProvisioningStepUndone {
        /// Which.
        step: UndoneStep,
    },
    /// The attempt failed, and nothing was left behind.
    VmProvisioningFailed {
        /// Why.
        failure: Failure,
    },
    /// The attempt failed, and what it made could not be removed: a person must look at it.
    VmProvisioningNeedsAttention {
        /// Why it failed; `None` when it was cancelled.
        failure: Option<Failure>,
        /// Why it could not be undone, for a person.
        reason: String,
        /// What is left, by name.
        left: Vec<String>,
    },
    /// A person wants it no more; what was made is being removed.
    VmProvisioningCancelRequested {
        /// Who.
        by: Owner,
    },
    /// It was cancelled, and nothing was left behind.
    VmProvisioningCancelled,
    /// A person wants it tried again: a new attempt begins, and waits for a worker.
    VmProvisioningRetryRequested {
        /// Who.
        by: Owner,
        /// The number of the new attempt.
        attempt: u32,
    },
}

impl VmEvent {
    /// The stable name of the event's type, as stored and as told to programs.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::VmRequested { .. } => "VmRequested",
            Self::VmProvisioningStarted { .. } => "VmProvisioningStarted",
            Self::VmProvisioningProgressUpdated { .. } => "VmProvisioningProgressUpdated",
            Self::VmProvisioningTryFailed { .. } => "VmProvisioningTryFailed",
            Self::VmProvisioningResumed { .. } => "VmProvisioningResumed",
            Self::VmProvisioned { .. } => "VmProvisioned",
            Self::VmProvisioningUndoStarted { .. } => "VmProvisioningUndoStarted",
            Self::VmProvisioningStepUndone { .. } => "VmProvisioningStepUndone",
            Self::VmProvisioningFailed { .. } => "VmProvisioningFailed",
            Self::VmProvisioningNeedsAttention { .. } => "VmProvisioningNeedsAttention",
            Self::VmProvisioningCancelRequested { .. } => "VmProvisioningCancelRequested",
            Self::VmProvisioningCancelled => "VmProvisioningCancelled",
            Self::VmProvisioningRetryRequested { .. } => "VmProvisioningRetryRequested",
        }
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// In which stage.
    pub stage: VmProvisioningStage,
    /// A stable word for programs, as `no_address`.
    pub code: String,
    /// What happened, for a person.
    pub reason: String,
    /// Whether the same request may succeed when a person tries it again.
    pub retryable: bool,
}

/// An event on its way into the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// The fact.
    pub event: VmEvent,
    /// The estimate that is told with it.
    pub told: Told,
}

/// A row of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Its number within its request: 1, 2, 3 with no hole, in commit order.
    pub seq: u32,
    /// When it was recorded, by PostgreSQL's clock, in whole milliseconds.
    pub recorded_at: DateTime<Utc>,
    /// The fact.
    pub event: VmEvent,
    /// The estimate that was told with it.
    pub told: Told,
}
