//! Reading what follows from the journal: requests, their progress, what is learned.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::event_store::StoreError;
use super::journal_tail::Horizon;
use super::vsphere::VmProvisioningResult;
use crate::domain::estimate::Learned;
use crate::domain::event::RecordedEvent;
use crate::domain::ids::{Owner, RequestId, VcenterId, Viewer};
use crate::domain::spec::{NetworkSpec, VmSpec};
use crate::domain::vm::VmStatus;

/// The read models.
#[async_trait]
pub trait ProgressRepository: Send + Sync + fmt::Debug {
    /// One request; `None` when there is none that this viewer may see.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn request(
        &self,
        viewer: &Viewer,
        request: RequestId,
    ) -> Result<Option<RequestRow>, StoreError>;

    /// The requests that match, newest first, at most `filter.limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn requests(
        &self,
        viewer: &Viewer,
        filter: &RequestFilter,
    ) -> Result<Vec<RequestRow>, StoreError>;

    /// How many requests there are that this viewer may see, by status, template and owner; of
    /// `filter` only owner and name count. At most `limit` of those groups.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn tally(
        &self,
        viewer: &Viewer,
        filter: &RequestFilter,
        limit: u32,
    ) -> Result<Vec<Tally>, StoreError>;

    /// What has been recorded from `horizon` on of what this viewer may see.
    ///
    /// At most `limit` events are looked at, whoever may see them.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn events_since(
        &self,
        viewer: &Viewer,
        horizon: &Horizon,
        limit: u32,
    ) -> Result<Since, StoreError>;

    /// The journals of several requests, in the order asked for.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn journals(
        &self,
        requests: &[RequestId],
    ) -> Result<Vec<(RequestId, Vec<RecordedEvent>)>, StoreError>;

    /// The journal of one request as it is stored, at most `limit` rows after `after_seq`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn stored_events(
        &self,
        request: RequestId,
        after_seq: u32,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError>;

    /// What is learned from the ended attempts of this vCenter, for a VM like this one.
    ///
    /// Kept for a while: what ended on another server may be missing for so long, what ended on this
    /// one is there once [`forget_learned`](Self::forget_learned) was called.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn learned(
        &self,
        vcenter: Option<&VcenterId>,
        spec: &VmSpec,
    ) -> Result<Arc<Learned>, StoreError>;

    /// Says that another attempt has ended in this vCenter: what was learned before is out of date.
    fn forget_learned(&self, vcenter: &VcenterId);

    /// Which of these requests a worker drives now.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn driven(&self, requests: &[RequestId]) -> Result<HashSet<RequestId>, StoreError>;

    /// How many requests are taken by a worker before each of these: those that are due and nobody
    /// drives, and that have waited for longer. One that is not due, or driven, is left out.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn places(&self, requests: &[RequestId]) -> Result<HashMap<RequestId, u32>, StoreError>;

    /// Those of these requests that this viewer may see, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn those(
        &self,
        viewer: &Viewer,
        requests: &[RequestId],
    ) -> Result<Vec<RequestRow>, StoreError>;

    /// How many requests wait for a worker.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn waiting(&self) -> Result<u32, StoreError>;

    /// How long the newest requests took, in milliseconds, that were made from this template in this
    /// vCenter and became ready before `before`, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn totals(
        &self,
        vcenter: &VcenterId,
        template: &str,
        before: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<u64>, StoreError>;

    /// Whether a request that has not ended has this name.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn name_is_living(&self, name: &str) -> Result<bool, StoreError>;

    /// Whether PostgreSQL answers.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it does not.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// What has been recorded from a horizon on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// These events, each request's in order.
    Events(Vec<(RequestId, u32)>),
    /// More than were looked at.
    TooMany,
    /// The journal has not come so far: the horizon is of another one.
    Beyond,
}

/// One request as the list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// Its id.
    pub id: RequestId,
    /// The VM's name.
    pub name: String,
    /// The template's name.
    pub template: String,
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// The wanted network.
    pub network: Option<NetworkSpec>,
    /// Where it stands.
    pub status: VmStatus,
    /// Who asked.
    pub owner: Owner,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// The vCenter it belongs to, once that is known.
    pub vcenter: Option<VcenterId>,
    /// The VM, once it is ready.
    pub vm: Option<VmProvisioningResult>,
}

/// How many requests are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Where they stand.
    pub status: VmStatus,
    /// What they are made from.
    pub template: String,
    /// Who asked.
    pub owner: Owner,
    /// How many they are.
    pub count: u32,
}

/// Which requests are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestFilter {
    /// Only those of this status, by its stable word.
    pub status: Option<&'static str>,
    /// Only those made from this template.
    pub template: Option<String>,
    /// Only those of this owner.
    pub owner: Option<String>,
    /// Only those with this text in their name.
    pub name_contains: Option<String>,
    /// Only those older than this one.
    pub after: Option<RequestId>,
    /// At most so many.
    pub limit: u32,
}

/// A row of the journal as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Its number.
    pub seq: u32,
    /// Its type's stable name.
    pub type_name: String,
    /// The version of its payload.
    pub schema_version: u32,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// Its payload: JSON, as text.
    pub payload: String,
}
