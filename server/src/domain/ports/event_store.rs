//! Writing and reading the journal.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use super::BoxError;
use super::vsphere::{Checkpoint, VmProvisioningResult};
use crate::domain::event::{NewEvent, RecordedEvent};
use crate::domain::ids::{LeaseEpoch, Owner, RequestId, VcenterId};
use crate::domain::spec::VmSpec;
use crate::domain::stage::VmProvisioningStage;
use crate::domain::vm::VmStatus;

/// The journal: the events of every request, in order, for ever.
#[async_trait]
pub trait EventStore: Send + Sync + fmt::Debug {
    /// Accepts a request: its row and its first event, in one transaction.
    ///
    /// # Errors
    ///
    /// [`CreateError`].
    async fn create(&self, new: NewRequest) -> Result<Created, CreateError>;

    /// The request that was accepted under this key before, if any.
    ///
    /// # Errors
    ///
    /// [`CreateError::KeyReused`] when it was another wish.
    async fn find(
        &self,
        owner: &Owner,
        idempotency: &Idempotency,
    ) -> Result<Option<RequestId>, CreateError>;

    /// The events of a request after `after_seq`, in order; none if there is no such request.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn load(
        &self,
        request: RequestId,
        after_seq: u32,
    ) -> Result<Vec<RecordedEvent>, StoreError>;

    /// Appends events and what follows from them, in one transaction.
    ///
    /// # Errors
    ///
    /// [`AppendError::Conflict`] when the journal has moved: load and decide again.
    /// [`AppendError::Fenced`] when another worker has the lease: stop at once.
    async fn append(&self, append: Append) -> Result<Vec<RecordedEvent>, AppendError>;

    /// Whether a write would be taken just now; nothing of it stays.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as the write would have it.
    async fn try_write(&self) -> Result<(), StoreError>;
}

/// A request on its way into the journal.
#[derive(Debug, Clone)]
pub struct NewRequest {
    /// What is asked for.
    pub spec: VmSpec,
    /// By whom.
    pub owner: Owner,
    /// The vCenter it is meant for, if that is known already.
    pub vcenter: Option<VcenterId>,
    /// The first event.
    pub event: NewEvent,
    /// The caller's own key for this request.
    pub idempotency: Option<Idempotency>,
}

/// The caller's key for a request, and a digest of what it asked for under that key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The key, as given.
    pub key: String,
    /// Equal for equal bodies only.
    pub body: String,
}

/// What became of an accepted request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It is new.
    New(Box<RecordedEvent>),
    /// The same key and body were accepted before, as this request.
    Existing(RequestId),
}

/// Why a request was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// A living request has the name.
    #[error("the name is taken by another request")]
    NameTaken,
    /// The key was used for another body.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The journal cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Events on their way into the journal, with what follows from them.
#[derive(Debug, Clone)]
pub struct Append {
    /// The request.
    pub request: RequestId,
    /// The number of the newest event that the decision was made on.
    pub expected_seq: u32,
    /// The lease under which a saga writes; `None` for what a person does.
    pub epoch: Option<LeaseEpoch>,
    /// The events, at least one.
    pub events: Vec<NewEvent>,
    /// What the read models become.
    pub projection: Projection,
}

/// What the read models become with an append; kept in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// Where the request stands.
    pub status: VmStatus,
    /// The vCenter it belongs to, once it is known.
    pub vcenter: Option<VcenterId>,
    /// The stage of its `provisioning_progress` row; `None` deletes the row.
    pub progress: Option<VmProvisioningStage>,
    /// The VM, once it is ready.
    pub vm: Option<VmProvisioningResult>,
    /// What is learned from an attempt that ends with these events; empty before.
    pub learn: Vec<StageSpan>,
}

/// A stage between two events of one request. How long it took is the difference of their times, which
/// the store knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageSpan {
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// The stage.
    pub stage: VmProvisioningStage,
    /// The attempt broke off in it: it would have taken longer.
    pub censored: bool,
    /// The number of the event that entered it.
    pub entered_seq: u32,
    /// The number of the event that left it.
    pub left_seq: u32,
}

/// Why an append did not happen.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The journal has moved.
    #[error("the journal has moved on")]
    Conflict,
    /// Another worker has the lease.
    #[error("another worker has taken over")]
    Fenced,
    /// The request would live again, and another living one has its name.
    #[error("the name is taken by another request")]
    NameTaken,
    /// The journal cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// PostgreSQL cannot do it just now: the same may work later.
    #[error("{outage}")]
    Unavailable {
        /// What is wrong, for a person.
        outage: Outage,
        /// What it said.
        source: BoxError,
    },
    /// What is stored cannot be understood, or PostgreSQL refused a statement: a defect.
    #[error("PostgreSQL gave an unexpected answer")]
    Unexpected(#[source] BoxError),
}

impl StoreError {
    /// PostgreSQL does not answer, for this reason.
    pub fn not_answering(source: impl Into<BoxError>) -> Self {
        Self::Unavailable { outage: Outage::NotAnswering, source: source.into() }
    }

    /// Why PostgreSQL cannot do it just now, if that is what it is.
    pub fn outage(&self) -> Option<Outage> {
        match self {
            Self::Unavailable { outage, .. } => Some(*outage),
            Self::Unexpected(_) => None,
        }
    }
}

/// What keeps PostgreSQL from working just now. It passes without anything being done here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// It is away, starting, overloaded or being restored.
    NotAnswering,
    /// It can be read and takes no changes.
    ReadOnly,
    /// It can be read and has no room for more.
    DiskFull,
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnswering => "PostgreSQL is not answering",
            Self::ReadOnly => "PostgreSQL is read-only just now",
            Self::DiskFull => "PostgreSQL's disk is full",
        })
    }
}

/// Which worker drives which request.
#[async_trait]
pub trait Leases: Send + Sync + fmt::Debug {
    /// Takes up to `limit` due requests, oldest first, each under a new epoch.
    ///
    /// With a known `vcenter` only its own requests, and those that belong to none yet. With
    /// `silent_for` only those of which nothing was recorded for so long.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn claim(
        &self,
        worker: &str,
        vcenter: Option<&VcenterId>,
        lease: Duration,
        limit: u32,
        silent_for: Option<Duration>,
    ) -> Result<Vec<Claim>, StoreError>;

    /// Ends the pauses of requests that wait to be tried again: they are due now. With a known
    /// `vcenter` only those of its own requests. Returns how many there were.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn end_pauses(&self, vcenter: Option<&VcenterId>) -> Result<u64, StoreError>;

    /// Prolongs a lease from now.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn renew(
        &self,
        request: RequestId,
        epoch: LeaseEpoch,
        lease: Duration,
    ) -> Result<Renewal, StoreError>;

    /// Prolongs it right before a call that changes something: the holder's own clock is not believed
    /// then, since it may have stood still with its machine.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn confirm(
        &self,
        request: RequestId,
        epoch: LeaseEpoch,
        lease: Duration,
    ) -> Result<Renewal, StoreError> {
        self.renew(request, epoch, lease).await
    }

    /// Hands a lease back. Harmless when it is not held.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn release(
        &self,
        request: RequestId,
        epoch: LeaseEpoch,
        back: HandBack,
    ) -> Result<(), StoreError>;

    /// Ends every lease: for a server that knows that no other one is alive, so that what its
    /// predecessor left goes on at once. Returns how many there were.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn end_all(&self) -> Result<u64, StoreError>;

    /// Keeps what to resume from. `false`: the lease belongs to another worker.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn save_checkpoint(
        &self,
        request: RequestId,
        epoch: LeaseEpoch,
        checkpoint: &Checkpoint,
    ) -> Result<bool, StoreError>;
}

/// How a lease is handed back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandBack {
    /// The request is due again after this.
    pub pause: Duration,
    /// The newest event that its holder knew: with later ones the request is due at once.
    pub known_seq: u32,
    /// Whether something was under way: then whoever goes on says that it was interrupted.
    pub unfinished: bool,
}

/// What became of the renewal of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// It is held; the journal's newest event of the request has this number.
    Held {
        /// The number.
        last_seq: u32,
    },
    /// It belongs to another worker.
    Lost,
}

/// A request that this worker drives now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The request.
    pub request: RequestId,
    /// The lease's epoch: it fences every write.
    pub epoch: LeaseEpoch,
    /// The vCenter it belongs to, once that is known.
    pub vcenter: Option<VcenterId>,
    /// What to resume from.
    pub checkpoint: Checkpoint,
    /// Whether its last holder was in the middle of something, and did not come to its end.
    pub interrupted: bool,
}
