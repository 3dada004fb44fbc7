//! What stands between a server and everything that it does, and tells [`Points`] of it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use server::bootstrap::WritePorts;
use server::domain::event::{RecordedEvent, VmEvent};
use server::domain::ids::{LeaseEpoch, MoRef, Owner, RequestId, VcenterId};
use server::domain::ports::event_store::{
    Append, AppendError, Claim, CreateError, Created, EventStore, HandBack, Idempotency, Leases,
    NewRequest, Renewal, StoreError,
};
use server::domain::ports::journal_tail::Doorbell;
use server::domain::ports::vsphere::{Checkpoint, VmTemplate};
use server::infrastructure::vsphere::api::{
    ApiError, CloneSpec, ConfigSpec, Customization, GuestInfo, TaskInfo, VcenterApi, VmInfo,
};
use uuid::Uuid;

use super::points::Points;

/// A port that is watched.
#[derive(Debug)]
pub(super) struct Watched<T: ?Sized> {
    points: Arc<Points>,
    inner: Arc<T>,
}

impl<T: ?Sized> Watched<T> {
    pub(super) fn new(points: &Arc<Points>, inner: Arc<T>) -> Self {
        Self { points: Arc::clone(points), inner }
    }

    async fn pass<R>(&self, what: &str, call: impl Future<Output = R>) -> R {
        self.points.before(what);
        let result = call.await;
        self.points.after(what);
        result
    }
}

/// Watches the ports through which a server writes.
pub(super) fn watch(points: &Arc<Points>, ports: WritePorts) -> WritePorts {
    WritePorts {
        store: Arc::new(Watched::new(points, ports.store)),
        leases: Arc::new(Watched::new(points, ports.leases)),
        doorbell: Arc::new(Watched::new(points, ports.doorbell)),
    }
}

/// What an event makes of the work: what comes after it belongs to this part.
fn context(event: &VmEvent) -> Option<String> {
    if let VmEvent::VmProvisioningProgressUpdated { current_stage, .. } = event {
        return Some(current_stage.as_str().to_owned());
    }
    if let VmEvent::VmProvisioningStepUndone { step } = event {
        return Some(format!("UNDONE {step:?}"));
    }
    let goes_on = matches!(
        event,
        VmEvent::VmProvisioningTryFailed { .. } | VmEvent::VmProvisioningResumed { .. }
    );
    (!goes_on).then(|| event.type_name().to_owned())
}

#[async_trait]
impl EventStore for Watched<dyn EventStore> {
    async fn create(&self, new: NewRequest) -> Result<Created, CreateError> {
        let _no_look = self.points.looks.lock().await;
        self.points.enter("ASKED");
        let created = self.pass("commit of VmRequested", self.inner.create(new)).await;
        self.points.enter("QUEUED");
        created
    }

    async fn find(
        &self,
        owner: &Owner,
        idempotency: &Idempotency,
    ) -> Result<Option<RequestId>, CreateError> {
        self.inner.find(owner, idempotency).await
    }

    async fn load(
        &self,
        request: RequestId,
        after_seq: u32,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.inner.load(request, after_seq).await
    }

    async fn try_write(&self) -> Result<(), StoreError> {
        self.inner.try_write().await
    }

    /// The moment after a commit is the one before it is published; after that the doorbell is rung.
    async fn append(&self, append: Append) -> Result<Vec<RecordedEvent>, AppendError> {
        let name = append.events.last().map(|new| new.event.clone());
        let name = name.and_then(|event| Some((context(&event)?, event)));
        let what = match &name {
            Some((context, _)) => format!("commit of {context}"),
            None => "commit".to_owned(),
        };
        // A person's wish, which may make work, and not a worker's record of it.
        let _no_look = match append.epoch {
            None => Some(self.points.looks.lock().await),
            Some(_) => None,
        };
        let appended = self.pass(&what, self.inner.append(append)).await;
        if let (Ok(_), Some((context, _))) = (&appended, &name) {
            self.points.enter(context);
        }
        appended
    }
}

#[async_trait]
impl Leases for Watched<dyn Leases> {
    async fn claim(
        &self,
        worker: &str,
        vcenter: Option<&VcenterId>,
        lease: Duration,
        limit: u32,
        silent_for: Option<Duration>,
    ) -> Result<Vec<Claim>, StoreError> {
        let _alone = self.points.looks.lock().await;
        // Looks that find nothing come at any moment, and are no part of any request's work.
        if self.points.is_queued() {
            self.points.before("claim");
        }
        let claimed = self.inner.claim(worker, vcenter, lease, limit, silent_for).await;
        if claimed.as_ref().is_ok_and(|claims| !claims.is_empty()) {
            self.points.after("claim");
        }
        claimed
    }

    async fn end_pauses(&self, vcenter: Option<&VcenterId>) -> Result<u64, StoreError> {
        self.inner.end_pauses(vcenter).await
    }

    async fn renew(
        &self,
        request: RequestId,
        epoch: LeaseEpoch,
        lease: Duration,
    ) -> Result<Renewal, StoreError> {
        self.pass("renewal", self.inner.renew(request, epoch, lease)).await
    }

    async fn confirm(
        &self,
        request: RequestId,
        epoch: LeaseEpoch,
        lease: Duration,
    ) -> Result<Renewal, StoreError> {
        self.pass("confirmation", self.inner.confirm(request, epoch, lease)).await
    }

    async fn release(
        &self,
        request: RequestId,
        epoch: LeaseEpoch,
        back: HandBack,
    ) -> Result<(), StoreError> {
        self.pass("hand-back", self.inner.release(request, epoch, back)).await
    }

    async fn end_all(&self) -> Result<u64, StoreError> {
        self.inner.end_all().await
    }

    async fn save_checkpoint(
        &self,
        request: RequestId,
        epoch: LeaseEpoch,
        checkpoint: &Checkpoint,
    ) -> Result<bool, StoreError> {
        let task = checkpoint.task.as_ref().map(|task| task.operation);
        let what = format!("checkpoint {task:?}");
        self.pass(&what, self.inner.save_checkpoint(request, epoch, checkpoint)).await
    }
}

impl Doorbell for Watched<dyn Doorbell> {
    fn ring(&self) {
        self.points.before("doorbell");
        self.inner.ring();
        self.points.after("doorbell");
    }
}

#[async_trait]
impl VcenterApi for Watched<dyn VcenterApi> {
    async fn vcenter(&self) -> Result<VcenterId, ApiError> {
        self.pass("RetrieveServiceContent", self.inner.vcenter()).await
    }

    async fn templates(&self) -> Result<Vec<VmTemplate>, ApiError> {
        self.inner.templates().await
    }

    async fn find_by_name(&self, name: &str) -> Result<Option<MoRef>, ApiError> {
        self.pass("FindByInventoryPath", self.inner.find_by_name(name)).await
    }

    async fn find_by_instance_uuid(&self, uuid: Uuid) -> Result<Option<MoRef>, ApiError> {
        self.pass("FindByUuid", self.inner.find_by_instance_uuid(uuid)).await
    }

    async fn vm(&self, vm: &MoRef) -> Result<Option<VmInfo>, ApiError> {
        self.pass("read of the VM", self.inner.vm(vm)).await
    }

    async fn clone_vm(&self, clone: &CloneSpec, deadline: Duration) -> Result<MoRef, ApiError> {
        self.pass("CloneVM_Task", self.inner.clone_vm(clone, deadline)).await
    }

    async fn reconfigure_vm(
        &self,
        vm: &MoRef,
        config: &ConfigSpec,
        deadline: Duration,
    ) -> Result<MoRef, ApiError> {
        self.pass("ReconfigVM_Task", self.inner.reconfigure_vm(vm, config, deadline)).await
    }

    async fn customize_vm(
        &self,
        vm: &MoRef,
        customization: &Customization,
        deadline: Duration,
    ) -> Result<MoRef, ApiError> {
        let call = self.inner.customize_vm(vm, customization, deadline);
        self.pass("CustomizeVM_Task", call).await
    }

    async fn power_on(&self, vm: &MoRef, deadline: Duration) -> Result<MoRef, ApiError> {
        self.pass("PowerOnVM_Task", self.inner.power_on(vm, deadline)).await
    }

    async fn power_off(&self, vm: &MoRef, deadline: Duration) -> Result<MoRef, ApiError> {
        self.pass("PowerOffVM_Task", self.inner.power_off(vm, deadline)).await
    }

    async fn destroy(&self, vm: &MoRef, deadline: Duration) -> Result<MoRef, ApiError> {
        self.pass("Destroy_Task", self.inner.destroy(vm, deadline)).await
    }

    async fn cancel_task(&self, task: &MoRef, deadline: Duration) -> Result<(), ApiError> {
        self.pass("CancelTask", self.inner.cancel_task(task, deadline)).await
    }

    async fn wait_for_task(
        &self,
        task: &MoRef,
        seen: Option<&TaskInfo>,
        wait: Duration,
    ) -> Result<TaskInfo, ApiError> {
        self.pass("wait for the task", self.inner.wait_for_task(task, seen, wait)).await
    }

    async fn wait_for_guest(
        &self,
        vm: &MoRef,
        seen: Option<&GuestInfo>,
        wait: Duration,
    ) -> Result<GuestInfo, ApiError> {
        self.pass("wait for the guest", self.inner.wait_for_guest(vm, seen, wait)).await
    }
}
