//! Recording what happens: decide, foresee, tell, append, publish, ring the doorbell.
//!
//! Every write of the application goes through [`Journal::record`], so every event carries the estimate
//! that was told with it, every read model follows in the same transaction, and every reader hears
//! of it as soon as it is committed: those on this server from the feed, those on others by the doorbell.

use std::sync::Arc;

use super::feed::Feed;
use super::progress_projection::{foresee, project};
use super::vcenter::CurrentVcenter;
use crate::domain::event::{NewEvent, RecordedEvent, VmEvent};
use crate::domain::ids::{LeaseEpoch, RequestId};
use crate::domain::ports::clock::Clock;
use crate::domain::ports::event_store::{
    Append, AppendError, CreateError, Created, EventStore, NewRequest, StoreError,
};
use crate::domain::ports::journal_tail::Doorbell;
use crate::domain::ports::progress::ProgressRepository;
use crate::domain::timeline::Timeline;
use crate::domain::vm::{Command, DecideError, VmAggregate, decide, evolve};

/// How often a decision is made anew when somebody else wrote in between. Only a person and one worker
/// ever write to one request, so even two are rare.
const CONFLICTS_MAX: u32 = 5;

/// Writes to the journal.
#[derive(Debug)]
pub struct Journal {
    store: Arc<dyn EventStore>,
    repository: Arc<dyn ProgressRepository>,
    vcenter: Arc<CurrentVcenter>,
    clock: Arc<dyn Clock>,
    feed: Arc<Feed>,
    doorbell: Arc<dyn Doorbell>,
}

/// One request as its writer knows it.
#[derive(Debug, Clone)]
pub struct OpenRequest {
    /// What decisions are made on.
    pub aggregate: VmAggregate,
    /// What is told of it.
    pub timeline: Timeline,
}

/// Why something was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The command is not possible now.
    #[error(transparent)]
    Decide(#[from] DecideError),
    /// Another worker has the lease: stop at once.
    #[error("another worker has taken over")]
    Fenced,
    /// The request would live again, and another living one has its name.
    #[error("the name is taken by another request")]
    NameTaken,
    /// Others wrote again and again in between.
    #[error("the journal kept moving on")]
    Contended,
    /// The journal cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of a write whose reply was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unheard {
    /// It had no effect.
    NotRecorded,
    /// It was recorded, and is the newest there is.
    Recorded,
    /// It was recorded, and somebody else has recorded more since.
    Overtaken,
}

impl Journal {
    /// A journal over these ports, which publishes to `feed`.
    pub fn new(
        store: Arc<dyn EventStore>,
        repository: Arc<dyn ProgressRepository>,
        vcenter: Arc<CurrentVcenter>,
        clock: Arc<dyn Clock>,
        feed: Arc<Feed>,
        doorbell: Arc<dyn Doorbell>,
    ) -> Self {
        Self { store, repository, vcenter, clock, feed, doorbell }
    }

    /// Loads a request; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn open(&self, request: RequestId) -> Result<Option<OpenRequest>, StoreError> {
        let events = self.store.load(request, 0).await?;
        let aggregate = VmAggregate::replay(&events);
        let timeline = Timeline::replay(request, &events);
        Ok(timeline.map(|timeline| OpenRequest { aggregate, timeline }))
    }

    /// Decides and records what follows from `command`; `open` is up to date afterwards.
    ///
    /// # Errors
    ///
    /// [`RecordError`]. After [`RecordError::Store`] it is not known whether it was recorded: open the
    /// request again before anything else.
    pub async fn record(
        &self,
        open: &mut OpenRequest,
        epoch: Option<LeaseEpoch>,
        command: Command,
    ) -> Result<(), RecordError> {
        for _ in 0..CONFLICTS_MAX {
            let events = decide(&open.aggregate, command.clone())?;
            if events.is_empty() {
                return Ok(());
            }
            match self.append(open, epoch, events).await {
                Ok(()) => return Ok(()),
                Err(AppendError::Fenced) => return Err(RecordError::Fenced),
                Err(AppendError::NameTaken) => return Err(RecordError::NameTaken),
                Err(AppendError::Store(error)) => return Err(error.into()),
                Err(AppendError::Conflict) => {
                    self.reload(open).await?;
                }
            }
        }
        Err(RecordError::Contended)
    }

    /// Takes over what was written meanwhile, and says what became of a write of `command` whose reply
    /// was lost.
    ///
    /// # Errors
    ///
    /// As [`record`](Self::record).
    pub async fn look_for(
        &self,
        open: &mut OpenRequest,
        command: Command,
    ) -> Result<Unheard, RecordError> {
        let expected = decide(&open.aggregate, command)?;
        let written = self.reload(open).await?;
        let begins = written.iter().map(|recorded| &recorded.event).take(expected.len());
        Ok(if !expected.iter().eq(begins) {
            Unheard::NotRecorded
        } else if written.len() == expected.len() {
            Unheard::Recorded
        } else {
            Unheard::Overtaken
        })
    }

    /// Accepts a request, and tells everybody of its first event.
    ///
    /// # Errors
    ///
    /// As [`EventStore::create`].
    pub async fn create(&self, new: NewRequest) -> Result<Created, CreateError> {
        let request = new.spec.request_id;
        let created = self.store.create(new).await.inspect_err(|error| {
            if let CreateError::Store(error) = error {
                self.feed.write_failed(error);
            }
        })?;
        if let Created::New(first) = &created {
            self.tell(request, std::slice::from_ref(first));
        }
        Ok(created)
    }

    /// Tells everybody of events that were committed: who watches here, and the other servers.
    fn tell(&self, request: RequestId, events: &[RecordedEvent]) {
        self.feed.publish(request, events);
        self.doorbell.ring();
    }

    /// Takes over what was written meanwhile. Readers here may not have heard of it either.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn reload(&self, open: &mut OpenRequest) -> Result<Vec<RecordedEvent>, StoreError> {
        let request = open.timeline.request;
        let written = self.store.load(request, open.aggregate.seq()).await?;
        for event in &written {
            open.take(event);
        }
        self.feed.publish(request, &written);
        Ok(written)
    }

    async fn append(
        &self,
        open: &mut OpenRequest,
        epoch: Option<LeaseEpoch>,
        events: Vec<VmEvent>,
    ) -> Result<(), AppendError> {
        let now = self.clock.now();
        let request = open.timeline.request;
        let foreseen = foresee(&open.timeline, &events, now);
        let vcenter = foreseen.vcenter.clone().or_else(|| self.vcenter.known());
        let learned = self.repository.learned(vcenter.as_ref(), &foreseen.spec).await?;
        let told = learned.tell(foreseen.position(now));
        let append = Append {
            request,
            expected_seq: open.aggregate.seq(),
            epoch,
            events: events.into_iter().map(|event| NewEvent { event, told }).collect(),
            projection: project(&foreseen),
        };
        let teaches = !append.projection.learn.is_empty();
        let recorded = self.store.append(append).await.inspect_err(|error| {
            if let AppendError::Store(error) = error {
                self.feed.write_failed(error);
            }
        })?;
        if let Some(vcenter) = foreseen.vcenter.as_ref().filter(|_| teaches) {
            // Before anybody hears of the end, so that whoever asks then is told what it taught.
            self.repository.forget_learned(vcenter);
        }
        for event in &recorded {
            open.take(event);
        }
        self.tell(request, &recorded);
        Ok(())
    }
}

impl OpenRequest {
    fn take(&mut self, event: &RecordedEvent) {
        self.aggregate = evolve(std::mem::take(&mut self.aggregate), event);
        self.timeline.apply(event);
    }
}
