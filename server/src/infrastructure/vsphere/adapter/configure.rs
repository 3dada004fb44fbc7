//! From a clone to a running VM: configured, customised, powered on; only what is not so yet.

use std::future::Future;
use std::time::Duration;

use super::failure::Failure;
use super::run::Run;
use super::wait::Ended;
use crate::domain::ids::MoRef;
use crate::domain::ports::vsphere::TaskOperation;
use crate::domain::stage::VmProvisioningStage;
use crate::infrastructure::vsphere::api::{
    ApiError, ConfigSpec, Customization, Fault, TaskState, VmInfo,
};

impl Run<'_> {
    /// Takes our VM as far as powered on. A VM that runs already is left alone: customising it, or
    /// changing its size, is no longer possible.
    pub(super) async fn configure_and_start(&mut self, vm: &MoRef) -> Result<(), Failure> {
        self.wait_for_earlier_task(vm).await?;
        let info = self.our_vm(vm).await?;
        if info.powered_on {
            return Ok(());
        }
        self.tell_configuring(&info).await?;
        self.reconfigure(vm, &info).await?;
        if info.linux_guest {
            self.customize(vm, &info).await?;
        }
        self.progress.stage(VmProvisioningStage::PoweringOn, None).await?;
        self.power_on(vm).await
    }

    /// Waits for the task that an earlier run started on the VM. How it ends is of no matter: the VM
    /// is looked at afterwards.
    async fn wait_for_earlier_task(&mut self, vm: &MoRef) -> Result<(), Failure> {
        let Some(task) = self.earlier.take() else { return Ok(()) };
        let now = self.look_at_task(&task.moref, None, Duration::ZERO).await?;
        if !now.is_some_and(|info| matches!(info.state, TaskState::Queued | TaskState::Running)) {
            return Ok(());
        }
        match task.operation {
            TaskOperation::Reconfigure | TaskOperation::Customize => {
                let info = self.our_vm(vm).await?;
                self.tell_configuring(&info).await?;
            }
            TaskOperation::PowerOn => {
                self.progress.stage(VmProvisioningStage::PoweringOn, None).await?;
            }
            TaskOperation::Clone | TaskOperation::PowerOff | TaskOperation::Destroy => {}
        }
        self.wait_for_task(&task).await?;
        Ok(())
    }

    async fn tell_configuring(&self, info: &VmInfo) -> Result<(), Failure> {
        let size = self.spec.size();
        let address = self.spec.network.as_ref().and_then(|network| network.address);
        let details = match (info.linux_guest, address) {
            (true, _) => size,
            (false, None) => format!("{size}; guest left as it is"),
            (false, Some(_)) => format!("{size}; guest left as it is, without the fixed address"),
        };
        Ok(self.progress.stage(VmProvisioningStage::Configuring, Some(details)).await?)
    }

    async fn reconfigure(&mut self, vm: &MoRef, info: &VmInfo) -> Result<(), Failure> {
        let annotation = format!("Made by Stagewatch for request {}", self.spec.request_id);
        let (cpus, memory_mib) = (self.spec.cpus, self.spec.memory_mib);
        let config = ConfigSpec {
            cpus: (info.cpus != cpus).then_some(cpus),
            memory_mib: (info.memory_mib != memory_mib).then_some(memory_mib),
            annotation: (info.annotation != annotation).then_some(annotation),
        };
        if config == ConfigSpec::default() {
            return Ok(());
        }
        let call = self.api.reconfigure_vm(vm, &config, self.deadlines.call);
        self.run_task(TaskOperation::Reconfigure, call).await
    }

    async fn customize(&mut self, vm: &MoRef, info: &VmInfo) -> Result<(), Failure> {
        let customization = Customization {
            hostname: self.spec.name.clone(),
            address: self.spec.network.as_ref().and_then(|network| network.address),
            nics: info.macs.len(),
        };
        let call = self.api.customize_vm(vm, &customization, self.deadlines.call);
        match self.run_task_or_fault(TaskOperation::Customize, call).await? {
            // An earlier run has done it; the guest does its part at its first start.
            Err(fault) if fault.kind == "CustomizationPending" => Ok(()),
            ended => ended.map_err(|fault| Failure::of_fault("CustomizeVM_Task", fault)),
        }
    }

    async fn power_on(&mut self, vm: &MoRef) -> Result<(), Failure> {
        let call = self.api.power_on(vm, self.deadlines.call);
        match self.run_task_or_fault(TaskOperation::PowerOn, call).await? {
            Err(fault) if is_already(&fault, "poweredOn") => Ok(()),
            ended => ended.map_err(|fault| Failure::of_fault("PowerOnVM_Task", fault)),
        }
    }

    /// Does one task on the VM, from the call to its end.
    pub(super) async fn run_task(
        &mut self,
        operation: TaskOperation,
        call: impl Future<Output = Result<MoRef, ApiError>>,
    ) -> Result<(), Failure> {
        let ended = self.run_task_or_fault(operation, call).await?;
        ended.map_err(|fault| Failure::of_fault(method(operation), fault))
    }

    /// The same, but a fault is an answer: it may mean that nothing was to be done.
    pub(super) async fn run_task_or_fault(
        &mut self,
        operation: TaskOperation,
        call: impl Future<Output = Result<MoRef, ApiError>>,
    ) -> Result<Result<(), Fault>, Failure> {
        let task = match self.start(operation, call).await? {
            Ok(task) => task,
            Err(ApiError::Fault { fault, .. }) => return Ok(Err(fault)),
            Err(error) => return Err(Failure::of_vm(error)),
        };
        match self.wait_for_task(&task).await? {
            Ended::Success(_) => Ok(Ok(())),
            Ended::Failed(fault) => {
                let vm = self.checkpoint.vm.clone();
                self.tell_checkpoint(None, vm).await?;
                Ok(Err(fault))
            }
            Ended::Unknown => Err(Failure::Busy {
                operation: method(operation),
                fault: Fault {
                    kind: "TaskInProgress".to_owned(),
                    message: "vCenter does not know its own task any more".to_owned(),
                    existing_state: None,
                },
            }),
        }
    }
}

/// Whether a fault says that the VM is in the wanted power state already.
pub(super) fn is_already(fault: &Fault, state: &str) -> bool {
    fault.kind == "InvalidPowerState" && fault.existing_state.as_deref() == Some(state)
}

/// The method of vCenter that starts a task.
pub(super) fn method(operation: TaskOperation) -> &'static str {
    match operation {
        TaskOperation::Clone => "CloneVM_Task",
        TaskOperation::Reconfigure => "ReconfigVM_Task",
        TaskOperation::Customize => "CustomizeVM_Task",
        TaskOperation::PowerOn => "PowerOnVM_Task",
        TaskOperation::PowerOff => "PowerOffVM_Task",
        TaskOperation::Destroy => "Destroy_Task",
    }
}
