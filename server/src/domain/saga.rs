//! What a saga must do next, told by the journal alone.

use super::vm::{VmAggregate, VmStatus};

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

/// How this worker came to the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worker {
    /// The one before did not come to the end of what it did, and this one has not said so yet.
    TakingOver,
    /// It is at work, or goes on where an earlier one had come to an end: after a pause, say.
    Working,
}

/// What the journal calls for.
pub fn next_action(state: &VmAggregate, worker: Worker) -> Action {
    let VmAggregate::Requested(vm) = state else { return Action::Nothing };
    match vm.status {
        VmStatus::Queued => Action::Start,
        VmStatus::Provisioning | VmStatus::Undoing if worker == Worker::TakingOver => {
            Action::Resume
        }
        VmStatus::Provisioning => Action::CreateVm,
        VmStatus::Undoing => Action::RemoveVm,
        VmStatus::Ready | VmStatus::Failed | VmStatus::Cancelled | VmStatus::NeedsAttention => {
            Action::Nothing
        }
    }
}

#[cfg(test)]
#[path = "saga_tests.rs"]
mod tests;
