//! What a test may do to the simulated vCenter: hold it, make it fail, and look into it.
//!
//! Only for tests and demonstrations: nothing here is reachable from outside the process, and nothing
//! but what it does to the inventory is kept in the file.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::watch;
use uuid::Uuid;

use super::Shared;
use super::inventory::vm_moref;
use super::plans::Point;
use crate::domain::ids::MoRef;
use crate::infrastructure::vsphere::api::Fault;

/// One of the operations of `VcenterApi`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `vcenter`
    Vcenter,
    /// `templates`
    Templates,
    /// `find_by_name`
    FindByName,
    /// `find_by_instance_uuid`
    FindByInstanceUuid,
    /// `vm`
    Vm,
    /// `clone_vm`
    Clone,
    /// `reconfigure_vm`
    Reconfigure,
    /// `customize_vm`
    Customize,
    /// `power_on`
    PowerOn,
    /// `power_off`
    PowerOff,
    /// `destroy`
    Destroy,
    /// `cancel_task`
    CancelTask,
    /// `wait_for_task`
    WaitForTask,
    /// `wait_for_guest`
    WaitForGuest,
}

impl Operation {
    /// Whether it changes something in vCenter.
    pub fn is_change(self) -> bool {
        match self {
            Self::Clone
            | Self::Reconfigure
            | Self::Customize
            | Self::PowerOn
            | Self::PowerOff
            | Self::Destroy
            | Self::CancelTask => true,
            Self::Vcenter
            | Self::Templates
            | Self::FindByName
            | Self::FindByInstanceUuid
            | Self::Vm
            | Self::WaitForTask
            | Self::WaitForGuest => false,
        }
    }

    /// Its name in errors.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vcenter => "RetrieveServiceContent",
            Self::Templates | Self::Vm => "RetrievePropertiesEx",
            Self::FindByName => "FindByInventoryPath",
            Self::FindByInstanceUuid => "FindByUuid",
            Self::Clone => "CloneVM_Task",
            Self::Reconfigure => "ReconfigVM_Task",
            Self::Customize => "CustomizeVM_Task",
            Self::PowerOn => "PowerOnVM_Task",
            Self::PowerOff => "PowerOffVM_Task",
            Self::Destroy => "Destroy_Task",
            Self::CancelTask => "CancelTask",
            Self::WaitForTask | Self::WaitForGuest => "WaitForUpdatesEx",
        }
    }
}

/// How an operation is to fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It never reaches vCenter.
    Unreachable,
    /// It has its effect, and the reply is lost.
    ReplyLost,
    /// vCenter answers with this fault instead.
    Refused(Fault),
    /// The task starts, and ends in this fault. Only for operations that start one.
    TaskFails(Fault),
    /// The task starts, and does not end. Only for operations that start one.
    TaskHangs,
    /// The server's certificate is not trusted.
    Certificate,
}

/// A call that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What was called.
    pub operation: Operation,
    /// What with: a name, a MoRef or a UUID; empty where there is nothing to name.
    pub subject: String,
}

/// A VM as it stands in the inventory (templates are not among them).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedVm {
    /// Its managed object id.
    pub moref: MoRef,
    /// Its name.
    pub name: String,
    /// Its `instanceUuid`.
    pub instance_uuid: Uuid,
    /// Whose it is.
    pub mark: Option<String>,
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// The note on it.
    pub annotation: String,
    /// Whether it runs.
    pub powered_on: bool,
    /// The guest's host name as customised.
    pub hostname: Option<String>,
}

/// The handle with which a test directs the simulated vCenter. Clones direct the same one.
#[derive(Debug, Clone)]
pub struct Script {
    shared: Arc<Shared>,
}

/// Holds every call of one operation until it is released or dropped.
#[derive(Debug)]
pub struct Pause {
    reached: watch::Receiver<bool>,
    released: watch::Sender<bool>,
}

impl Pause {
    /// A pause that a call reports to through `reached`.
    pub(super) fn new(reached: watch::Receiver<bool>, released: watch::Sender<bool>) -> Self {
        Self { reached, released }
    }

    /// Returns when a call has come to this point.
    pub async fn reached(&mut self) {
        // The sender lives as long as the pause is planned; a call that was reached keeps the value.
        drop(self.reached.wait_for(|reached| *reached).await);
    }

    /// Lets the held calls go on, and later ones pass.
    pub fn release(self) {
        self.released.send_replace(true);
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        self.released.send_replace(true);
    }
}

impl Script {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Holds the calls of this operation before they have any effect.
    pub fn pause_at(&self, operation: Operation) -> Pause {
        self.shared.plans.pause(operation, Point::Before)
    }

    /// Holds the calls of this operation after their effect, before they are answered.
    pub fn pause_after(&self, operation: Operation) -> Pause {
        self.shared.plans.pause(operation, Point::After)
    }

    /// Makes the next `times` calls of this operation fail. Plans for one operation queue up.
    pub fn fail(&self, operation: Operation, times: u32, failure: Failure) {
        self.shared.plans.fail(operation, times, failure);
    }

    /// From now on nobody gets an answer, as when vCenter is down; its tasks go on.
    pub fn go_away(&self) {
        self.shared.plans.set_away(true);
        self.shared.changes.send_modify(|changes| *changes += 1);
    }

    /// Calls are answered again.
    pub fn come_back(&self) {
        self.shared.plans.set_away(false);
    }

    /// From now on DHCP gives no guest an address: [`give_addresses`](Self::give_addresses) does.
    pub fn hold_addresses(&self) {
        self.shared.plans.hold_addresses();
    }

    /// Gives the guest of the VM of this name exactly these addresses.
    ///
    /// # Errors
    ///
    /// When the inventory cannot be written.
    pub async fn give_addresses(&self, name: &str, addresses: &[IpAddr]) -> io::Result<()> {
        self.shared
            .change(|inventory, _| {
                for vm in inventory.vms.values_mut().filter(|vm| vm.name == name) {
                    vm.scripted = Some(addresses.to_vec());
                }
            })
            .await
    }

    /// Puts a VM of this name there that carries nobody's mark.
    ///
    /// # Errors
    ///
    /// When the inventory cannot be written.
    pub async fn add_foreign_vm(&self, name: &str) -> io::Result<MoRef> {
        let mut moref = MoRef(String::new());
        self.shared
            .change(|inventory, _| {
                let number = inventory.next_number();
                moref = vm_moref(number);
                inventory.add_foreign(number, name);
            })
            .await?;
        Ok(moref)
    }

    /// Removes the VM of this name as if a person had done so behind our back.
    ///
    /// # Errors
    ///
    /// When the inventory cannot be written.
    pub async fn vanish(&self, name: &str) -> io::Result<()> {
        self.shared
            .change(|inventory, _| inventory.vms.retain(|_, vm| vm.is_template || vm.name != name))
            .await
    }

    /// Ends every running task now.
    ///
    /// # Errors
    ///
    /// When the inventory cannot be written.
    pub async fn finish_tasks(&self) -> io::Result<()> {
        self.shared
            .change(|inventory, now| {
                for task in inventory.tasks.values_mut().filter(|task| !task.has_ended()) {
                    task.ends = now;
                }
                inventory.settle(now);
            })
            .await
    }

    /// The VMs there are, oldest first.
    pub fn vms(&self) -> Vec<SimulatedVm> {
        self.shared.look(|inventory, _| {
            let vms = inventory.vms.iter().filter(|(_, vm)| !vm.is_template);
            vms.map(|(number, vm)| SimulatedVm {
                moref: vm_moref(*number),
                name: vm.name.clone(),
                instance_uuid: vm.instance_uuid,
                mark: vm.mark.clone(),
                cpus: vm.cpus,
                memory_mib: vm.memory_mib,
                annotation: vm.annotation.clone(),
                powered_on: vm.powered_on,
                hostname: vm.settings.hostname.clone(),
            })
            .collect()
        })
    }

    /// The calls that came in, oldest first (at most the last 4,096).
    pub fn calls(&self) -> Vec<Call> {
        self.shared.plans.calls()
    }

    /// Forgets the calls that came in so far.
    pub fn forget_calls(&self) {
        self.shared.plans.forget_calls();
    }
}
