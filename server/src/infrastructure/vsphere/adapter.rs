//! How a VM is made and removed, safely to repeat.
//!
//! Level-triggered: before each step the VM is looked at, compared with what is wanted, and only the
//! difference is acted on. So a call that begins where another one died goes on from there.
//!
//! INVARIANT: a VM is ours when its mark is this request's id, and no other VM is ever changed. A
//! MoRef is only believed after the mark was read through it; where a checkpoint, a clone's task or
//! the `instanceUuid` led to the VM, the UUID must fit too. A VM with this request's UUID and nobody's
//! mark is left to a person.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::api::VcenterApi;
use crate::domain::ids::VcenterId;
use crate::domain::ports::vsphere::{
    Checkpoint, ProgressSink, VmProvisioningResult, VmTemplate, VsphereError, VspherePort,
};
use crate::domain::spec::VmSpec;
use run::Run;

mod clone;
mod configure;
mod failure;
mod find;
mod network;
mod remove;
mod run;
mod wait;

/// How long each step may take before it has failed, however many workers it passes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// The clone, from when vCenter named its task to its end.
    pub clone: Duration,
    /// Each task on the VM: reconfiguration, customisation, power, removal.
    pub customize: Duration,
    /// From when the VM runs until its guest has an address.
    pub network: Duration,
    /// Any one call.
    pub call: Duration,
}

/// How patient the adapter is between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How long an address must stay the same before it is believed.
    pub settling: Duration,
    /// The first pause before looking again at something that should pass; each is twice the last.
    pub first_pause: Duration,
}

impl Pace {
    /// For a real vCenter. Guests take an address and drop it again within the first second, when
    /// customisation restarts their network.
    pub const REAL: Self =
        Self { settling: Duration::from_secs(1), first_pause: Duration::from_millis(500) };
}

/// Makes and removes VMs through vCenter's operations.
#[derive(Debug)]
pub struct VsphereAdapter {
    api: Arc<dyn VcenterApi>,
    deadlines: Deadlines,
    pace: Pace,
}

impl VsphereAdapter {
    /// An adapter over this vCenter, at the pace for a real one.
    pub fn new(api: Arc<dyn VcenterApi>, deadlines: Deadlines) -> Self {
        Self { api, deadlines, pace: Pace::REAL }
    }

    /// The same at another pace.
    #[must_use]
    pub fn with_pace(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    fn run<'a>(
        &'a self,
        spec: &'a VmSpec,
        resume: &Checkpoint,
        progress: &'a dyn ProgressSink,
    ) -> Run<'a> {
        Run::new(&*self.api, self.deadlines, self.pace, spec, resume.clone(), progress)
    }
}

#[async_trait]
impl VspherePort for VsphereAdapter {
    async fn vcenter(&self) -> Result<VcenterId, VsphereError> {
        self.api.vcenter().await.map_err(failure::refusal)
    }

    async fn templates(&self) -> Result<Vec<VmTemplate>, VsphereError> {
        let mut templates = self.api.templates().await.map_err(failure::refusal)?;
        templates.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(templates)
    }

    async fn name_in_use(&self, name: &str) -> Result<bool, VsphereError> {
        let found = self.api.find_by_name(name).await.map_err(failure::refusal)?;
        Ok(found.is_some())
    }

    async fn create_vm(
        &self,
        spec: &VmSpec,
        resume: &Checkpoint,
        progress: &dyn ProgressSink,
    ) -> Result<VmProvisioningResult, VsphereError> {
        self.run(spec, resume, progress).create().await
    }

    async fn remove_vm(
        &self,
        spec: &VmSpec,
        resume: &Checkpoint,
        progress: &dyn ProgressSink,
    ) -> Result<(), VsphereError> {
        self.run(spec, resume, progress).remove().await
    }
}
