//! The vCenter for a server without one.
//!
//! [`SimulatedVcenter`] is driven by the same adapter as a real one and refuses what a real one
//! refuses. Its inventory is a file in the data folder, so it outlives the server as a real vCenter
//! does: a clone that was in flight when the server was killed is done when its time has come.
//!
//! Besides ordinary templates it offers some that do what their name says: `demo-fails-configuring`,
//! `demo-no-address`, `demo-slow-clone`, `demo-flaky`. Tests direct it through its [`Script`].

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use super::api::{
    ApiError, CloneSpec, ConfigSpec, Customization, Fault, GuestInfo, TaskInfo, VcenterApi, VmInfo,
};
use crate::domain::ids::{MoRef, VcenterId};
use crate::domain::ports::vsphere::VmTemplate;
use inventory::Inventory;
use plans::{Plan, Plans};
use rules::Rules;
pub use script::{Call, Failure, Operation, Pause, Script, SimulatedVm};
use store::Store;
use timing::{Millis, Timing, WallClock};

mod guest;
mod inventory;
mod plans;
mod rules;
mod script;
mod store;
mod task;
mod templates;
mod timing;

/// How many steps of its percentage a task of mean length reports.
const PROGRESS_STEPS: u32 = 20;
/// Progress is not reported more often than this, however quick the task.
const PROGRESS_INTERVAL_MIN: Duration = Duration::from_millis(50);

/// From this mean time of a stage on the inventory is synced to the disk at each change, so that it
/// outlives a power cut as the journal does: nobody notices the milliseconds.
const SYNCED_FROM: Duration = Duration::from_secs(1);

/// How the simulated vCenter behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimulatedSettings {
    /// The mean time of a stage. Zero: everything is done at once.
    pub delay: Duration,
    /// Makes the stage times the same in every run.
    pub seed: Option<u64>,
}

/// Why the simulated vCenter cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SimulatedError {
    /// The inventory is there and cannot be read.
    #[error("cannot read the simulated vCenter's inventory {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The inventory is not what was written.
    #[error(
        "the simulated vCenter's inventory {} is damaged; remove it to begin with an empty one",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The inventory cannot be written.
    #[error("cannot write the simulated vCenter's inventory {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A vCenter inside this process.
#[derive(Clone)]
pub struct SimulatedVcenter {
    shared: Arc<Shared>,
}

/// What the vCenter and its scripts share.
#[derive(Debug)]
struct Shared {
    clock: WallClock,
    timing: Timing,
    store: Store,
    plans: Plans,
    /// Moves whenever something was changed, so that waiters look again.
    changes: watch::Sender<u64>,
}

impl fmt::Debug for SimulatedVcenter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedVcenter").finish_non_exhaustive()
    }
}

impl SimulatedVcenter {
    /// Opens the vCenter whose inventory is in this folder, or begins a new one there.
    ///
    /// # Errors
    ///
    /// When the inventory cannot be read or written.
    pub fn open(data_dir: &Path, settings: SimulatedSettings) -> Result<Self, SimulatedError> {
        let shared = Shared {
            clock: WallClock::start(),
            timing: Timing::new(settings.delay, settings.seed),
            store: Store::open(data_dir, settings.delay >= SYNCED_FROM)?,
            plans: Plans::default(),
            changes: watch::Sender::new(0),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Takes the inventory for this server; false when another one works with it already.
    ///
    /// # Errors
    ///
    /// When that cannot be found out.
    pub fn claim(&self) -> io::Result<bool> {
        self.shared.store.lock()
    }

    /// The handle with which tests direct this vCenter.
    pub fn script(&self) -> Script {
        Script::new(Arc::clone(&self.shared))
    }
}

impl Shared {
    /// Looks at the inventory as it is now.
    fn look<T>(&self, look: impl FnOnce(&Inventory, Millis) -> T) -> T {
        let now = self.clock.now();
        self.store.with(|inventory| {
            inventory.settle(now);
            look(inventory, now)
        })
    }

    /// Changes the inventory; the change is on disk when this returns.
    async fn change<T>(&self, act: impl FnOnce(&mut Inventory, Millis) -> T) -> io::Result<T> {
        let now = self.clock.now();
        let result = self.store.with(|inventory| {
            inventory.settle(now);
            act(inventory, now)
        });
        self.store.save().await?;
        self.changes.send_modify(|changes| *changes += 1);
        Ok(result)
    }

    /// One call that only looks.
    async fn read<T>(
        &self,
        operation: Operation,
        subject: impl fmt::Display,
        look: impl FnOnce(&Inventory, Millis) -> T,
    ) -> Result<T, ApiError> {
        let plan = self.plans.enter(operation, subject.to_string()).await?;
        let result = self.look(look);
        self.plans.leave(&plan).await?;
        Ok(result)
    }

    /// One call that changes something, within its deadline.
    async fn write<T>(
        &self,
        operation: Operation,
        subject: impl fmt::Display,
        deadline: Duration,
        act: impl FnOnce(&mut Inventory, &Rules<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let subject = subject.to_string();
        let call = async {
            let plan = self.plans.enter(operation, subject).await?;
            let result = self.obey(&plan, act).await;
            self.plans.leave(&plan).await?;
            result
        };
        match tokio::time::timeout(deadline, call).await {
            Ok(result) => result,
            Err(_) => Err(plans::lost(operation, "no answer within the deadline")),
        }
    }

    async fn obey<T>(
        &self,
        plan: &Plan,
        act: impl FnOnce(&mut Inventory, &Rules<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let changed = self.change(|inventory, now| {
            let rules = Rules {
                now,
                timing: &self.timing,
                task_fault: plan.task_fault(),
                hangs: plan.hangs(),
                holds_addresses: self.plans.holds_addresses(),
            };
            act(inventory, &rules)
        });
        changed.await.map_err(|source| ApiError::Transport {
            operation: "simulated vCenter",
            reason: format!("its inventory cannot be written: {source}"),
            source: Some(Box::new(source)),
        })?
    }

    /// Waits until `look` answers something else than `seen`, or `wait` is over. `look` also says
    /// after how long it wants to look again; a change in the inventory wakes it anyway.
    async fn wait<T: PartialEq>(
        &self,
        operation: Operation,
        seen: Option<&T>,
        wait: Duration,
        look: impl Fn(&Inventory, Millis) -> Result<(T, Option<Duration>), ApiError>,
    ) -> Result<T, ApiError> {
        let end = Instant::now() + wait;
        let mut changes = self.changes.subscribe();
        loop {
            self.plans.reach(operation)?;
            let (found, again) = self.look(&look)?;
            let left = end.saturating_duration_since(Instant::now());
            if seen != Some(&found) || left.is_zero() {
                return Ok(found);
            }
            let pause = again.map_or(left, |again| again.min(left));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                changed = changes.changed() => {
                    // The sender is our own, so this cannot fail while we are here.
                    drop(changed);
                }
            }
        }
    }

    /// How often the progress of a task is reported.
    fn progress_interval(&self) -> Duration {
        (self.timing.mean() / PROGRESS_STEPS).max(PROGRESS_INTERVAL_MIN)
    }
}

#[async_trait]
impl VcenterApi for SimulatedVcenter {
    async fn vcenter(&self) -> Result<VcenterId, ApiError> {
        let look = |inventory: &Inventory, _| VcenterId(inventory.vcenter.to_string());
        self.shared.read(Operation::Vcenter, "", look).await
    }

    async fn templates(&self) -> Result<Vec<VmTemplate>, ApiError> {
        self.shared.read(Operation::Templates, "", |inventory, _| inventory.templates()).await
    }

    async fn find_by_name(&self, name: &str) -> Result<Option<MoRef>, ApiError> {
        let look = |inventory: &Inventory, _| inventory.find(|vm| vm.name == name);
        self.shared.read(Operation::FindByName, name, look).await
    }

    async fn find_by_instance_uuid(&self, instance_uuid: Uuid) -> Result<Option<MoRef>, ApiError> {
        let look =
            |inventory: &Inventory, _| inventory.find(|vm| vm.instance_uuid == instance_uuid);
        self.shared.read(Operation::FindByInstanceUuid, instance_uuid, look).await
    }

    async fn vm(&self, vm: &MoRef) -> Result<Option<VmInfo>, ApiError> {
        let shared = &self.shared;
        if shared.look(|inventory, _| inventory.owes_a_503(vm)) {
            let deny = |inventory: &mut Inventory, _| inventory.pay_the_503(vm);
            shared.change(deny).await.map_err(|source| ApiError::Transport {
                operation: "simulated vCenter",
                reason: format!("its inventory cannot be written: {source}"),
                source: Some(Box::new(source)),
            })?;
            return Err(plans::lost(Operation::Vm, "503 Service Unavailable"));
        }
        shared.read(Operation::Vm, vm, |inventory, _| inventory.info(vm)).await
    }

    async fn clone_vm(&self, clone: &CloneSpec, deadline: Duration) -> Result<MoRef, ApiError> {
        let act = |inventory: &mut Inventory, rules: &Rules<'_>| rules.clone_vm(inventory, clone);
        self.shared.write(Operation::Clone, &clone.name, deadline, act).await
    }

    async fn reconfigure_vm(
        &self,
        vm: &MoRef,
        config: &ConfigSpec,
        deadline: Duration,
    ) -> Result<MoRef, ApiError> {
        let act = |inventory: &mut Inventory, rules: &Rules<'_>| {
            rules.reconfigure_vm(inventory, vm, config)
        };
        self.shared.write(Operation::Reconfigure, vm, deadline, act).await
    }

    async fn customize_vm(
        &self,
        vm: &MoRef,
        customization: &Customization,
        deadline: Duration,
    ) -> Result<MoRef, ApiError> {
        let act = |inventory: &mut Inventory, rules: &Rules<'_>| {
            rules.customize_vm(inventory, vm, customization)
        };
        self.shared.write(Operation::Customize, vm, deadline, act).await
    }

    async fn power_on(&self, vm: &MoRef, deadline: Duration) -> Result<MoRef, ApiError> {
        let act = |inventory: &mut Inventory, rules: &Rules<'_>| {
            let task = rules.power_on(inventory, vm)?;
            Ok((task, inventory.loses_the_reply(vm)))
        };
        match self.shared.write(Operation::PowerOn, vm, deadline, act).await? {
            (task, false) => Ok(task),
            (_, true) => Err(plans::reply_lost(Operation::PowerOn)),
        }
    }

    async fn power_off(&self, vm: &MoRef, deadline: Duration) -> Result<MoRef, ApiError> {
        let act = |inventory: &mut Inventory, rules: &Rules<'_>| rules.power_off(inventory, vm);
        self.shared.write(Operation::PowerOff, vm, deadline, act).await
    }

    async fn destroy(&self, vm: &MoRef, deadline: Duration) -> Result<MoRef, ApiError> {
        let act = |inventory: &mut Inventory, rules: &Rules<'_>| rules.destroy(inventory, vm);
        self.shared.write(Operation::Destroy, vm, deadline, act).await
    }

    async fn cancel_task(&self, task: &MoRef, deadline: Duration) -> Result<(), ApiError> {
        let act = |inventory: &mut Inventory, rules: &Rules<'_>| rules.cancel(inventory, task);
        self.shared.write(Operation::CancelTask, task, deadline, act).await
    }

    async fn wait_for_task(
        &self,
        task: &MoRef,
        seen: Option<&TaskInfo>,
        wait: Duration,
    ) -> Result<TaskInfo, ApiError> {
        let shared = &self.shared;
        let plan = shared.plans.enter(Operation::WaitForTask, task.to_string()).await?;
        let interval = shared.progress_interval();
        let look = |inventory: &Inventory, now: Millis| {
            let found = inventory
                .task(task)
                .ok_or_else(|| refused(Operation::WaitForTask, inventory::not_found(task)))?;
            let until_end = Duration::from_millis(found.ends.saturating_sub(now));
            Ok((found.info(now), Some(until_end.min(interval))))
        };
        let info = shared.wait(Operation::WaitForTask, seen, wait, look).await?;
        shared.plans.leave(&plan).await?;
        Ok(info)
    }

    async fn wait_for_guest(
        &self,
        vm: &MoRef,
        seen: Option<&GuestInfo>,
        wait: Duration,
    ) -> Result<GuestInfo, ApiError> {
        let shared = &self.shared;
        let plan = shared.plans.enter(Operation::WaitForGuest, vm.to_string()).await?;
        let look = |inventory: &Inventory, now: Millis| {
            let not_found = || refused(Operation::WaitForGuest, inventory::not_found(vm));
            let (number, found) = inventory.vm(vm).ok_or_else(not_found)?;
            let next = guest::next_change(found, now).into_iter().chain(inventory.free_at(number));
            let again = next.min().map(|at| Duration::from_millis(at.saturating_sub(now)));
            Ok((guest::guest(found, now), again))
        };
        let info = shared.wait(Operation::WaitForGuest, seen, wait, look).await?;
        shared.plans.leave(&plan).await?;
        Ok(info)
    }
}

fn refused(operation: Operation, fault: Fault) -> ApiError {
    ApiError::Fault { operation: operation.as_str(), fault }
}
