//! The aggregate of one request: what may happen next, decided from what has happened.
//!
//! [`decide`] and [`evolve`] are pure. Within an attempt stages only go forward: being told the same
//! stage twice, or an earlier one after a resume, decides nothing.

use chrono::{DateTime, Utc};

use super::event::{Failure, RecordedEvent, VmEvent};
use super::ids::{Owner, VcenterId};
use super::ports::vsphere::UndoneStep;
use super::spec::VmSpec;
use super::stage::VmProvisioningStage as Stage;

mod command;

pub use command::{Command, DecideError};

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VmStatus {
    /// Accepted, waiting for a worker.
    Queued,
    /// A worker is on it.
    Provisioning,
    /// It failed, and what was made is being removed.
    Undoing,
    /// The VM is there.
    Ready,
    /// It failed and nothing was left behind.
    Failed,
    /// A person cancelled it and nothing was left behind.
    Cancelled,
    /// Something was left behind.
    NeedsAttention,
}

impl VmStatus {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Provisioning,
        Self::Undoing,
        Self::Ready,
        Self::Failed,
        Self::Cancelled,
        Self::NeedsAttention,
    ];

    /// The stable word, as stored and as told to programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Provisioning => "provisioning",
            Self::Undoing => "undoing",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::NeedsAttention => "needs_attention",
        }
    }

    /// The status with this stable word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether nothing more happens by itself.
    pub fn has_ended(self) -> bool {
        match self {
            Self::Queued | Self::Provisioning | Self::Undoing => false,
            Self::Ready | Self::Failed | Self::Cancelled | Self::NeedsAttention => true,
        }
    }
}

/// What [`decide`] must know of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum VmAggregate {
    /// Nothing has happened.
    #[default]
    NotRequested,
    /// A request.
    Requested(Box<RequestedVm>),
}

/// A request, as far as decisions need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedVm {
    /// The newest event's number.
    pub seq: u32,
    /// What was asked for.
    pub spec: VmSpec,
    /// By whom.
    pub owner: Owner,
    /// Where it stands.
    pub status: VmStatus,
    /// The stage reached last in this attempt.
    pub stage: Stage,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// When this attempt began, or its undo.
    pub begun_at: DateTime<Utc>,
    /// The vCenter it belongs to, from its first start on.
    pub vcenter: Option<VcenterId>,
    /// How many tries of this attempt have failed.
    pub failed_tries: u32,
    /// How many of them in a row, with nothing achieved between.
    pub failed_in_a_row: u32,
    /// When the first of the tries failed that have failed in a row, with nothing achieved between.
    pub failing_since: Option<DateTime<Utc>>,
    /// Why it failed, while that is being undone.
    pub failure: Option<Failure>,
    /// What was undone of this attempt.
    pub undone: Vec<UndoneStep>,
    /// Whether something is left in vCenter that could not be removed.
    pub leftovers: bool,
}

impl VmAggregate {
    /// The aggregate after all of `events`.
    pub fn replay(events: &[RecordedEvent]) -> Self {
        events.iter().fold(Self::default(), evolve)
    }

    /// The newest event's number; 0 before the first.
    pub fn seq(&self) -> u32 {
        match self {
            Self::NotRequested => 0,
            Self::Requested(vm) => vm.seq,
        }
    }
}

/// What follows from a command: the events to record, none when nothing new is said.
///
/// # Errors
///
/// [`DecideError`] when the command is not possible now.
pub fn decide(state: &VmAggregate, command: Command) -> Result<Vec<VmEvent>, DecideError> {
    let vm = match (state, command) {
        (VmAggregate::NotRequested, Command::Request { spec, owner, slow_after_ms }) => {
            return Ok(vec![VmEvent::VmRequested { spec, owner, slow_after_ms }]);
        }
        (VmAggregate::Requested(_), Command::Request { .. }) => {
            return Err(DecideError::AlreadyRequested);
        }
        (VmAggregate::NotRequested, _) => return Err(DecideError::NotRequested),
        (VmAggregate::Requested(vm), command) => (vm, command),
    };
    match vm {
        (vm, Command::Cancel { by }) => decide_cancel(vm, by),
        (vm, Command::Retry { by }) => decide_retry(vm, by),
        (vm, command) => decide_work(vm, command),
    }
}

/// What a person's wish to cancel means. Cancelling what is removed already, or was cancelled before,
/// says nothing new: whoever did not hear the answer may ask again.
fn decide_cancel(vm: &RequestedVm, by: Owner) -> Result<Vec<VmEvent>, DecideError> {
    let requested = VmEvent::VmProvisioningCancelRequested { by };
    match vm.status {
        VmStatus::Queued | VmStatus::Provisioning if nothing_was_made(vm) => {
            Ok(vec![requested, VmEvent::VmProvisioningCancelled])
        }
        // What needs attention is cancelled to have its removal tried again: with nothing left
        // (somebody has removed it by hand), that ends well.
        VmStatus::Queued | VmStatus::Provisioning | VmStatus::NeedsAttention => Ok(vec![requested]),
        VmStatus::Undoing | VmStatus::Cancelled => Ok(Vec::new()),
        status @ (VmStatus::Ready | VmStatus::Failed) => Err(DecideError::WrongStatus(status)),
    }
}

/// Whether there can be nothing to undo. The intent to clone is recorded before the clone: without it
/// nothing can have been made, and nothing is there but what an earlier attempt may have left. Whoever is
/// about to record it finds that the journal has moved.
fn nothing_was_made(vm: &RequestedVm) -> bool {
    vm.stage == Stage::Created && !vm.leftovers
}

/// What a person's wish to try again means.
fn decide_retry(vm: &RequestedVm, by: Owner) -> Result<Vec<VmEvent>, DecideError> {
    match vm.status {
        VmStatus::Failed | VmStatus::Cancelled | VmStatus::NeedsAttention => {
            let attempt = vm.attempt + 1;
            Ok(vec![VmEvent::VmProvisioningRetryRequested { by, attempt }])
        }
        status @ (VmStatus::Queued
        | VmStatus::Provisioning
        | VmStatus::Undoing
        | VmStatus::Ready) => Err(DecideError::WrongStatus(status)),
    }
}

/// What a worker's command means.
fn decide_work(vm: &RequestedVm, command: Command) -> Result<Vec<VmEvent>, DecideError> {
    use VmStatus::{Provisioning, Queued, Undoing};
    let event = match (vm.status, command) {
        (Queued, Command::Start { vcenter, worker }) => {
            VmEvent::VmProvisioningStarted { attempt: vm.attempt, vcenter, worker }
        }
        (Provisioning | Undoing, Command::Resume { worker, task }) => {
            VmEvent::VmProvisioningResumed { stage: vm.stage, worker, task }
        }
        (Provisioning, Command::UpdateProgress { stage, details }) => {
            if stage <= vm.stage {
                return Ok(Vec::new());
            }
            VmEvent::VmProvisioningProgressUpdated { current_stage: stage, details }
        }
        (Queued | Provisioning | Undoing, Command::FailTry { reason, next_at }) => {
            let (stage, failed_try) = (vm.stage, vm.failed_tries + 1);
            VmEvent::VmProvisioningTryFailed { stage, failed_try, reason, next_at }
        }
        (Provisioning, Command::Complete { vm }) => VmEvent::VmProvisioned { vm },
        (Queued | Provisioning, Command::Fail { code, reason, retryable }) => {
            let stage = match (vm.status, vm.stage) {
                // What failed was getting to the clone.
                (Provisioning, Stage::Created) => Stage::Cloning,
                (_, reached) => reached,
            };
            let failure = Failure { stage, code, reason, retryable };
            if nothing_was_made(vm) {
                VmEvent::VmProvisioningFailed { failure }
            } else {
                VmEvent::VmProvisioningUndoStarted { failure }
            }
        }
        (Undoing, Command::RecordUndone { step }) if vm.undone.contains(&step) => {
            return Ok(Vec::new());
        }
        (Undoing, Command::RecordUndone { step }) => VmEvent::VmProvisioningStepUndone { step },
        (Undoing, Command::FinishUndo) => match vm.failure.clone() {
            Some(failure) => VmEvent::VmProvisioningFailed { failure },
            None => VmEvent::VmProvisioningCancelled,
        },
        (Undoing, Command::GiveUpUndo { reason, left }) => {
            let failure = vm.failure.clone();
            VmEvent::VmProvisioningNeedsAttention { failure, reason, left }
        }
        (status, _) => return Err(DecideError::WrongStatus(status)),
    };
    Ok(vec![event])
}

/// The state after one more event. Never fails: what is recorded has happened.
#[must_use]
pub fn evolve(state: VmAggregate, recorded: &RecordedEvent) -> VmAggregate {
    let mut vm = match (state, &recorded.event) {
        (VmAggregate::NotRequested, VmEvent::VmRequested { spec, owner, .. }) => {
            Box::new(RequestedVm {
                seq: recorded.seq,
                spec: spec.clone(),
                owner: owner.clone(),
                status: VmStatus::Queued,
                stage: Stage::Created,
                attempt: 1,
                begun_at: recorded.recorded_at,
                vcenter: None,
                failed_tries: 0,
                failed_in_a_row: 0,
                failing_since: None,
                failure: None,
                undone: Vec::new(),
                leftovers: false,
            })
        }
        (VmAggregate::NotRequested, _) => return VmAggregate::NotRequested,
        (VmAggregate::Requested(vm), _) => vm,
    };
    vm.seq = recorded.seq;
    apply(&mut vm, recorded);
    VmAggregate::Requested(vm)
}

fn apply(vm: &mut RequestedVm, recorded: &RecordedEvent) {
    match &recorded.event {
        VmEvent::VmRequested { .. } | VmEvent::VmProvisioningResumed { .. } => {}
        VmEvent::VmProvisioningStarted { attempt, vcenter, .. } => {
            vm.status = VmStatus::Provisioning;
            vm.attempt = *attempt;
            vm.begun_at = recorded.recorded_at;
            vm.vcenter = Some(vcenter.clone());
            achieved(vm);
        }
        VmEvent::VmProvisioningProgressUpdated { current_stage, .. } => {
            vm.stage = vm.stage.max(*current_stage);
            achieved(vm);
        }
        VmEvent::VmProvisioningTryFailed { failed_try, .. } => {
            vm.failed_tries = *failed_try;
            vm.failed_in_a_row += 1;
            vm.failing_since = vm.failing_since.or(Some(recorded.recorded_at));
        }
        VmEvent::VmProvisioned { .. } => {
            vm.stage = Stage::Ready;
            vm.status = VmStatus::Ready;
            vm.leftovers = false;
        }
        VmEvent::VmProvisioningUndoStarted { failure } => {
            vm.status = VmStatus::Undoing;
            vm.begun_at = recorded.recorded_at;
            vm.failure = Some(failure.clone());
            vm.undone.clear();
            achieved(vm);
        }
        VmEvent::VmProvisioningStepUndone { step } => {
            vm.undone.push(*step);
            achieved(vm);
        }
        VmEvent::VmProvisioningFailed { failure } => {
            vm.status = VmStatus::Failed;
            vm.failure = Some(failure.clone());
            vm.leftovers = false;
        }
        VmEvent::VmProvisioningNeedsAttention { failure, .. } => {
            vm.status = VmStatus::NeedsAttention;
            vm.failure.clone_from(failure);
            vm.leftovers = true;
        }
        VmEvent::VmProvisioningCancelRequested { .. } => {
            vm.status = VmStatus::Undoing;
            vm.begun_at = recorded.recorded_at;
            vm.failure = None;
            vm.undone.clear();
            achieved(vm);
        }
        VmEvent::VmProvisioningCancelled => {
            vm.status = VmStatus::Cancelled;
            vm.leftovers = false;
        }
        VmEvent::VmProvisioningRetryRequested { attempt, .. } => {
            vm.status = VmStatus::Queued;
            vm.stage = Stage::Created;
            vm.attempt = *attempt;
            vm.failed_tries = 0;
            vm.failure = None;
            vm.undone.clear();
            achieved(vm);
        }
    }
}

/// Something went forward: what failed before it does not count any more.
fn achieved(vm: &mut RequestedVm) {
    vm.failing_since = None;
    vm.failed_in_a_row = 0;
}

#[cfg(test)]
#[path = "vm_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "tests_support.rs"]
pub(crate) mod tests_support;
