//! How far requests are, as of now.
//!
//! Answered from the journal itself, so that whoever asks any server after a write sees that write.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::breaker::VcenterOutage;
use super::feed::{Feed, Subscription, Unnumbered};
use super::patience::answered;
use super::vcenter::CurrentVcenter;
use super::vcenter_health::VcenterHealth;
use crate::domain::estimate::{Learned, Position, TIMED, Told};
use crate::domain::event::RecordedEvent;
use crate::domain::ids::{RequestId, VcenterId, Viewer};
use crate::domain::ports::clock::Clock;
use crate::domain::ports::event_store::{EventStore, Outage, StoreError};
use crate::domain::ports::progress::{
    ProgressRepository, RequestFilter, RequestRow, StoredEvent, Tally,
};
use crate::domain::ports::vsphere::VmTemplate;
use crate::domain::spec::VmSpec;
use crate::domain::stage::VmProvisioningStage as Stage;
use crate::domain::timeline::Timeline;
use crate::domain::vm::VmStatus;

mod missed;
mod rank;

pub use missed::Missed;
pub use rank::Rank;

/// How many kinds of requests are counted: seven statuses of a hundred templates, and some more.
const TALLIES_MAX: u32 = 1_000;

/// Answers questions about requests. Every method shows only what the viewer may see.
#[derive(Debug)]
pub struct ProgressQuery {
    store: Arc<dyn EventStore>,
    repository: Arc<dyn ProgressRepository>,
    feed: Arc<Feed>,
    vcenter: Arc<CurrentVcenter>,
    health: Arc<VcenterHealth>,
    clock: Arc<dyn Clock>,
}

/// How far a request is at one moment.
#[derive(Debug, Clone)]
pub struct ProgressNow {
    /// What has happened.
    pub timeline: Timeline,
    /// The moment.
    pub now: DateTime<Utc>,
    /// What is told of the future at this moment.
    pub told: Told,
    /// How long each stage usually takes, from and to, in milliseconds; only asked for one request.
    pub usual: [Option<(u64, u64)>; TIMED],
    /// Why nothing moves, beyond what the timeline says.
    pub hold: Option<Hold>,
}

/// Why nothing moves, beyond what the journal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// It waits for a worker, behind so many others.
    Worker {
        /// How many are before it.
        ahead: u32,
    },
    /// It belongs to another vCenter than the one this server works with.
    OtherVcenter,
    /// Its vCenter is away.
    Outage(VcenterOutage),
}

impl ProgressQuery {
    /// Answers over these ports.
    pub fn new(
        store: Arc<dyn EventStore>,
        repository: Arc<dyn ProgressRepository>,
        feed: Arc<Feed>,
        vcenter: Arc<CurrentVcenter>,
        health: Arc<VcenterHealth>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, repository, feed, vcenter, health, clock }
    }

    /// One request; `None` when there is none that this viewer may see.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn request(
        &self,
        viewer: &Viewer,
        request: RequestId,
    ) -> Result<Option<RequestRow>, StoreError> {
        self.repository.request(viewer, request).await
    }

    /// A page of requests, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn requests(
        &self,
        viewer: &Viewer,
        filter: &RequestFilter,
    ) -> Result<Vec<RequestRow>, StoreError> {
        self.repository.requests(viewer, filter).await
    }

    /// Those of these requests that this viewer may see, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn those(
        &self,
        viewer: &Viewer,
        requests: &[RequestId],
    ) -> Result<Vec<RequestRow>, StoreError> {
        self.repository.those(viewer, requests).await
    }

    /// What is told of a request for this template, of its own size, that nobody has asked for yet.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn foresee(&self, template: &VmTemplate) -> Result<Told, StoreError> {
        let spec = VmSpec {
            request_id: RequestId(uuid::Uuid::nil()),
            name: String::new(),
            template: template.name.clone(),
            cpus: template.cpus,
            memory_mib: template.memory_mib,
            network: None,
        };
        let learned = self.repository.learned(self.vcenter.known().as_ref(), &spec).await?;
        Ok(learned.tell(Position::In(Stage::Created, 0)))
    }

    /// How many requests wait for a worker.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn waiting(&self) -> Result<u32, StoreError> {
        self.repository.waiting().await
    }

    /// How many requests there are, by status, template and owner.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn tally(
        &self,
        viewer: &Viewer,
        filter: &RequestFilter,
    ) -> Result<Vec<Tally>, StoreError> {
        self.repository.tally(viewer, filter, TALLIES_MAX).await
    }

    /// How far one request is.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn progress(
        &self,
        viewer: &Viewer,
        request: RequestId,
    ) -> Result<Option<ProgressNow>, StoreError> {
        let events = self.store.load(request, 0).await?;
        let timeline = Timeline::replay(request, &events);
        match timeline.filter(|timeline| viewer.may_see(&timeline.owner)) {
            Some(timeline) => Ok(Some(self.now(timeline).await?)),
            None => Ok(None),
        }
    }

    /// Every event of a request with what was known after it, in order; `None` when there is no such
    /// request that this viewer may see.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn replay(
        &self,
        viewer: &Viewer,
        request: RequestId,
    ) -> Result<Option<Vec<(Timeline, RecordedEvent)>>, StoreError> {
        let events = self.store.load(request, 0).await?;
        let mut events = events.into_iter();
        let first = events.next();
        let begun = first.and_then(|first| Some((Timeline::begin(request, &first)?, first)));
        let Some(begun) = begun.filter(|(timeline, _)| viewer.may_see(&timeline.owner)) else {
            return Ok(None);
        };
        let mut timeline = begun.0.clone();
        let rest = events.map(|event| {
            timeline.apply(&event);
            (timeline.clone(), event)
        });
        Ok(Some(std::iter::once(begun).chain(rest).collect()))
    }

    /// How far each of the requests of these rows is; one without a journal is left out.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn progress_of(
        &self,
        viewer: &Viewer,
        rows: &[RequestRow],
    ) -> Result<Vec<ProgressNow>, StoreError> {
        let requests: Vec<RequestId> = rows.iter().map(|row| row.id).collect();
        let mut all = Vec::with_capacity(requests.len());
        let journals = self.repository.journals(&requests).await?;
        let outage = self.health.outage();
        let driven = match &outage {
            Some(_) => self.repository.driven(&requests).await?,
            None => HashSet::new(),
        };
        let queued = rows.iter().filter(|row| row.status == VmStatus::Queued).map(|row| row.id);
        let places = match queued.collect::<Vec<_>>() {
            queued if queued.is_empty() => HashMap::new(),
            queued => self.repository.places(&queued).await?,
        };
        for (row, (request, events)) in rows.iter().zip(journals) {
            let Some(timeline) = Timeline::replay(request, &events) else { continue };
            if !viewer.may_see(&timeline.owner) {
                continue;
            }
            // What is learned is kept for all requests that are alike.
            let learned = self.learned(&timeline).await?;
            let now = self.clock.now();
            let told = learned.tell(timeline.position(now));
            let waits = !timeline.status.has_ended() && !driven.contains(&request);
            let away = || outage.clone().filter(|_| waits).map(Hold::Outage);
            let is_queued = timeline.status == VmStatus::Queued && timeline.failed_try.is_none();
            let place = || places.get(&request).filter(|_| is_queued).copied();
            let hold = self
                .other_vcenter(&timeline, row.vcenter.as_ref())
                .or_else(away)
                .or_else(|| Some(Hold::Worker { ahead: place()? }));
            all.push(ProgressNow { timeline, now, told, usual: [None; TIMED], hold });
        }
        Ok(all)
    }

    /// How far the request of this timeline is now.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn now(&self, timeline: Timeline) -> Result<ProgressNow, StoreError> {
        // What an ended one is compared with is what others took.
        let learned = match timeline.status.has_ended() {
            true => self.learned_of_others(&timeline).await?,
            false => self.learned(&timeline).await?,
        };
        let hold = self.hold(&timeline).await?;
        let now = self.clock.now();
        let (told, usual) = (learned.tell(timeline.position(now)), learned.usual_ms());
        Ok(ProgressNow { timeline, now, told, usual, hold })
    }

    /// As [`now`](Self::now), but with what was told with the newest event when PostgreSQL is away: a
    /// reader that has come gets what is known.
    pub async fn now_or_recorded(&self, timeline: Timeline) -> ProgressNow {
        match answered(self.now(timeline.clone())).await {
            Ok(progress) => progress,
            Err(_) => {
                let (now, told) = (self.clock.now(), timeline.told);
                ProgressNow { timeline, now, told, usual: [None; TIMED], hold: None }
            }
        }
    }

    /// The journal of one request as stored; `None` when the viewer may see no such request.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn history(
        &self,
        viewer: &Viewer,
        request: RequestId,
        after_seq: u32,
        limit: u32,
    ) -> Result<Option<Vec<StoredEvent>>, StoreError> {
        if self.repository.request(viewer, request).await?.is_none() {
            return Ok(None);
        }
        self.repository.stored_events(request, after_seq, limit).await.map(Some)
    }

    /// Watches one request; `None` when there is none that this viewer may see.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn watch(
        &self,
        viewer: &Viewer,
        request: RequestId,
    ) -> Result<Option<Subscription>, StoreError> {
        let subscription = self.feed.subscribe(request).await?;
        Ok(subscription.filter(|subscription| {
            subscription.peek().is_some_and(|timeline| viewer.may_see(&timeline.owner))
        }))
    }

    /// What vCenter reported last of a request that is driven here, as a frame without a number.
    pub fn hint(&self, request: RequestId) -> Option<Arc<Unnumbered>> {
        self.feed.hint(request)
    }

    /// Makes a subscription know the journal at least up to `seq`, if it goes that far.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn look_for(&self, watch: &Subscription, seq: u32) -> Result<(), StoreError> {
        self.feed.look_for(watch, seq).await
    }

    /// Whether PostgreSQL answers.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.repository.ping().await
    }

    /// What keeps the journal from being seen, or from going on, as far as is known.
    pub fn journal_outage(&self) -> Option<Outage> {
        self.feed.outage()
    }

    /// Now, by PostgreSQL's clock.
    pub fn clock(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    async fn learned(&self, timeline: &Timeline) -> Result<Arc<Learned>, StoreError> {
        let vcenter = timeline.vcenter.clone().or_else(|| self.vcenter.known());
        self.repository.learned(vcenter.as_ref(), &timeline.spec).await
    }

    async fn learned_of_others(&self, timeline: &Timeline) -> Result<Arc<Learned>, StoreError> {
        let vcenter = timeline.vcenter.clone().or_else(|| self.vcenter.known());
        self.repository.learned_of_others(vcenter.as_ref(), &timeline.spec).await
    }

    /// The outage that keeps a request from going on, if one does: it may have a worker on another
    /// server, which can reach vCenter.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn outage(&self, timeline: &Timeline) -> Result<Option<VcenterOutage>, StoreError> {
        let outage = self.health.outage().filter(|_| !timeline.status.has_ended());
        if outage.is_none() || !self.vcenter.may_be_ours(timeline.vcenter.as_ref()) {
            return Ok(None);
        }
        let driven = self.repository.driven(&[timeline.request]).await?;
        Ok(outage.filter(|_| !driven.contains(&timeline.request)))
    }

    async fn hold(&self, timeline: &Timeline) -> Result<Option<Hold>, StoreError> {
        if timeline.status != VmStatus::Queued {
            let elsewhere = self.other_vcenter(timeline, timeline.vcenter.as_ref());
            if elsewhere.is_some() {
                return Ok(elsewhere);
            }
            return Ok(self.outage(timeline).await?.map(Hold::Outage));
        }
        // Before its start the journal does not say which vCenter it belongs to; its row does.
        let owner = Viewer(timeline.owner.clone());
        let row = self.repository.request(&owner, timeline.request).await?;
        let theirs = row.and_then(|row| row.vcenter);
        let elsewhere = self.other_vcenter(timeline, theirs.as_ref());
        if elsewhere.is_some() {
            return Ok(elsewhere);
        }
        if let Some(outage) = self.outage(timeline).await? {
            return Ok(Some(Hold::Outage(outage)));
        }
        if timeline.failed_try.is_some() {
            return Ok(None);
        }
        let places = self.repository.places(&[timeline.request]).await?;
        let ahead = places.get(&timeline.request).copied().unwrap_or(0);
        Ok(Some(Hold::Worker { ahead }))
    }

    fn other_vcenter(&self, timeline: &Timeline, theirs: Option<&VcenterId>) -> Option<Hold> {
        let ours = self.vcenter.known()?;
        (*theirs? != ours && !timeline.status.has_ended()).then_some(Hold::OtherVcenter)
    }
}
