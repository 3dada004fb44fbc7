//! Removing the VM that was made for a request, and no other.

use std::time::Duration;

use super::configure::is_already;
use super::failure::Failure;
use super::find::Found;
use super::run::Run;
use super::wait::Ended;
use crate::domain::ids::MoRef;
use crate::domain::ports::vsphere::{TaskInFlight, TaskOperation, UndoneStep, VsphereError};
use crate::infrastructure::vsphere::api::TaskState;

/// How often a VM is looked for again when nothing is known but that there may have been a clone: its
/// request may have been sent just before this server was killed, and be running unseen.
const LOOKS_FOR_UNKNOWN_CLONE: u32 = 3;

impl Run<'_> {
    /// Removes our VM. Nothing there is success.
    pub(super) async fn remove(mut self) -> Result<(), VsphereError> {
        let knew_nothing = self.checkpoint.task.is_none() && self.checkpoint.vm.is_none();
        let earlier = self.wait_for_task_in_flight().await?;
        let Some(vm) = self.find_for_removal(knew_nothing).await? else {
            if earlier == Some(TaskOperation::Destroy) {
                self.progress.undone(UndoneStep::Destroyed).await?;
            }
            return Ok(self.tell_checkpoint(None, None).await?);
        };
        if earlier == Some(TaskOperation::PowerOff) {
            self.progress.undone(UndoneStep::PoweredOff).await?;
        }
        let mut looks = self.looks();
        loop {
            match self.power_off_and_destroy(&vm).await {
                Ok(()) => break,
                // Somebody else was quicker.
                Err(Failure::Vanished) => break,
                Err(failure @ Failure::Busy { .. }) => {
                    if !looks.again().await {
                        return Err(failure.give_up());
                    }
                }
                Err(failure) => return Err(failure.give_up()),
            }
        }
        Ok(self.tell_checkpoint(None, None).await?)
    }

    /// Ends the task of an earlier run, or waits for its end. Says what it did, when it ended well.
    async fn wait_for_task_in_flight(&mut self) -> Result<Option<TaskOperation>, VsphereError> {
        let Some(task) = self.earlier.take() else { return Ok(None) };
        if !removes(task.operation) {
            self.cancel(&task).await?;
        }
        Ok(match self.wait_for_task(&task).await? {
            Ended::Success(made) => {
                if task.operation == TaskOperation::Clone && self.checkpoint.vm.is_none() {
                    self.checkpoint.vm = made;
                }
                Some(task.operation)
            }
            Ended::Failed(fault) => {
                if task.operation == TaskOperation::Clone && fault.kind == "RequestCanceled" {
                    self.progress.undone(UndoneStep::CloneCancelled).await?;
                }
                None
            }
            Ended::Unknown => None,
        })
    }

    /// Asks vCenter to cancel a task that still runs, where it says that it can. Whatever it answers
    /// (some servers know no `CancelTask`), the task is waited for afterwards.
    async fn cancel(&self, task: &TaskInFlight) -> Result<(), VsphereError> {
        let now = self.look_at_task(&task.moref, None, Duration::ZERO).await?;
        let runs = now.is_some_and(|info| {
            info.cancelable && matches!(info.state, TaskState::Queued | TaskState::Running)
        });
        if !runs {
            return Ok(());
        }
        self.progress.may_change(self.deadlines.call).await?;
        if let Err(error) = self.api.cancel_task(&task.moref, self.deadlines.call).await {
            tracing::debug!(%error, task = %task.moref, "the task was not cancelled");
        }
        self.progress.changed();
        Ok(())
    }

    async fn find_for_removal(&self, knew_nothing: bool) -> Result<Option<MoRef>, VsphereError> {
        let looks = if knew_nothing { LOOKS_FOR_UNKNOWN_CLONE } else { 0 };
        let mut looks_for_unknown = self.looks().at_most(looks);
        let mut looks_for_undecided = self.looks();
        loop {
            let again = match self.find().await? {
                Found::Ours(vm) => return Ok(Some(vm)),
                Found::NotOurs(_) => return Ok(None),
                // "Nothing is left" would be a guess.
                Found::Unmarked(error) => return Err(error),
                Found::Nothing => looks_for_unknown.again().await,
                Found::Undecided => {
                    if !looks_for_undecided.again().await {
                        return Err(self.undecided());
                    }
                    true
                }
            };
            if !again {
                return Ok(None);
            }
        }
    }

    async fn power_off_and_destroy(&mut self, vm: &MoRef) -> Result<(), Failure> {
        if self.our_vm(vm).await?.powered_on {
            let call = self.api.power_off(vm, self.deadlines.call);
            match self.run_task_or_fault(TaskOperation::PowerOff, call).await? {
                Err(fault) if !is_already(&fault, "poweredOff") => {
                    return Err(Failure::of_fault("PowerOffVM_Task", fault));
                }
                Ok(()) | Err(_) => self.progress.undone(UndoneStep::PoweredOff).await?,
            }
            // A MoRef is not believed across a wait.
            self.our_vm(vm).await?;
        }
        let call = self.api.destroy(vm, self.deadlines.call);
        self.run_task(TaskOperation::Destroy, call).await?;
        Ok(self.progress.undone(UndoneStep::Destroyed).await?)
    }
}

/// Whether a task is part of a removal itself.
fn removes(operation: TaskOperation) -> bool {
    match operation {
        TaskOperation::PowerOff | TaskOperation::Destroy => true,
        TaskOperation::Clone
        | TaskOperation::Reconfigure
        | TaskOperation::Customize
        | TaskOperation::PowerOn => false,
    }
}
