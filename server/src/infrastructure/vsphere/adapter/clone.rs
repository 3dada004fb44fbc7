//! Getting to a VM of our own: found, or cloned.

use std::time::Duration;

use super::failure::{refusal, refused};
use super::find::Found;
use super::run::{Run, not_visible_yet};
use super::wait::Ended;
use crate::domain::ids::MoRef;
use crate::domain::ports::vsphere::{Checkpoint, TaskInFlight, TaskOperation, VsphereError};
use crate::domain::stage::VmProvisioningStage;
use crate::infrastructure::vsphere::api::{ApiError, CloneSpec, Fault, TaskState};

/// What ended a clone without an answer that can be used.
enum Unclear {
    /// The reply was lost: it may have been made, or is being made.
    ReplyLost(VsphereError),
    /// Something of this name or UUID is there: most likely our own earlier clone.
    Duplicate(Fault),
}

impl Run<'_> {
    /// The VM of this request: found, or else cloned. `again` when an earlier one has vanished.
    pub(super) async fn ensure_cloned(&mut self, again: bool) -> Result<MoRef, VsphereError> {
        if let Some(vm) = self.resume_clone().await? {
            return self.cloned(vm).await;
        }
        let mut looks = self.looks();
        loop {
            match self.find().await? {
                Found::Ours(vm) => return self.cloned(vm).await,
                Found::NotOurs(error) | Found::Unmarked(error) => return Err(error),
                Found::Nothing => return self.clone_vm(again).await,
                Found::Undecided => {
                    if !looks.again().await {
                        return Err(self.undecided());
                    }
                }
            }
        }
    }

    /// Waits for the clone that an earlier run started, if it did and vCenter still knows it.
    async fn resume_clone(&mut self) -> Result<Option<MoRef>, VsphereError> {
        let clones = |task: &mut TaskInFlight| task.operation == TaskOperation::Clone;
        let Some(task) = self.earlier.take_if(clones) else { return Ok(None) };
        let now = self.look_at_task(&task.moref, None, Duration::ZERO).await?;
        if now.is_some_and(|info| matches!(info.state, TaskState::Queued | TaskState::Running)) {
            self.tell_cloning(false).await?;
        }
        match self.wait_for_task(&task).await? {
            Ended::Success(Some(vm)) if self.is_ours(&vm).await? => Ok(Some(vm)),
            // Whatever became of it shows in the inventory.
            Ended::Success(_) | Ended::Failed(_) | Ended::Unknown => Ok(None),
        }
    }

    async fn clone_vm(&mut self, again: bool) -> Result<MoRef, VsphereError> {
        self.tell_cloning(again).await?;
        let clone = CloneSpec {
            template: self.spec.template.clone(),
            name: self.spec.name.clone(),
            instance_uuid: self.spec.request_id.instance_uuid(),
            mark: self.mark(),
            network: self.spec.network.as_ref().and_then(|network| network.name.clone()),
        };
        let call = self.api.clone_vm(&clone, self.deadlines.call);
        let unclear = match self.start(TaskOperation::Clone, call).await? {
            Ok(task) => match self.wait_for_task(&task).await? {
                Ended::Success(Some(vm)) if self.is_ours(&vm).await? => {
                    return self.cloned(vm).await;
                }
                Ended::Success(_) | Ended::Unknown => Unclear::ReplyLost(not_visible_yet(
                    "the clone ended, and its VM is not to be seen",
                )),
                Ended::Failed(fault) if fault.kind == "DuplicateName" => Unclear::Duplicate(fault),
                Ended::Failed(fault) => {
                    self.tell_checkpoint(None, None).await?;
                    return Err(refused("CloneVM_Task", &fault));
                }
            },
            Err(ApiError::Fault { fault, .. }) if fault.kind == "DuplicateName" => {
                Unclear::Duplicate(fault)
            }
            Err(error @ ApiError::Transport { .. }) => Unclear::ReplyLost(refusal(error)),
            Err(error) => return Err(refusal(error)),
        };
        self.look_for_clone(unclear).await
    }

    /// Looks for a clone that may have been made, or may still be running, until it shows. When it
    /// does not, the caller is to come back: then it is found, or its name is still taken by it.
    async fn look_for_clone(&mut self, unclear: Unclear) -> Result<MoRef, VsphereError> {
        let mut looks = self.looks();
        loop {
            match self.find().await? {
                Found::Ours(vm) => return self.cloned(vm).await,
                Found::NotOurs(error) | Found::Unmarked(error) => return Err(error),
                Found::Nothing | Found::Undecided => {}
            }
            if !looks.again().await {
                return Err(match unclear {
                    Unclear::ReplyLost(error) => error,
                    Unclear::Duplicate(fault) => not_visible_yet(format!(
                        "a clone under this name seems to be running already ({})",
                        fault.message
                    )),
                });
            }
        }
    }

    /// Tells that the VM is there.
    async fn cloned(&mut self, vm: MoRef) -> Result<MoRef, VsphereError> {
        let task = self.earlier.clone();
        // Whoever waited for the address of this very VM goes on with that.
        let is_known = self.checkpoint.vm.as_ref() == Some(&vm);
        let address_since = self.checkpoint.address_since.filter(|_| is_known);
        self.tell(Checkpoint { task, vm: Some(vm.clone()), address_since }).await?;
        Ok(vm)
    }

    async fn tell_cloning(&self, again: bool) -> Result<(), VsphereError> {
        let template = &self.spec.template;
        let details = if again {
            format!("from {template} again: the VM was removed from vCenter")
        } else {
            format!("from {template}")
        };
        Ok(self.progress.stage(VmProvisioningStage::Cloning, Some(details)).await?)
    }

    pub(super) fn undecided(&self) -> VsphereError {
        not_visible_yet(format!(
            "a VM named \"{}\" is being made, and vCenter does not say yet by whom",
            self.spec.name
        ))
    }
}
