//! What scripts have planned for calls to come, and which calls came.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::script::{Call, Failure, Operation, Pause};
use crate::infrastructure::vsphere::api::{ApiError, Fault};

/// How many calls are remembered: far more than a test makes, and a limit for a server that runs on.
const CALLS_KEPT: usize = 4_096;

/// What is planned, and what came in.
#[derive(Debug, Default)]
pub(super) struct Plans {
    state: Mutex<PlanState>,
}

#[derive(Debug, Default)]
struct PlanState {
    pauses: Vec<PlannedPause>,
    failures: Vec<PlannedFailure>,
    calls: VecDeque<Call>,
    hold_addresses: bool,
    away: bool,
}

/// Where a call is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Point {
    /// Before it has any effect.
    Before,
    /// After its effect, before it is answered.
    After,
}

#[derive(Debug)]
struct PlannedPause {
    operation: Operation,
    point: Point,
    reached: watch::Sender<bool>,
    released: watch::Receiver<bool>,
}

#[derive(Debug)]
struct PlannedFailure {
    operation: Operation,
    times: u32,
    failure: Failure,
}

/// What is planned for one call.
#[derive(Debug)]
pub(super) struct Plan {
    operation: Operation,
    failure: Option<Failure>,
}

impl Plans {
    fn lock(&self) -> MutexGuard<'_, PlanState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// See `Script::fail`.
    pub(super) fn fail(&self, operation: Operation, times: u32, failure: Failure) {
        self.lock().failures.push(PlannedFailure { operation, times, failure });
    }

    /// See `Script::hold_addresses`.
    pub(super) fn hold_addresses(&self) {
        self.lock().hold_addresses = true;
    }

    /// See `Script::go_away` and `Script::come_back`.
    pub(super) fn set_away(&self, away: bool) {
        self.lock().away = away;
    }

    /// An error while nothing is answered.
    pub(super) fn reach(&self, operation: Operation) -> Result<(), ApiError> {
        if self.lock().away {
            return Err(lost(operation, "the connection was refused"));
        }
        Ok(())
    }

    /// See `Script::calls`.
    pub(super) fn calls(&self) -> Vec<Call> {
        self.lock().calls.iter().cloned().collect()
    }

    /// See `Script::forget_calls`.
    pub(super) fn forget_calls(&self) {
        self.lock().calls.clear();
    }

    /// Holds the calls of an operation at a point.
    pub(super) fn pause(&self, operation: Operation, point: Point) -> Pause {
        let (reached_sender, reached) = watch::channel(false);
        let (released, released_receiver) = watch::channel(false);
        self.lock().pauses.push(PlannedPause {
            operation,
            point,
            reached: reached_sender,
            released: released_receiver,
        });
        Pause::new(reached, released)
    }

    pub(super) fn holds_addresses(&self) -> bool {
        self.lock().hold_addresses
    }

    /// A call has come in: returns once it may have its effect.
    pub(super) async fn enter(
        &self,
        operation: Operation,
        subject: String,
    ) -> Result<Plan, ApiError> {
        let failure = {
            let mut state = self.lock();
            if state.calls.len() == CALLS_KEPT {
                state.calls.pop_front();
            }
            state.calls.push_back(Call { operation, subject });
            state.take_failure(operation)
        };
        self.hold(operation, Point::Before).await;
        self.reach(operation)?;
        match failure {
            Some(Failure::Unreachable) => Err(lost(operation, "the connection was refused")),
            Some(Failure::Certificate) => Err(ApiError::Certificate {
                reason: "the certificate of the simulated vCenter is not trusted".to_owned(),
            }),
            Some(Failure::Refused(fault)) => {
                Err(ApiError::Fault { operation: operation.as_str(), fault })
            }
            failure @ (Some(Failure::ReplyLost | Failure::TaskFails(_) | Failure::TaskHangs)
            | None) => Ok(Plan { operation, failure }),
        }
    }

    /// The call has had its effect: returns once it may be answered.
    pub(super) async fn leave(&self, plan: &Plan) -> Result<(), ApiError> {
        self.hold(plan.operation, Point::After).await;
        match &plan.failure {
            Some(Failure::ReplyLost) => Err(reply_lost(plan.operation)),
            _ => Ok(()),
        }
    }

    async fn hold(&self, operation: Operation, point: Point) {
        let gates: Vec<_> = {
            let mut state = self.lock();
            state.pauses.retain(|pause| !*pause.released.borrow());
            let here = state
                .pauses
                .iter()
                .filter(|pause| pause.operation == operation && pause.point == point);
            here.map(|pause| (pause.reached.clone(), pause.released.clone())).collect()
        };
        for (reached, mut released) in gates {
            reached.send_replace(true);
            // An error means that the pause is gone, which releases it too.
            drop(released.wait_for(|released| *released).await);
        }
    }
}

impl PlanState {
    fn take_failure(&mut self, operation: Operation) -> Option<Failure> {
        let index =
            self.failures.iter().position(|plan| plan.operation == operation && plan.times > 0)?;
        let plan = self.failures.get_mut(index)?;
        plan.times -= 1;
        let failure = plan.failure.clone();
        self.failures.retain(|plan| plan.times > 0);
        Some(failure)
    }
}

impl Plan {
    /// Whether the task of this call is not to end.
    pub(super) fn hangs(&self) -> bool {
        self.failure == Some(Failure::TaskHangs)
    }

    /// The fault in which the task of this call is to end, if a script says so.
    pub(super) fn task_fault(&self) -> Option<Fault> {
        match &self.failure {
            Some(Failure::TaskFails(fault)) => Some(fault.clone()),
            _ => None,
        }
    }
}

pub(super) fn lost(operation: Operation, reason: &str) -> ApiError {
    ApiError::Transport { operation: operation.as_str(), reason: reason.to_owned(), source: None }
}

pub(super) fn reply_lost(operation: Operation) -> ApiError {
    lost(operation, "the connection was closed before the reply came")
}
