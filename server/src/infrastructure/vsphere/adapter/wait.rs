//! Waiting for a task to end: bounded waits, live percentages, a deadline.
//!
//! The deadline is the task's own, whoever waits: a worker that takes over has what is left of it.

use std::time::Duration;

use tokio::time::Instant;

use super::failure::{refusal, rejected};
use super::run::Run;
use crate::domain::ids::MoRef;
use crate::domain::ports::vsphere::{RejectionCode, TaskInFlight, TaskOperation, VsphereError};
use crate::infrastructure::vsphere::api::{ApiError, Fault, TaskInfo, TaskState};

/// The longest single wait: short enough that a dead connection shows, long enough to be quiet.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(20);
/// A pause after a wait that came back at once with nothing new, so that a server which does not wait
/// is not asked without end.
pub(super) const IDLE_PAUSE: Duration = Duration::from_millis(100);

/// How a task ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// Well; of a clone with the VM it made.
    Success(Option<MoRef>),
    /// With a fault.
    Failed(Fault),
    /// vCenter does not know the task (any more).
    Unknown,
}

impl Run<'_> {
    /// Waits until a task has ended, and tells live how far it is. Looks once when there is no time
    /// left: it may have ended while nobody looked.
    pub(super) async fn wait_for_task(&self, task: &TaskInFlight) -> Result<Ended, VsphereError> {
        let deadline = self.task_deadline(task.operation);
        let end = Instant::now() + self.left_of(deadline, task.since);
        let mut seen: Option<TaskInfo> = None;
        loop {
            let begun = Instant::now();
            let left = end.saturating_duration_since(begun);
            if left.is_zero() && seen.is_some() {
                return Err(timed_out(task.operation, deadline));
            }
            let looked = tokio::select! {
                looked = self.look_at_task(&task.moref, seen.as_ref(), left) => looked?,
                stop = self.progress.stopped() => return Err(stop.into()),
            };
            let Some(info) = looked else { return Ok(Ended::Unknown) };
            match &info.state {
                TaskState::Success => return Ok(Ended::Success(info.result)),
                TaskState::Error(fault) => return Ok(Ended::Failed(fault.clone())),
                TaskState::Queued | TaskState::Running => {}
            }
            if seen.as_ref() == Some(&info) {
                if begun.elapsed() < IDLE_PAUSE {
                    tokio::time::sleep(IDLE_PAUSE.min(left)).await;
                }
            } else {
                self.tell_live(task.operation, &info);
            }
            seen = Some(info);
        }
    }

    /// What a task tells now, or after at most `wait`; `None` when vCenter does not know it.
    pub(super) async fn look_at_task(
        &self,
        task: &MoRef,
        seen: Option<&TaskInfo>,
        wait: Duration,
    ) -> Result<Option<TaskInfo>, VsphereError> {
        match self.api.wait_for_task(task, seen, wait.min(WAIT_MAX)).await {
            Ok(info) => Ok(Some(info)),
            Err(ApiError::Fault { fault, .. }) if fault.kind == "ManagedObjectNotFound" => Ok(None),
            Err(error) => Err(refusal(error)),
        }
    }

    fn tell_live(&self, operation: TaskOperation, info: &TaskInfo) {
        let details = match info.state {
            TaskState::Queued => "waiting for its turn in vCenter",
            TaskState::Running | TaskState::Success | TaskState::Error(_) => match operation {
                TaskOperation::Clone => "copying the template's disks",
                TaskOperation::Reconfigure => "setting CPUs and memory",
                TaskOperation::Customize => "preparing the guest",
                TaskOperation::PowerOn => "powering on",
                TaskOperation::PowerOff => "powering off",
                TaskOperation::Destroy => "removing the VM",
            },
        };
        self.progress.live(info.percent, Some(details.to_owned()));
    }

    fn task_deadline(&self, operation: TaskOperation) -> Duration {
        match operation {
            TaskOperation::Clone => self.deadlines.clone,
            TaskOperation::Reconfigure
            | TaskOperation::Customize
            | TaskOperation::PowerOn
            | TaskOperation::PowerOff
            | TaskOperation::Destroy => self.deadlines.customize,
        }
    }
}

fn timed_out(operation: TaskOperation, deadline: Duration) -> VsphereError {
    let (code, what) = match operation {
        TaskOperation::Clone => (RejectionCode::CloneTimeout, "the clone"),
        TaskOperation::Reconfigure => (RejectionCode::TaskTimeout, "the reconfiguration"),
        TaskOperation::Customize => (RejectionCode::CustomizeTimeout, "the guest customisation"),
        TaskOperation::PowerOn => (RejectionCode::TaskTimeout, "the power-on"),
        TaskOperation::PowerOff => (RejectionCode::TaskTimeout, "the power-off"),
        TaskOperation::Destroy => (RejectionCode::TaskTimeout, "the removal"),
    };
    let limit = humantime::format_duration(deadline);
    rejected(code, format!("{what} did not end within {limit}"))
}
