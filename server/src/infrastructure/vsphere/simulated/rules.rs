//! What the simulated vCenter does, and what it refuses as a real one would.

use super::guest::Boot;
use super::inventory::{GuestSettings, Inventory, Vm, mac, not_found, vm_moref};
use super::refused;
use super::script::Operation;
use super::task::Effect;
use super::templates::{Behaviour, NETWORKS, SLOW_CLONE_STAGES, behaviour};
use super::timing::{Millis, Timing, millis};
use crate::domain::ids::MoRef;
use crate::domain::ports::vsphere::VmTemplate;
use crate::infrastructure::vsphere::api::{
    ApiError, CloneSpec, ConfigSpec, Customization, Fault, VmInfo,
};

/// How the stage of configuring is shared out between its two tasks.
const RECONFIGURE_SHARE: f64 = 0.4;
const CUSTOMIZE_SHARE: f64 = 0.6;

/// How long a task takes that hangs: a hundred years, in milliseconds.
const FOR_EVER: Millis = 100 * 365 * 24 * 3_600 * 1_000;

/// The circumstances of one call.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    pub(super) now: Millis,
    pub(super) timing: &'a Timing,
    /// The fault in which the task is to end, if a script says so.
    pub(super) task_fault: Option<Fault>,
    /// Whether the task is not to end, if a script says so.
    pub(super) hangs: bool,
    pub(super) holds_addresses: bool,
}

impl Rules<'_> {
    pub(super) fn clone_vm(
        &self,
        inventory: &mut Inventory,
        clone: &CloneSpec,
    ) -> Result<MoRef, ApiError> {
        let source = inventory.vms.values().find(|vm| vm.is_template && vm.name == clone.template);
        let Some(source) = source.cloned() else {
            return Err(ApiError::TemplateNotFound(clone.template.clone()));
        };
        if let Some(network) = &clone.network
            && !NETWORKS.contains(&network.as_str())
        {
            let choices = NETWORKS.join(", ");
            let reason = format!("network \"{network}\" does not exist; there are: {choices}");
            return Err(ApiError::Placement { reason });
        }
        let taken = |vm: &Vm| vm.name == clone.name || vm.instance_uuid == clone.instance_uuid;
        if inventory.vms.values().chain(inventory.in_flight()).any(taken) {
            let message = format!("The name '{}' already exists.", clone.name);
            return Err(refused(Operation::Clone, fault("DuplicateName", &message)));
        }
        let number = inventory.next_number();
        let vm = Vm {
            name: clone.name.clone(),
            instance_uuid: clone.instance_uuid,
            mark: Some(clone.mark.clone()),
            is_template: false,
            network: clone.network.clone().unwrap_or_else(|| source.network.clone()),
            mac: mac(number),
            lease: inventory.next_lease(),
            ..source
        };
        let takes = if behaviour(&vm.origin) == Behaviour::SlowClone {
            let at_least = millis(self.timing.mean() * SLOW_CLONE_STAGES);
            self.timing.draw(f64::from(SLOW_CLONE_STAGES)).max(at_least)
        } else {
            self.timing.draw(1.0)
        };
        let effect = Effect::Clone(Box::new(vm));
        let takes = self.takes(takes);
        Ok(inventory.start(self.now, takes, number, effect, self.task_fault.clone()))
    }

    /// How long a task takes that usually takes so long.
    fn takes(&self, usually: Millis) -> Millis {
        if self.hangs { FOR_EVER } else { usually }
    }

    /// A task that cannot be cancelled refuses it; one that has ended does not mind.
    pub(super) fn cancel(&self, inventory: &mut Inventory, moref: &MoRef) -> Result<(), ApiError> {
        let operation = Operation::CancelTask;
        let not_found = || refused(operation, not_found(moref));
        let task = inventory.task_mut(moref).ok_or_else(not_found)?;
        if task.has_ended() || task.cancel(self.now) {
            return Ok(());
        }
        let message = "The operation is not supported on the object.";
        Err(refused(operation, fault("NotSupported", message)))
    }

    pub(super) fn reconfigure_vm(
        &self,
        inventory: &mut Inventory,
        vm: &MoRef,
        config: &ConfigSpec,
    ) -> Result<MoRef, ApiError> {
        let (number, found) = idle(inventory, vm, Operation::Reconfigure)?;
        let changes_hardware = config.cpus.is_some() || config.memory_mib.is_some();
        if found.powered_on && changes_hardware {
            return Err(wrong_power_state(Operation::Reconfigure, found));
        }
        // A guest that cannot be customised has the whole stage for this.
        let share = if found.linux { RECONFIGURE_SHARE } else { 1.0 };
        let effect = Effect::Reconfigure {
            cpus: config.cpus,
            memory_mib: config.memory_mib,
            annotation: config.annotation.clone(),
        };
        Ok(self.start(inventory, share, number, effect, None))
    }

    pub(super) fn customize_vm(
        &self,
        inventory: &mut Inventory,
        vm: &MoRef,
        customization: &Customization,
    ) -> Result<MoRef, ApiError> {
        let operation = Operation::Customize;
        let (number, found) = idle(inventory, vm, operation)?;
        if found.powered_on {
            return Err(wrong_power_state(operation, found));
        }
        if !found.linux {
            let message = format!(
                "Customization of the guest operating system '{}' is not supported here.",
                found.guest_id
            );
            return Err(refused(operation, fault("UncustomizableGuest", &message)));
        }
        if found.pending.is_some() {
            let message = "A customization is already pending for this virtual machine.";
            return Err(refused(operation, fault("CustomizationPending", message)));
        }
        if customization.nics != 1 {
            let message = format!(
                "The number of network adapters in the specification ({}) and in the virtual machine (1) differ.",
                customization.nics
            );
            return Err(refused(operation, fault("NicSettingMismatch", &message)));
        }
        let fails = (behaviour(&found.origin) == Behaviour::FailsConfiguring).then(|| {
            let message = "Cannot customize the guest: VMware Tools in the template are too old \
                           for this version of the host.";
            fault("CustomizationFault", message)
        });
        let settings = GuestSettings {
            hostname: Some(customization.hostname.clone()),
            address: customization.address.map(|address| address.ip),
        };
        let effect = Effect::Customize(settings);
        Ok(self.start(inventory, CUSTOMIZE_SHARE, number, effect, fails))
    }

    pub(super) fn power_on(
        &self,
        inventory: &mut Inventory,
        vm: &MoRef,
    ) -> Result<MoRef, ApiError> {
        let (number, found) = idle(inventory, vm, Operation::PowerOn)?;
        if found.powered_on {
            return Err(wrong_power_state(Operation::PowerOn, found));
        }
        let takes = self.takes(self.timing.draw(1.0));
        let from = self.now.saturating_add(takes);
        let settings = found.pending.as_ref().unwrap_or(&found.settings);
        let held = self.holds_addresses && settings.address.is_none();
        let boot = Boot::new(from, self.timing.draw(1.0), &found.origin, held);
        let fault = self.task_fault.clone();
        Ok(inventory.start(self.now, takes, number, Effect::PowerOn(boot), fault))
    }

    pub(super) fn power_off(
        &self,
        inventory: &mut Inventory,
        vm: &MoRef,
    ) -> Result<MoRef, ApiError> {
        let (number, found) = idle(inventory, vm, Operation::PowerOff)?;
        if !found.powered_on {
            return Err(wrong_power_state(Operation::PowerOff, found));
        }
        Ok(self.start(inventory, 0.5, number, Effect::PowerOff, None))
    }

    pub(super) fn destroy(&self, inventory: &mut Inventory, vm: &MoRef) -> Result<MoRef, ApiError> {
        let (number, found) = idle(inventory, vm, Operation::Destroy)?;
        if found.powered_on {
            return Err(wrong_power_state(Operation::Destroy, found));
        }
        Ok(self.start(inventory, 0.5, number, Effect::Destroy, None))
    }

    fn start(
        &self,
        inventory: &mut Inventory,
        share: f64,
        target: u64,
        effect: Effect,
        fault: Option<Fault>,
    ) -> MoRef {
        let fault = self.task_fault.clone().or(fault);
        let takes = self.takes(self.timing.draw(share));
        inventory.start(self.now, takes, target, effect, fault)
    }
}

impl Inventory {
    pub(super) fn templates(&self) -> Vec<VmTemplate> {
        let templates = self.vms.iter().filter(|(_, vm)| vm.is_template);
        templates
            .map(|(number, vm)| VmTemplate {
                name: vm.name.clone(),
                moref: vm_moref(*number),
                guest: vm.guest_name.clone(),
                cpus: vm.cpus,
                memory_mib: vm.memory_mib,
                disk_gib: vm.disk_gib,
            })
            .collect()
    }

    pub(super) fn find(&self, is_it: impl Fn(&Vm) -> bool) -> Option<MoRef> {
        self.vms.iter().find(|(_, vm)| is_it(vm)).map(|(number, _)| vm_moref(*number))
    }

    pub(super) fn info(&self, moref: &MoRef) -> Option<VmInfo> {
        self.vm(moref).map(|(_, vm)| VmInfo {
            name: vm.name.clone(),
            instance_uuid: Some(vm.instance_uuid),
            mark: vm.mark.clone(),
            cpus: vm.cpus,
            memory_mib: vm.memory_mib,
            annotation: vm.annotation.clone(),
            powered_on: vm.powered_on,
            linux_guest: vm.linux,
            macs: vec![vm.mac.clone()],
        })
    }

    /// Puts a VM there that carries nobody's mark.
    pub(super) fn add_foreign(&mut self, number: u64, name: &str) {
        let Some(source) = self.vms.values().find(|vm| vm.is_template).cloned() else { return };
        let vm = Vm {
            name: name.to_owned(),
            instance_uuid: self.derived_uuid(number),
            is_template: false,
            mac: mac(number),
            lease: self.next_lease(),
            ..source
        };
        self.vms.insert(number, vm);
    }

    /// `demo-flaky`, first fault: the first power-on of a VM has its effect and no reply.
    pub(super) fn loses_the_reply(&mut self, moref: &MoRef) -> bool {
        self.flaky_step(moref, 0)
    }

    /// `demo-flaky`, second fault: the next look at that VM is answered by a proxy.
    pub(super) fn owes_a_503(&self, moref: &MoRef) -> bool {
        self.vm(moref).is_some_and(|(_, vm)| is_flaky(vm) && vm.flaky_step == 1)
    }

    /// The second fault has happened.
    pub(super) fn pay_the_503(&mut self, moref: &MoRef) {
        self.flaky_step(moref, 1);
    }

    fn flaky_step(&mut self, moref: &MoRef, step: u8) -> bool {
        let number = self.vm(moref).map(|(number, _)| number);
        let Some(vm) = number.and_then(|number| self.vms.get_mut(&number)) else { return false };
        let due = is_flaky(vm) && vm.flaky_step == step;
        if due {
            vm.flaky_step += 1;
        }
        due
    }
}

fn is_flaky(vm: &Vm) -> bool {
    behaviour(&vm.origin) == Behaviour::Flaky
}

/// The VM, when nothing else is being done to it.
fn idle<'a>(
    inventory: &'a Inventory,
    moref: &MoRef,
    operation: Operation,
) -> Result<(u64, &'a Vm), ApiError> {
    let (number, vm) = inventory.vm(moref).ok_or_else(|| refused(operation, not_found(moref)))?;
    if inventory.free_at(number).is_some() {
        let message = "Another task is already in progress.";
        return Err(refused(operation, fault("TaskInProgress", message)));
    }
    Ok((number, vm))
}

fn wrong_power_state(operation: Operation, vm: &Vm) -> ApiError {
    let (state, words) =
        if vm.powered_on { ("poweredOn", "Powered on") } else { ("poweredOff", "Powered off") };
    let message =
        format!("The attempted operation cannot be performed in the current state ({words}).");
    let fault =
        Fault { existing_state: Some(state.to_owned()), ..fault("InvalidPowerState", &message) };
    refused(operation, fault)
}

fn fault(kind: &str, message: &str) -> Fault {
    Fault { kind: kind.to_owned(), message: message.to_owned(), existing_state: None }
}
