//! The few operations of vCenter that making a VM needs, in vSphere's own words.
//!
//! One method is one call (or one bounded wait). Nothing here decides, retries or remembers: that is
//! the adapter's. Objects are named by [`MoRef`]; a VM's is only believed after its mark was read
//! through it, and its `instanceUuid` too where it was not found by its name.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::domain::ids::{MoRef, VcenterId};
use crate::domain::ports::BoxError;
use crate::domain::ports::vsphere::VmTemplate;
use crate::domain::spec::FixedAddress;

/// The `extraConfig` key that carries a request's id: the mark by which our VMs are known.
pub const MARK_KEY: &str = "guestinfo.stagewatch.request";

/// vCenter's operations.
#[async_trait]
pub trait VcenterApi: Send + Sync + fmt::Debug {
    /// `about.instanceUuid`. Needs no login.
    async fn vcenter(&self) -> Result<VcenterId, ApiError>;

    /// The templates in the template folder.
    async fn templates(&self) -> Result<Vec<VmTemplate>, ApiError>;

    /// The VM or template with this name in the folder in which VMs are made.
    async fn find_by_name(&self, name: &str) -> Result<Option<MoRef>, ApiError>;

    /// `SearchIndex.FindByUuid` with `instanceUuid = true`.
    async fn find_by_instance_uuid(&self, instance_uuid: Uuid) -> Result<Option<MoRef>, ApiError>;

    /// What is known of a VM; `None` when it does not exist (any more).
    async fn vm(&self, vm: &MoRef) -> Result<Option<VmInfo>, ApiError>;

    /// `CloneVM_Task`, powered off, into the configured folder and pool. Returns the task.
    async fn clone_vm(&self, clone: &CloneSpec, deadline: Duration) -> Result<MoRef, ApiError>;

    /// `ReconfigVM_Task`. Returns the task.
    async fn reconfigure_vm(
        &self,
        vm: &MoRef,
        config: &ConfigSpec,
        deadline: Duration,
    ) -> Result<MoRef, ApiError>;

    /// `CustomizeVM_Task` with host name and address. Returns the task.
    async fn customize_vm(
        &self,
        vm: &MoRef,
        customization: &Customization,
        deadline: Duration,
    ) -> Result<MoRef, ApiError>;

    /// `PowerOnVM_Task`. Returns the task.
    async fn power_on(&self, vm: &MoRef, deadline: Duration) -> Result<MoRef, ApiError>;

    /// `PowerOffVM_Task`. Returns the task.
    async fn power_off(&self, vm: &MoRef, deadline: Duration) -> Result<MoRef, ApiError>;

    /// `Destroy_Task`. Returns the task.
    async fn destroy(&self, vm: &MoRef, deadline: Duration) -> Result<MoRef, ApiError>;

    /// `CancelTask`: vCenter ends the task when it can, or lets it run. Only a wait tells which.
    async fn cancel_task(&self, task: &MoRef, deadline: Duration) -> Result<(), ApiError>;

    /// Waits until the task has ended or reports something new, at most `wait`.
    ///
    /// `seen` is what the last call answered, so that only news ends the wait.
    async fn wait_for_task(
        &self,
        task: &MoRef,
        seen: Option<&TaskInfo>,
        wait: Duration,
    ) -> Result<TaskInfo, ApiError>;

    /// Waits until the guest's networks differ from `seen`, at most `wait`, and tells them.
    async fn wait_for_guest(
        &self,
        vm: &MoRef,
        seen: Option<&GuestInfo>,
        wait: Duration,
    ) -> Result<GuestInfo, ApiError>;
}

/// What is known of a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmInfo {
    /// Its name.
    pub name: String,
    /// Its `config.instanceUuid`.
    pub instance_uuid: Option<Uuid>,
    /// The value of [`MARK_KEY`] in its `extraConfig`.
    pub mark: Option<String>,
    /// `config.hardware.numCPU`.
    pub cpus: u32,
    /// `config.hardware.memoryMB`, which counts MiB.
    pub memory_mib: u32,
    /// `config.annotation`.
    pub annotation: String,
    /// `runtime.powerState == poweredOn`.
    pub powered_on: bool,
    /// Whether `CustomizationLinuxPrep` fits its guest (`config.guestId` names a Linux).
    pub linux_guest: bool,
    /// The MAC addresses of its network cards, lower case.
    pub macs: Vec<String>,
}

/// What to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneSpec {
    /// The template's name.
    pub template: String,
    /// The new VM's name.
    pub name: String,
    /// `config.instanceUuid`.
    pub instance_uuid: Uuid,
    /// The value of [`MARK_KEY`].
    pub mark: String,
    /// The network's name, when another than the template's is wanted.
    pub network: Option<String>,
}

/// What to change; `None` leaves a thing as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigSpec {
    /// Virtual CPUs.
    pub cpus: Option<u32>,
    /// Memory in MiB.
    pub memory_mib: Option<u32>,
    /// The note on the VM.
    pub annotation: Option<String>,
}

/// What the guest is to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customization {
    /// The host name.
    pub hostname: String,
    /// A fixed address; without it DHCP.
    pub address: Option<FixedAddress>,
    /// How many network cards there are: vCenter wants one setting each. The first gets the address.
    pub nics: usize,
}

/// A task, as its `info` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskInfo {
    /// How far it is.
    pub state: TaskState,
    /// vCenter's percentage, if it gives one.
    pub percent: Option<u8>,
    /// Whether vCenter says that it can be cancelled.
    pub cancelable: bool,
    /// The object that a finished clone made.
    pub result: Option<MoRef>,
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskState {
    /// Waiting for its turn in vCenter.
    Queued,
    /// Being done.
    Running,
    /// Done.
    Success,
    /// Refused or failed.
    Error(Fault),
}

/// What vCenter knows of the guest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuestInfo {
    /// `guest.ipAddress`.
    pub ip_address: Option<IpAddr>,
    /// `guest.net`.
    pub nics: Vec<GuestNic>,
    /// `guest.toolsRunningStatus == guestToolsRunning`.
    pub tools_running: bool,
    /// `runtime.powerState == poweredOff`: then nothing else can be expected of it.
    pub powered_off: bool,
    /// `guest.hostName`.
    pub hostname: Option<String>,
}

/// One network card as the guest reports it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuestNic {
    /// Its MAC address, lower case.
    pub mac: Option<String>,
    /// Whether it is connected.
    pub connected: bool,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// A fault of vCenter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The fault's type, as `InvalidPowerState`.
    pub kind: String,
    /// vCenter's own words, or the type where it has none; one line.
    pub message: String,
    /// `existingState` of an `InvalidPowerState`, as `poweredOn`.
    pub existing_state: Option<String>,
}

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No answer, or none that can be understood: it is not known whether the call had an effect.
    #[error("{operation}: {reason}")]
    Transport {
        /// The method.
        operation: &'static str,
        /// Why, in one line for a person.
        reason: String,
        /// The transport's error.
        #[source]
        source: Option<BoxError>,
    },
    /// The server's certificate is not trusted. Nothing was sent.
    #[error("{reason}")]
    Certificate {
        /// Why, in one line for a person.
        reason: String,
    },
    /// Something that a setting or the request names is not there, or not the only one.
    #[error("{reason}")]
    Placement {
        /// What, with the choices there are; one line.
        reason: String,
    },
    /// The template is not there.
    #[error("template {0:?} does not exist")]
    TemplateNotFound(String),
    /// vCenter answered with a fault.
    #[error("{operation}: {}", fault.message)]
    Fault {
        /// The method.
        operation: &'static str,
        /// The fault.
        fault: Fault,
    },
}
