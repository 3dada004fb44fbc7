//! What a saga must do next, told by the journal alone.

use super::vm::{RequestedVm, VmAggregate, VmStatus};

/// The next thing to do for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Record that an attempt begins.
    Start,
    /// Record that this worker goes on where another one stopped.
    Resume,
    /// Make the VM, from wherever it is.
    CreateVm,
    /// Remove what was made.
    RemoveVm,
    /// Nothing: it has ended.
    Nothing,
}

/// Whether this worker has taken part already since it got the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worker {
    /// It has just got the lease and has not recorded anything under it.
    Arriving,
    /// It is at work.
    Working,
}

/// What the journal calls for.
pub fn next_action(state: &VmAggregate, worker: Worker) -> Action {
    let VmAggregate::Requested(vm) = state else { return Action::Nothing };
    match vm.status {
        VmStatus::Queued => Action::Start,
        VmStatus::Provisioning if must_announce(vm, worker) => Action::Resume,
        VmStatus::Provisioning => Action::CreateVm,
        VmStatus::Undoing if must_announce(vm, worker) => Action::Resume,
        VmStatus::Undoing => Action::RemoveVm,
        VmStatus::Ready | VmStatus::Failed | VmStatus::Cancelled | VmStatus::NeedsAttention => {
            Action::Nothing
        }
    }
}

/// A worker that finds work begun says so, unless the journal had announced a repetition.
fn must_announce(vm: &RequestedVm, worker: Worker) -> bool {
    worker == Worker::Arriving && !vm.awaits_retry
}
