//! The attempts of a request, their failed tries and what was undone, as they are told.

use app::api;

use super::{failure, stage, stage_progress, status};
use crate::domain::estimate::Told;
use crate::domain::stage::VmProvisioningStage as Stage;
use crate::domain::timeline::{Attempt, FailedTries, Undo};

/// An earlier attempt. What was usual then is not told again.
pub(super) fn attempt(attempt: &Attempt) -> api::Attempt {
    let told = Told::default();
    api::Attempt {
        attempt: attempt.number,
        started_at: attempt.started_at.map(Into::into),
        ended_at: attempt.ended_at.map(Into::into),
        outcome: status(attempt.outcome),
        stages: Stage::ALL.map(|stage| stage_progress(&attempt.stages, stage, &told)).into(),
        tries: tries(&attempt.tries),
        tries_before: attempt.tries.before,
        undo: attempt.undo.iter().map(undo_step).collect(),
        left: attempt.left.clone(),
        failure: attempt.failure.as_ref().map(failure),
    }
}

/// The tries that failed and were repeated.
pub(super) fn tries(tries: &FailedTries) -> Vec<api::Try> {
    let of = tries.newest.iter().map(|failed| api::Try {
        number: failed.number,
        stage: stage(failed.stage),
        at: failed.at.into(),
        next_at: failed.next_at.into(),
        reason: failed.reason.clone(),
    });
    of.collect()
}

/// One step of taking back what was made.
pub(super) fn undo_step(undo: &Undo) -> api::UndoStep {
    api::UndoStep {
        step: undo.step.clone(),
        state: if undo.done { api::UndoState::Done } else { api::UndoState::Failed },
        at: undo.at.into(),
    }
}
