//! Tasks: what they do, when they end, and how.

use serde::{Deserialize, Serialize};

use super::guest::Boot;
use super::inventory::{GuestSettings, Vm, vm_moref};
use super::timing::Millis;
use crate::domain::ids::MoRef;
use crate::infrastructure::vsphere::api::{Fault, TaskInfo, TaskState};

/// A task waits in vCenter's queue for one of so many parts of its time.
const QUEUED_SHARE: u64 = 20;

/// A task, running or ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) started: Millis,
    pub(super) ends: Millis,
    /// The VM that it works on; of a clone the VM that it makes.
    pub(super) target: u64,
    /// What it will do; gone once it has ended.
    pub(super) effect: Option<Effect>,
    /// The fault in which it ends, if it does not succeed.
    pub(super) fault: Option<TaskFault>,
    /// Whether its result is a VM.
    pub(super) clones: bool,
}

/// What a task does when it ends well.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Effect {
    Clone(Box<Vm>),
    Reconfigure { cpus: Option<u32>, memory_mib: Option<u32>, annotation: Option<String> },
    Customize(GuestSettings),
    PowerOn(Boot),
    PowerOff,
    Destroy,
}

/// A fault in the words of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TaskFault {
    pub(super) kind: String,
    pub(super) message: String,
    pub(super) existing_state: Option<String>,
}

impl From<Fault> for TaskFault {
    fn from(fault: Fault) -> Self {
        Self { kind: fault.kind, message: fault.message, existing_state: fault.existing_state }
    }
}

impl From<TaskFault> for Fault {
    fn from(fault: TaskFault) -> Self {
        Self { kind: fault.kind, message: fault.message, existing_state: fault.existing_state }
    }
}

impl Effect {
    /// Does to a VM what its task was to do.
    pub(super) fn act_on(self, vm: &mut Vm) {
        match self {
            Self::Clone(_) | Self::Destroy => {}
            Self::Reconfigure { cpus, memory_mib, annotation } => {
                vm.cpus = cpus.unwrap_or(vm.cpus);
                vm.memory_mib = memory_mib.unwrap_or(vm.memory_mib);
                vm.annotation = annotation.unwrap_or_else(|| std::mem::take(&mut vm.annotation));
            }
            Self::Customize(settings) => vm.pending = Some(settings),
            Self::PowerOn(boot) => {
                vm.powered_on = true;
                vm.boot = Some(boot);
                if let Some(settings) = vm.pending.take() {
                    vm.settings = settings;
                }
            }
            Self::PowerOff => {
                vm.powered_on = false;
                vm.boot = None;
            }
        }
    }
}

impl Task {
    pub(super) fn has_ended(&self) -> bool {
        self.effect.is_none()
    }

    /// The VM that a finished clone made.
    fn result(&self) -> Option<MoRef> {
        self.clones.then(|| vm_moref(self.target))
    }

    /// What a task tells of itself at `now`.
    pub(super) fn info(&self, now: Millis) -> TaskInfo {
        if self.has_ended() {
            let (state, result) = match &self.fault {
                Some(fault) => (TaskState::Error(fault.clone().into()), None),
                None => (TaskState::Success, self.result()),
            };
            return TaskInfo { state, percent: None, cancelable: false, result };
        }
        let begin = self.leaves_queue();
        if now < begin {
            let state = TaskState::Queued;
            return TaskInfo { state, percent: None, cancelable: self.clones, result: None };
        }
        let percent = (now - begin).saturating_mul(100) / (self.ends - begin).max(1);
        let percent = u8::try_from(percent.min(99)).unwrap_or(99);
        let state = TaskState::Running;
        TaskInfo { state, percent: Some(percent), cancelable: self.clones, result: None }
    }

    /// Ends it at `now` without its effect. Only a clone can be cancelled.
    pub(super) fn cancel(&mut self, now: Millis) -> bool {
        let can = self.clones && !self.has_ended();
        if can {
            self.ends = now;
            self.effect = None;
            self.fault = Some(TaskFault {
                kind: "RequestCanceled".to_owned(),
                message: "The task was canceled by a user.".to_owned(),
                existing_state: None,
            });
        }
        can
    }

    /// When it leaves the queue.
    fn leaves_queue(&self) -> Millis {
        self.started + self.ends.saturating_sub(self.started) / QUEUED_SHARE
    }
}
