//! Which VM is ours.

use super::failure::{Failure, refusal, rejected};
use super::run::Run;
use crate::domain::ids::MoRef;
use crate::domain::ports::vsphere::{RejectionCode, VsphereError};
use crate::infrastructure::vsphere::api::VmInfo;

/// What a look for our VM found.
#[derive(Debug)]
pub(super) enum Found {
    /// Our VM.
    Ours(MoRef),
    /// Another VM has the name (or the UUID): what to tell the caller.
    NotOurs(VsphereError),
    /// A VM has this request's UUID and nobody's mark: it may be ours, and a person must say so.
    Unmarked(VsphereError),
    /// A VM of this name (or UUID) exists, and vCenter does not say yet whose it is: its clone is running.
    Undecided,
    /// Nothing.
    Nothing,
}

impl Run<'_> {
    /// Looks for our VM: by the checkpoint, by its `instanceUuid`, and by its name in the folder.
    pub(super) async fn find(&self) -> Result<Found, VsphereError> {
        if let Some(vm) = &self.checkpoint.vm
            && self.is_ours(vm).await?
        {
            return Ok(Found::Ours(vm.clone()));
        }
        let uuid = self.spec.request_id.instance_uuid();
        if let Some(vm) = self.api.find_by_instance_uuid(uuid).await.map_err(refusal)?
            && let Some(info) = self.api.vm(&vm).await.map_err(refusal)?
        {
            if self.matches(&info) {
                return Ok(Found::Ours(vm));
            }
            match info.instance_uuid {
                Some(its) if its == uuid && info.mark.is_none() => {
                    return Ok(Found::Unmarked(unmarked(&info)));
                }
                Some(its) if its == uuid => return Ok(Found::NotOurs(unmarked(&info))),
                // vCenter's index was behind.
                Some(_) => {}
                None => return Ok(Found::Undecided),
            }
        }
        self.find_by_name().await
    }

    /// Here the mark alone decides: name and folder are already those of this request.
    async fn find_by_name(&self) -> Result<Found, VsphereError> {
        let Some(vm) = self.api.find_by_name(&self.spec.name).await.map_err(refusal)? else {
            return Ok(Found::Nothing);
        };
        let Some(info) = self.api.vm(&vm).await.map_err(refusal)? else {
            return Ok(Found::Nothing);
        };
        if info.mark.as_ref() == Some(&self.mark()) {
            return Ok(Found::Ours(vm));
        }
        // A VM has its configuration, and with it a UUID and a mark, when its clone has ended.
        let undecided = info.instance_uuid.is_none() && info.mark.is_none();
        Ok(if undecided { Found::Undecided } else { Found::NotOurs(name_taken(&info)) })
    }

    /// Whether this MoRef names our VM.
    pub(super) async fn is_ours(&self, vm: &MoRef) -> Result<bool, VsphereError> {
        let info = self.api.vm(vm).await.map_err(refusal)?;
        Ok(info.is_some_and(|info| self.matches(&info)))
    }

    /// Reads our VM again. It has vanished when the MoRef names nothing, or something else.
    pub(super) async fn our_vm(&self, vm: &MoRef) -> Result<VmInfo, Failure> {
        let info = self.api.vm(vm).await.map_err(refusal)?.ok_or(Failure::Vanished)?;
        let ours = info.mark.as_ref() == Some(&self.mark());
        if ours { Ok(info) } else { Err(Failure::Vanished) }
    }

    fn matches(&self, info: &VmInfo) -> bool {
        info.instance_uuid == Some(self.spec.request_id.instance_uuid())
            && info.mark.as_ref() == Some(&self.mark())
    }
}

/// The error for a name that another VM has.
fn name_taken(info: &VmInfo) -> VsphereError {
    let reason = format!("another VM named \"{}\" is in the folder already", info.name);
    rejected(RejectionCode::NameTaken, reason)
}

/// The error for a VM with this request's `instanceUuid` that does not carry its mark: somebody has
/// changed one of them, so nothing tells whose it is.
fn unmarked(info: &VmInfo) -> VsphereError {
    let reason =
        format!("VM \"{}\" has the instance UUID of this request, but not its mark", info.name);
    rejected(RejectionCode::VcenterRejected, reason)
}
