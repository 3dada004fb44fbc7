//! One run of making or removing a VM: what all its steps share.

use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::failure::{Failure, rejected, unavailable};
use super::{Deadlines, Pace};
use crate::domain::ids::MoRef;
use crate::domain::ports::vsphere::{
    Checkpoint, ProgressSink, RejectionCode, Stop, TaskInFlight, TaskOperation,
    VmProvisioningResult, VsphereError,
};
use crate::domain::spec::VmSpec;
use crate::infrastructure::vsphere::api::{ApiError, VcenterApi};

/// How often a VM of ours that vanished is made again before a person has to look.
const REMAKES_MAX: u32 = 2;
/// How often something that should pass is looked at again. With doubling pauses and a first one of
/// half a second this is 15.5 s in all.
const LOOKS_MAX: u32 = 5;

/// One run of making or removing a VM.
pub(super) struct Run<'a> {
    pub(super) api: &'a dyn VcenterApi,
    pub(super) deadlines: Deadlines,
    pub(super) pace: Pace,
    pub(super) spec: &'a VmSpec,
    /// What a later run resumes from, as last told.
    pub(super) checkpoint: Checkpoint,
    /// The task that an earlier run started, until it was waited for.
    pub(super) earlier: Option<TaskInFlight>,
    pub(super) progress: &'a dyn ProgressSink,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        api: &'a dyn VcenterApi,
        deadlines: Deadlines,
        pace: Pace,
        spec: &'a VmSpec,
        checkpoint: Checkpoint,
        progress: &'a dyn ProgressSink,
    ) -> Self {
        let earlier = checkpoint.task.clone();
        Self { api, deadlines, pace, spec, checkpoint, earlier, progress }
    }

    /// Makes the VM, or goes on with making it.
    pub(super) async fn create(mut self) -> Result<VmProvisioningResult, VsphereError> {
        for remake in 0..=REMAKES_MAX {
            let vm = self.ensure_cloned(remake > 0).await?;
            match self.finish(&vm).await {
                Ok(result) => return Ok(result),
                Err(Failure::Vanished) => {
                    tracing::warn!(request = %self.spec.request_id, %vm, "the VM vanished from vCenter");
                    self.tell_checkpoint(None, None).await?;
                }
                Err(failure) => return Err(failure.give_up()),
            }
        }
        Err(rejected(
            RejectionCode::VcenterRejected,
            format!("the VM was removed from vCenter {} times while it was made", REMAKES_MAX + 1),
        ))
    }

    /// Everything after the clone.
    async fn finish(&mut self, vm: &MoRef) -> Result<VmProvisioningResult, Failure> {
        let mut looks = self.looks();
        loop {
            match self.configure_and_start(vm).await {
                Ok(()) => break,
                Err(Failure::Busy { operation, fault }) => {
                    if !looks.again().await {
                        return Err(Failure::Busy { operation, fault });
                    }
                }
                Err(failure) => return Err(failure),
            }
        }
        self.wait_for_network(vm).await
    }

    /// Starts a task: asks for leave, calls, and tells the task as the new checkpoint.
    pub(super) async fn start(
        &mut self,
        operation: TaskOperation,
        call: impl Future<Output = Result<MoRef, ApiError>>,
    ) -> Result<Result<TaskInFlight, ApiError>, Stop> {
        self.progress.may_change(self.deadlines.call).await?;
        match call.await {
            Ok(moref) => {
                let since = Some(self.progress.now());
                let task = TaskInFlight { moref, operation, since };
                let vm = self.checkpoint.vm.clone();
                self.tell_checkpoint(Some(task.clone()), vm).await?;
                self.progress.changed();
                Ok(Ok(task))
            }
            Err(error) => {
                self.progress.changed();
                Ok(Err(error))
            }
        }
    }

    /// Tells that this task is in flight, or none, on this VM.
    pub(super) async fn tell_checkpoint(
        &mut self,
        task: Option<TaskInFlight>,
        vm: Option<MoRef>,
    ) -> Result<(), Stop> {
        self.tell(Checkpoint { task, vm, address_since: None }).await
    }

    /// Tells what to resume from, if it has changed.
    pub(super) async fn tell(&mut self, checkpoint: Checkpoint) -> Result<(), Stop> {
        if checkpoint != self.checkpoint {
            self.checkpoint = checkpoint;
            self.progress.checkpoint(&self.checkpoint).await?;
        }
        Ok(())
    }

    /// What is left of a time that began at `since`, perhaps in an earlier run; all of it when nobody
    /// said when it began.
    pub(super) fn left_of(&self, time: Duration, since: Option<DateTime<Utc>>) -> Duration {
        let passed = since.and_then(|since| (self.progress.now() - since).to_std().ok());
        time.saturating_sub(passed.unwrap_or_default())
    }

    /// The mark of our VM.
    pub(super) fn mark(&self) -> String {
        self.spec.request_id.to_string()
    }

    /// How patiently to look again at something that should pass.
    pub(super) fn looks(&self) -> Looks {
        Looks { pause: self.pace.first_pause, left: LOOKS_MAX }
    }
}

/// A bounded number of looks, with doubling pauses between them.
#[derive(Debug)]
pub(super) struct Looks {
    pause: Duration,
    left: u32,
}

impl Looks {
    /// Waits before the next look; false when there have been enough.
    pub(super) async fn again(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        tokio::time::sleep(self.pause).await;
        self.pause *= 2;
        true
    }

    /// At most this many more looks.
    pub(super) fn at_most(self, looks: u32) -> Self {
        Self { left: self.left.min(looks), ..self }
    }
}

/// The error for a clone of which it is not known whether it was made.
pub(super) fn not_visible_yet(reason: impl Into<String>) -> VsphereError {
    unavailable("CloneVM_Task", reason)
}
