//! A vCenter between the adapter and the one under test: it counts what is changed, and loses what a
//! test wants lost. So every vCenter can be made to fail in the same ways.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use server::domain::ids::{MoRef, VcenterId};
use server::domain::ports::vsphere::VmTemplate;
use server::infrastructure::vsphere::api::{
    ApiError, CloneSpec, ConfigSpec, Customization, GuestInfo, TaskInfo, VcenterApi, VmInfo,
};
use uuid::Uuid;

use super::recorder::{Entry, Log};

/// What becomes of the next call of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It never arrives.
    Request,
    /// It has its effect, and nobody hears.
    Reply,
}

/// The vCenter in between.
#[derive(Debug)]
pub(crate) struct Observed {
    inner: Arc<dyn VcenterApi>,
    log: Log,
    losses: Mutex<Vec<(&'static str, Loss)>>,
    veiled: AtomicUsize,
    unmarked: AtomicBool,
    disguise: Mutex<Disguise>,
    deaf: AtomicBool,
}

/// From some read of a VM on, its MoRef names somebody else's.
#[derive(Debug, Default)]
struct Disguise {
    reads_left: Option<usize>,
    changes_before: Option<usize>,
}

impl Observed {
    pub(crate) fn new(inner: Arc<dyn VcenterApi>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            log: Log::default(),
            losses: Mutex::default(),
            veiled: AtomicUsize::new(0),
            unmarked: AtomicBool::new(false),
            disguise: Mutex::default(),
            deaf: AtomicBool::new(false),
        })
    }

    /// What was changed so far, and what sinks over the same log were told.
    pub(crate) fn log(&self) -> Log {
        Arc::clone(&self.log)
    }

    /// The changing calls so far.
    pub(crate) fn changes(&self) -> Vec<&'static str> {
        let log = self.log.lock().unwrap();
        let change =
            |entry: &Entry| if let Entry::Change(method) = entry { Some(*method) } else { None };
        log.iter().filter_map(change).collect()
    }

    /// Loses the next call of this method. Several for one method queue up.
    pub(crate) fn lose(&self, method: &'static str, loss: Loss) {
        self.losses.lock().unwrap().push((method, loss));
    }

    /// Hides in the next `times` reads of a VM whose it is: so looks one whose clone is running.
    pub(crate) fn veil(&self, times: usize) {
        self.veiled.store(times, Ordering::SeqCst);
    }

    /// From now on no VM carries a mark, as if a person had removed it.
    pub(crate) fn unmark(&self) {
        self.unmarked.store(true, Ordering::SeqCst);
    }

    /// After so many more reads every VM carries another mark: so looks a vCenter that was restored,
    /// and gives the same MoRef to another VM.
    pub(crate) fn disguise_after(&self, reads: usize) {
        self.disguise.lock().unwrap().reads_left = Some(reads);
    }

    /// Ends the disguise. How many changes there had been at the first read in it, if there was one.
    pub(crate) fn lift_disguise(&self) -> Option<usize> {
        std::mem::take(&mut *self.disguise.lock().unwrap()).changes_before
    }

    /// Whether to answer every wait for the guest at once, with nothing new.
    pub(crate) fn deafen(&self, deaf: bool) {
        self.deaf.store(deaf, Ordering::SeqCst);
    }

    fn is_disguised(&self) -> bool {
        let changes = self.changes().len();
        let mut disguise = self.disguise.lock().unwrap();
        match &mut disguise.reads_left {
            None => false,
            Some(0) => {
                disguise.changes_before.get_or_insert(changes);
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
        }
    }

    fn is_veiled(&self) -> bool {
        let less = |left: usize| left.checked_sub(1);
        self.veiled.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
    }

    fn loss(&self, method: &'static str) -> Option<Loss> {
        let mut losses = self.losses.lock().unwrap();
        let index = losses.iter().position(|(planned, _)| *planned == method)?;
        Some(losses.remove(index).1)
    }

    async fn change(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<MoRef, ApiError>> + Send,
    ) -> Result<MoRef, ApiError> {
        self.log.lock().unwrap().push(Entry::Change(method));
        self.pass(method, call).await
    }

    async fn pass<T>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, ApiError>> + Send,
    ) -> Result<T, ApiError> {
        let lost = |reason: &str| ApiError::Transport {
            operation: method,
            reason: reason.to_owned(),
            source: None,
        };
        match self.loss(method) {
            None => call.await,
            Some(Loss::Request) => Err(lost("the request was lost")),
            Some(Loss::Reply) => {
                drop(call.await);
                Err(lost("the reply was lost"))
            }
        }
    }
}

#[async_trait]
impl VcenterApi for Observed {
    async fn vcenter(&self) -> Result<VcenterId, ApiError> {
        self.inner.vcenter().await
    }

    async fn templates(&self) -> Result<Vec<VmTemplate>, ApiError> {
        self.inner.templates().await
    }

    async fn find_by_name(&self, name: &str) -> Result<Option<MoRef>, ApiError> {
        self.pass("find_by_name", self.inner.find_by_name(name)).await
    }

    async fn find_by_instance_uuid(&self, uuid: Uuid) -> Result<Option<MoRef>, ApiError> {
        self.pass("find_by_instance_uuid", self.inner.find_by_instance_uuid(uuid)).await
    }

    async fn vm(&self, vm: &MoRef) -> Result<Option<VmInfo>, ApiError> {
        let info = self.pass("vm", self.inner.vm(vm)).await?;
        let Some(info) = info else { return Ok(None) };
        if self.is_veiled() {
            return Ok(Some(VmInfo { instance_uuid: None, mark: None, ..info }));
        }
        if self.unmarked.load(Ordering::SeqCst) {
            return Ok(Some(VmInfo { mark: None, ..info }));
        }
        if self.is_disguised() {
            return Ok(Some(VmInfo { mark: Some("somebody else's".to_owned()), ..info }));
        }
        Ok(Some(info))
    }

    async fn clone_vm(&self, clone: &CloneSpec, deadline: Duration) -> Result<MoRef, ApiError> {
        self.change("clone_vm", self.inner.clone_vm(clone, deadline)).await
    }

    async fn reconfigure_vm(
        &self,
        vm: &MoRef,
        config: &ConfigSpec,
        deadline: Duration,
    ) -> Result<MoRef, ApiError> {
        self.change("reconfigure_vm", self.inner.reconfigure_vm(vm, config, deadline)).await
    }

    async fn customize_vm(
        &self,
        vm: &MoRef,
        customization: &Customization,
        deadline: Duration,
    ) -> Result<MoRef, ApiError> {
        self.change("customize_vm", self.inner.customize_vm(vm, customization, deadline)).await
    }

    async fn power_on(&self, vm: &MoRef, deadline: Duration) -> Result<MoRef, ApiError> {
        self.change("power_on", self.inner.power_on(vm, deadline)).await
    }

    async fn power_off(&self, vm: &MoRef, deadline: Duration) -> Result<MoRef, ApiError> {
        self.change("power_off", self.inner.power_off(vm, deadline)).await
    }

    async fn destroy(&self, vm: &MoRef, deadline: Duration) -> Result<MoRef, ApiError> {
        self.change("destroy", self.inner.destroy(vm, deadline)).await
    }

    async fn cancel_task(&self, task: &MoRef, deadline: Duration) -> Result<(), ApiError> {
        self.log.lock().unwrap().push(Entry::Change("cancel_task"));
        self.pass("cancel_task", self.inner.cancel_task(task, deadline)).await
    }

    async fn wait_for_task(
        &self,
        task: &MoRef,
        seen: Option<&TaskInfo>,
        wait: Duration,
    ) -> Result<TaskInfo, ApiError> {
        self.pass("wait_for_task", self.inner.wait_for_task(task, seen, wait)).await
    }

    async fn wait_for_guest(
        &self,
        vm: &MoRef,
        seen: Option<&GuestInfo>,
        wait: Duration,
    ) -> Result<GuestInfo, ApiError> {
        if self.deaf.load(Ordering::SeqCst) {
            return Ok(seen.cloned().unwrap_or_default());
        }
        self.pass("wait_for_guest", self.inner.wait_for_guest(vm, seen, wait)).await
    }
}
