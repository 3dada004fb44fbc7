//! What the simulated vCenter has: VMs, templates, and tasks with the time at which they end.
//!
//! Pure: every method is given the time. Whatever is left to chance is drawn when a task starts and
//! kept with it, so that an inventory which was saved goes on, in another process, as if it had never
//! stopped: [`Inventory::settle`] lets everything happen whose time has come.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::guest::Boot;
use super::task::{Effect, Task, TaskFault};
use super::templates::{BUILT_IN, BuiltIn};
use super::timing::Millis;
use crate::domain::ids::MoRef;
use crate::infrastructure::vsphere::api::Fault;

/// How many ended tasks are remembered; a real vCenter forgets them too, after some minutes.
const ENDED_TASKS_KEPT: usize = 1_000;
/// How many addresses the simulated DHCP server has: 10.20.0.2 to 10.20.255.254.
const ADDRESSES: u32 = 256 * HOSTS_PER_NET;
const HOSTS_PER_NET: u32 = 253;

/// Everything that the simulated vCenter knows.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Inventory {
    /// The vCenter's own id: a new inventory is another vCenter.
    pub(super) vcenter: Uuid,
    next_object: u64,
    next_address: u32,
    pub(super) vms: BTreeMap<u64, Vm>,
    pub(super) tasks: BTreeMap<u64, Task>,
}

/// A VM or a template.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Vm {
    pub(super) name: String,
    pub(super) instance_uuid: Uuid,
    pub(super) mark: Option<String>,
    pub(super) is_template: bool,
    /// The template that it was made from, or its own name for a template.
    pub(super) origin: String,
    pub(super) network: String,
    pub(super) guest_name: String,
    pub(super) guest_id: String,
    pub(super) linux: bool,
    pub(super) cpus: u32,
    pub(super) memory_mib: u32,
    pub(super) disk_gib: u32,
    pub(super) annotation: String,
    pub(super) mac: String,
    /// The address that DHCP gives it.
    pub(super) lease: Ipv4Addr,
    /// The customisation that is done at the next start.
    pub(super) pending: Option<GuestSettings>,
    /// What the guest has become.
    pub(super) settings: GuestSettings,
    pub(super) powered_on: bool,
    pub(super) boot: Option<Boot>,
    /// How far `demo-flaky` is with its faults.
    pub(super) flaky_step: u8,
    /// Addresses put there by a script, instead of those that come by themselves.
    pub(super) scripted: Option<Vec<IpAddr>>,
}

/// Host name and fixed address of a guest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GuestSettings {
    pub(super) hostname: Option<String>,
    pub(super) address: Option<Ipv4Addr>,
}

impl Inventory {
    /// A new vCenter with nothing but templates.
    pub(super) fn new() -> Self {
        let mut inventory = Self {
            vcenter: uuid::Builder::from_random_bytes(rand::random()).into_uuid(),
            next_object: 1,
            next_address: 0,
            vms: BTreeMap::new(),
            tasks: BTreeMap::new(),
        };
        inventory.complete();
        inventory
    }

    /// Adds the templates that an older inventory does not have yet.
    pub(super) fn complete(&mut self) {
        for template in &BUILT_IN {
            if !self.vms.values().any(|vm| vm.name == template.name) {
                let number = self.next_number();
                let vm = self.template(template, number);
                self.vms.insert(number, vm);
            }
        }
    }

    fn template(&self, template: &BuiltIn, number: u64) -> Vm {
        Vm {
            name: template.name.to_owned(),
            instance_uuid: self.derived_uuid(number),
            mark: None,
            is_template: true,
            origin: template.name.to_owned(),
            network: super::templates::NETWORKS[0].to_owned(),
            guest_name: template.guest.full_name.to_owned(),
            guest_id: template.guest.id.to_owned(),
            linux: template.guest.linux,
            cpus: template.cpus,
            memory_mib: template.memory_mib,
            disk_gib: template.disk_gib,
            annotation: String::new(),
            mac: mac(number),
            lease: Ipv4Addr::UNSPECIFIED,
            pending: None,
            settings: GuestSettings::default(),
            powered_on: false,
            boot: None,
            flaky_step: 0,
            scripted: None,
        }
    }

    /// An `instanceUuid` as vCenter gives one to objects for which nobody asked for one.
    pub(super) fn derived_uuid(&self, number: u64) -> Uuid {
        Uuid::new_v5(&self.vcenter, &number.to_be_bytes())
    }

    /// The number of the next VM or task: never used twice.
    pub(super) fn next_number(&mut self) -> u64 {
        let number = self.next_object;
        self.next_object += 1;
        number
    }

    /// The next address of the simulated DHCP server.
    pub(super) fn next_lease(&mut self) -> Ipv4Addr {
        let index = self.next_address % ADDRESSES;
        self.next_address = (index + 1) % ADDRESSES;
        let (net, host) = (index / HOSTS_PER_NET, index % HOSTS_PER_NET);
        Ipv4Addr::from_bits(Ipv4Addr::new(10, 20, 0, 2).to_bits() + (net << 8) + host)
    }

    /// Lets everything happen whose time has come, in the order in which it ends.
    pub(super) fn settle(&mut self, now: Millis) {
        let mut due: Vec<(Millis, u64)> = self
            .tasks
            .iter()
            .filter(|(_, task)| !task.has_ended() && task.ends <= now)
            .map(|(number, task)| (task.ends, *number))
            .collect();
        due.sort_unstable();
        for (_, number) in due {
            self.end_task(number);
        }
        let ended =
            self.tasks.iter().filter(|(_, task)| task.has_ended()).map(|(number, _)| *number);
        let ended: Vec<u64> = ended.collect();
        for number in ended.iter().take(ended.len().saturating_sub(ENDED_TASKS_KEPT)) {
            self.tasks.remove(number);
        }
    }

    fn end_task(&mut self, number: u64) {
        let Some(task) = self.tasks.get_mut(&number) else { return };
        let effect = task.effect.take().filter(|_| task.fault.is_none());
        let target = task.target;
        let Some(effect) = effect else { return };
        if let Effect::Clone(vm) = effect {
            self.vms.insert(target, *vm);
        } else if let Some(vm) = self.vms.get_mut(&target) {
            let destroyed = matches!(effect, Effect::Destroy);
            effect.act_on(vm);
            if destroyed {
                self.vms.remove(&target);
            }
        } else {
            task.fault = Some(not_found(&vm_moref(target)).into());
        }
    }

    /// Starts a task that ends after `takes`.
    pub(super) fn start(
        &mut self,
        now: Millis,
        takes: Millis,
        target: u64,
        effect: Effect,
        fault: Option<Fault>,
    ) -> MoRef {
        let number = self.next_number();
        let task = Task {
            started: now,
            ends: now.saturating_add(takes),
            target,
            clones: matches!(effect, Effect::Clone(_)),
            effect: Some(effect),
            fault: fault.map(TaskFault::from),
        };
        self.tasks.insert(number, task);
        self.settle(now);
        task_moref(number)
    }

    /// The VM that a MoRef names.
    pub(super) fn vm(&self, moref: &MoRef) -> Option<(u64, &Vm)> {
        let number = number_of(moref, "vm-")?;
        self.vms.get(&number).map(|vm| (number, vm))
    }

    /// The task that a MoRef names.
    pub(super) fn task(&self, moref: &MoRef) -> Option<&Task> {
        self.tasks.get(&number_of(moref, "task-")?)
    }

    /// The same, to change it.
    pub(super) fn task_mut(&mut self, moref: &MoRef) -> Option<&mut Task> {
        self.tasks.get_mut(&number_of(moref, "task-")?)
    }

    /// When the task that is running on this VM ends, if there is one.
    pub(super) fn free_at(&self, number: u64) -> Option<Millis> {
        let running = self.tasks.values().find(|task| !task.has_ended() && task.target == number);
        running.map(|task| task.ends)
    }

    /// The VMs that clones in flight will make.
    pub(super) fn in_flight(&self) -> impl Iterator<Item = &Vm> {
        self.tasks.values().filter_map(|task| {
            if let Some(Effect::Clone(vm)) = &task.effect { Some(&**vm) } else { None }
        })
    }
}

/// The MAC address of a VM's only network card.
pub(super) fn mac(number: u64) -> String {
    let bytes = number.to_be_bytes();
    format!("00:50:56:{:02x}:{:02x}:{:02x}", bytes[5], bytes[6], bytes[7])
}

/// The MoRef of a VM.
pub(super) fn vm_moref(number: u64) -> MoRef {
    MoRef(format!("vm-{number}"))
}

fn task_moref(number: u64) -> MoRef {
    MoRef(format!("task-{number}"))
}

fn number_of(moref: &MoRef, prefix: &str) -> Option<u64> {
    moref.0.strip_prefix(prefix)?.parse().ok()
}

/// The fault for an object that is not there (any more).
pub(super) fn not_found(moref: &MoRef) -> Fault {
    Fault {
        kind: "ManagedObjectNotFound".to_owned(),
        message: format!("{moref} has already been deleted or was never there"),
        existing_state: None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn leases_are_usable_and_not_given_twice_before_all_are_given() {
        let mut inventory = Inventory::new();
        let leases: BTreeSet<Ipv4Addr> = (0..ADDRESSES).map(|_| inventory.next_lease()).collect();
        assert_eq!(leases.len(), 64_768);
        assert!(leases.iter().all(|lease| {
            let [a, b, _, host] = lease.octets();
            (a, b) == (10, 20) && (2..=254).contains(&host)
        }));
        assert_eq!(inventory.next_lease(), Ipv4Addr::new(10, 20, 0, 2));
    }

    #[test]
    fn an_older_inventory_gets_the_templates_that_it_lacks() {
        let mut inventory = Inventory::new();
        let templates = inventory.vms.len();
        inventory.vms.retain(|_, vm| vm.name != "rocky-9");
        inventory.complete();
        inventory.complete();
        assert_eq!(inventory.vms.len(), templates);
    }

    #[test]
    fn ended_tasks_are_forgotten_in_the_end_and_running_ones_never() {
        let mut inventory = Inventory::new();
        let running = inventory.start(0, 1_000, 1, Effect::PowerOff, None);
        let first_ended = inventory.start(0, 0, 1, Effect::PowerOff, None);
        for _ in 0..ENDED_TASKS_KEPT {
            inventory.start(0, 0, 1, Effect::PowerOff, None);
        }
        assert!(inventory.task(&running).is_some());
        assert!(inventory.task(&first_ended).is_none());
        assert_eq!(inventory.tasks.len(), ENDED_TASKS_KEPT + 1);
    }

    #[test]
    fn tasks_that_ended_while_nobody_looked_end_in_their_order() {
        let mut inventory = Inventory::new();
        let settings = |name: &str| {
            Effect::Customize(GuestSettings { hostname: Some(name.to_owned()), address: None })
        };
        inventory.start(0, 200, 1, settings("second"), None);
        inventory.start(0, 100, 1, settings("first"), None);
        inventory.settle(50);
        assert_eq!(inventory.vms[&1].pending, None);
        inventory.settle(500);
        let hostname = inventory.vms[&1].pending.as_ref().and_then(|set| set.hostname.as_deref());
        assert_eq!(hostname, Some("second"));
    }

    #[test]
    fn a_task_whose_vm_is_gone_ends_in_a_fault() {
        let mut inventory = Inventory::new();
        let task = inventory.start(0, 100, 999, Effect::PowerOff, None);
        inventory.settle(100);
        let fault = inventory.task(&task).and_then(|task| task.fault.as_ref());
        assert_eq!(fault.map(|fault| &*fault.kind), Some("ManagedObjectNotFound"));
    }
}
