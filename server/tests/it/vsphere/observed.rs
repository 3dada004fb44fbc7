//! A vCenter between the adapter and the one under test: it counts what is changed, and loses what a
//! test wants lost. So every vCenter can be made to fail in the same ways.

use std::sync::atomic::{AtomicUsize, Ordering};
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
}

impl Observed {
    pub(crate) fn new(inner: Arc<dyn VcenterApi>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            log: Log::default(),
            losses: Mutex::default(),
            veiled: AtomicUsize::new(0),
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
        let veiled = info.is_some() && self.is_veiled();
        Ok(info.map(|info| match veiled {
            true => VmInfo { instance_uuid: None, mark: None, ..info },
            false => info,
        }))
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
        self.pass("wait_for_guest", self.inner.wait_for_guest(vm, seen, wait)).await
    }
}
