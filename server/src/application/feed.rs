//! What is told live: one topic per request that somebody watches.
//!
//! A committed event goes to its topic at once ([`Feed::publish`]); what another server committed, or
//! what this one committed without ever getting the reply, is noticed by the tail ([`tail::run`]).
//! Readers take numbered frames only from the topic's own list, by cursor: a reader that was slow has
//! merely missed announcements, never a frame. Who watches all requests reads the [`board`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::sync::{broadcast, watch};
use tracing::{debug, warn};

use super::breaker::VcenterOutage;
use crate::domain::event::RecordedEvent;
use crate::domain::ids::{RequestId, Viewer};
use crate::domain::ports::event_store::{EventStore, Outage, StoreError};
use crate::domain::ports::journal_tail::{Found, Horizon, JournalEpoch, JournalTail};
use crate::domain::stage::VmProvisioningStage;
use crate::domain::timeline::Timeline;

pub mod board;
pub mod forecast;
pub mod log;
pub mod subscription;
pub mod tail;
pub mod topic;

pub use board::{Board, BoardNews, BoardReader, Taken};
use forecast::Forecast;
pub use subscription::{News, Subscription};
pub use topic::{Accepted, Frame, FrameRenderer, Topic, Unnumbered};

/// How long a topic is kept after its last reader left: a page that reloads finds it again.
const TOPIC_IDLE_MAX: Duration = Duration::from_secs(60);

/// Announcements that a reader may be behind before it has missed some. A missed one costs nothing, a
/// missed `live` is out of date anyway.
const ANNOUNCEMENTS_MAX: usize = 16;

/// Requests that are compared with the journal in one statement.
const COMPARED_MAX: usize = 1_000;

/// How long a report of vCenter is worth telling to who begins to watch: it is told anew at least with
/// every wait for news, which takes 20 s.
const HINT_AGE_MAX: Duration = Duration::from_secs(45);

/// All topics of this server.
#[derive(Debug)]
pub struct Feed {
    store: Arc<dyn EventStore>,
    renderer: Arc<dyn FrameRenderer>,
    /// A std mutex: nothing is awaited while it is held.
    topics: Mutex<HashMap<RequestId, Arc<SharedTopic>>>,
    board: Arc<Board>,
    /// What keeps the journal from being seen, or from going on, just now.
    outage: watch::Sender<Option<Outage>>,
    /// Whether a write was refused since the tail has found that one would be taken.
    write_refused: AtomicBool,
    /// Whether the journal was seen to have lost what was told of it.
    was_put_back: AtomicBool,
    /// What vCenter reported last of each request that is driven here, and when.
    hints: Mutex<HashMap<RequestId, (Instant, Arc<Unnumbered>)>>,
}

/// A topic and what its readers share.
#[derive(Debug)]
pub(crate) struct SharedTopic {
    request: RequestId,
    topic: Mutex<Topic>,
    announcements: broadcast::Sender<Announcement>,
    /// Held while the journal is read: once, however many want it.
    loading: tokio::sync::Mutex<()>,
    used: Mutex<Instant>,
    /// Set when the journal turned out to be another one: readers have to begin anew.
    is_stale: AtomicBool,
    /// What its readers were told last of the time that is left.
    forecast: Mutex<Forecast>,
}

/// What is announced to readers.
#[derive(Debug, Clone)]
pub(crate) enum Announcement {
    /// The topic has more frames.
    Head,
    /// An unnumbered frame.
    Unnumbered(Arc<Unnumbered>),
}

impl Feed {
    /// A feed that loads from `store` and draws frames with `renderer`.
    pub fn new(store: Arc<dyn EventStore>, renderer: Arc<dyn FrameRenderer>) -> Self {
        let (outage, _) = watch::channel(None);
        let (topics, board) = (Mutex::new(HashMap::new()), Arc::new(Board::new()));
        let (write_refused, was_put_back) = (AtomicBool::new(false), AtomicBool::new(false));
        let hints = Mutex::default();
        Self { store, renderer, topics, board, hints, outage, write_refused, was_put_back }
    }

    /// Gives committed events to their topic and to the board, if anybody watches them. Never waits.
    pub fn publish(&self, request: RequestId, events: &[RecordedEvent]) {
        self.board.publish(request, events, &*self.renderer);
        // What vCenter reported is about the stage before.
        lock(&self.hints).remove(&request);
        let Some(shared) = lock(&self.topics).get(&request).cloned() else { return };
        // A gap is closed by whoever loads the topic now, or by the next look at the journal's tail.
        shared.accept(events, &*self.renderer);
    }

    /// Tells what vCenter reports of a running task, to those who watch now and who come soon.
    pub fn publish_live(
        &self,
        request: RequestId,
        stage: VmProvisioningStage,
        percent: Option<u8>,
        details: Option<&str>,
    ) {
        let frame = Arc::new(self.renderer.live(stage, percent, details));
        lock(&self.hints).insert(request, (Instant::now(), Arc::clone(&frame)));
        if let Some(shared) = lock(&self.topics).get(&request).cloned() {
            shared.announce(Announcement::Unnumbered(frame));
        }
    }

    /// What vCenter reported last of a request, if that was not long ago.
    pub fn hint(&self, request: RequestId) -> Option<Arc<Unnumbered>> {
        let hints = lock(&self.hints);
        let (at, frame) = hints.get(&request)?;
        (at.elapsed() < HINT_AGE_MAX).then(|| Arc::clone(frame))
    }

    /// Tells those who watch a request that vCenter is away, or that it is back.
    pub fn publish_outage(
        &self,
        timeline: &Timeline,
        outage: Option<&VcenterOutage>,
        now: DateTime<Utc>,
    ) {
        // What vCenter reported before is not so any more.
        lock(&self.hints).remove(&timeline.request);
        let Some(shared) = lock(&self.topics).get(&timeline.request).cloned() else { return };
        if shared.announcements.receiver_count() > 0 {
            let frame = Arc::new(self.renderer.outage(timeline, outage, now));
            shared.announce(Announcement::Unnumbered(frame));
        }
    }

    /// The watched requests that have not ended.
    pub fn living(&self) -> Vec<Timeline> {
        let topics: Vec<_> = lock(&self.topics).values().cloned().collect();
        let timelines = topics.iter().filter_map(|shared| shared.topic().timeline().cloned());
        timelines.filter(|timeline| !timeline.status.has_ended()).collect()
    }

    /// The topics that somebody watches just now.
    fn watched(&self) -> Vec<Arc<SharedTopic>> {
        let is_watched = |shared: &&Arc<SharedTopic>| shared.announcements.receiver_count() > 0;
        lock(&self.topics).values().filter(is_watched).cloned().collect()
    }

    /// Watches a request. `None` when there is no such request.
    ///
    /// The topic is in the map before it loads, so an event committed in between is not missed.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the journal cannot be read.
    pub async fn subscribe(&self, request: RequestId) -> Result<Option<Subscription>, StoreError> {
        let (shared, subscription) = {
            let mut topics = lock(&self.topics);
            let topic = || Arc::new(SharedTopic::new(request));
            let shared = Arc::clone(topics.entry(request).or_insert_with(topic));
            let subscription = Subscription::new(Arc::clone(&shared), self.outage.subscribe());
            (shared, subscription)
        };
        *lock(&shared.used) = Instant::now();
        self.catch_up(&shared, 1).await?;
        if shared.topic().head() > 0 {
            return Ok(Some(subscription));
        }
        // Nobody asked for this VM; a stream of made-up ids must not fill the map. Somebody else may
        // just look for it too, and find it: then it stays.
        let mut topics = lock(&self.topics);
        let is_it = topics.get(&request).is_some_and(|known| Arc::ptr_eq(known, &shared));
        if is_it && shared.announcements.receiver_count() == 1 {
            topics.remove(&request);
        }
        Ok(None)
    }

    /// Watches all requests that this viewer may see, from now on.
    pub async fn board(&self, viewer: Viewer) -> BoardReader {
        BoardReader::new(Arc::clone(&self.board), viewer, self.outage.subscribe()).await
    }

    /// Where to go on from for whoever reads the list of requests after this.
    pub async fn horizon(&self) -> Horizon {
        self.board.horizon().await
    }

    /// The frame of an event as a reader of the board gets it that goes on from `horizon` after it.
    pub fn board_frame(
        &self,
        timeline: &Timeline,
        event: &RecordedEvent,
        horizon: &Horizon,
    ) -> Bytes {
        self.renderer.board(timeline, event, horizon)
    }

    /// Makes a subscription's topic know the journal at least up to `seq`, if it goes that far.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the journal cannot be read.
    pub async fn look_for(&self, subscription: &Subscription, seq: u32) -> Result<(), StoreError> {
        self.catch_up(subscription.shared(), seq).await
    }

    /// Loads what a topic lacks of the journal up to `seq`.
    async fn catch_up(&self, shared: &SharedTopic, seq: u32) -> Result<(), StoreError> {
        let wanted = |topic: &Topic| topic.head() < seq.max(topic.wanted());
        if !wanted(&shared.topic()) {
            return Ok(());
        }
        let _one_at_a_time = shared.loading.lock().await;
        loop {
            let (head, recorded_at) = {
                let topic = shared.topic();
                if !wanted(&topic) {
                    return Ok(());
                }
                topic.newest()
            };
            debug!(request.id = %shared.request, "the journal is read on from {head}");
            // What is known to be the newest is read again: the journal must still have it.
            let events = self.store.load(shared.request, head.saturating_sub(1)).await?;
            let known = usize::from(head > 0);
            let (again, new) = events.split_at_checked(known).unwrap_or_default();
            let is_there =
                |event: &RecordedEvent| (event.seq, Some(event.recorded_at)) == (head, recorded_at);
            if again.len() < known || !again.iter().all(is_there) {
                self.was_put_back.store(true, Ordering::Relaxed);
                return Ok(());
            }
            if new.is_empty() {
                return Ok(());
            }
            shared.accept(new, &*self.renderer);
        }
    }

    /// Brings every watched topic of `heads` up to date, and the board.
    async fn take_heads(&self, heads: &[(RequestId, u32)]) -> Result<(), StoreError> {
        self.board.take_heads(heads, &*self.store, &*self.renderer).await?;
        self.catch_up_all(heads).await
    }

    async fn catch_up_all(&self, heads: &[(RequestId, u32)]) -> Result<(), StoreError> {
        for (request, seq) in heads {
            let shared = lock(&self.topics).get(request).cloned();
            if let Some(shared) = shared {
                tail::alone(*request, self.catch_up(&shared, *seq).await)?;
            }
        }
        Ok(())
    }

    /// Holds what the topics know against the journal itself. `false` when the journal has it no more:
    /// it was put back to an earlier state.
    async fn compare(&self, tail: &dyn JournalTail) -> Result<bool, StoreError> {
        // What a topic has was committed before it is asked for here.
        let told: HashMap<_, _> = {
            let topics = lock(&self.topics);
            let newest = topics.iter().map(|(request, shared)| (*request, shared.topic().newest()));
            newest.filter(|(_, (head, _))| *head > 0).collect()
        };
        let events: Vec<_> = told.iter().map(|(request, (head, _))| (*request, *head)).collect();
        for some in events.chunks(COMPARED_MAX) {
            let found = tail.compare(some).await?;
            let is_there = |found: &Found| {
                told.get(&found.request).is_some_and(|(_, at)| *at == found.recorded_at)
            };
            if found.len() < some.len() || !found.iter().all(is_there) {
                return Ok(false);
            }
            let heads: Vec<_> = found.iter().map(|found| (found.request, found.head)).collect();
            self.catch_up_all(&heads).await?;
        }
        Ok(!self.was_put_back.load(Ordering::Relaxed))
    }

    /// Says that everything below `horizon` was delivered.
    fn reached(&self, horizon: &Horizon) {
        self.board.reached(horizon);
    }

    /// The journal that is seen is this one. If it was another one before, all that was told of that
    /// one is forgotten, and its readers begin anew.
    fn set_journal(&self, journal: &JournalEpoch, horizon: &Horizon) {
        if !self.renderer.set_journal(journal) {
            return;
        }
        self.was_put_back.store(false, Ordering::Relaxed);
        warn!("the journal is another one than before, as after a restore: readers begin anew");
        for (_, shared) in lock(&self.topics).drain() {
            shared.is_stale.store(true, Ordering::Relaxed);
            shared.announce(Announcement::Head);
        }
        self.board.begin_anew(horizon);
    }

    /// A write failed. When PostgreSQL takes none just now readers are told so at once: that it can be
    /// read says nothing.
    pub fn write_failed(&self, error: &StoreError) {
        if let Some(outage @ (Outage::ReadOnly | Outage::DiskFull)) = error.outage() {
            self.write_refused.store(true, Ordering::Relaxed);
            self.set_outage(Some(outage));
        }
    }

    /// What keeps PostgreSQL from taking writes: tried only after one was refused, until one is taken.
    async fn write_outage(&self) -> Option<Outage> {
        if !self.write_refused.load(Ordering::Relaxed) {
            return None;
        }
        let tried = self.store.try_write().await;
        let outage = tried.as_ref().err().and_then(StoreError::outage);
        if let (Err(error), None) = (&tried, outage) {
            warn!(error = ?error, "a write was tried, and failed otherwise than by an outage");
        }
        self.write_refused.store(outage.is_some(), Ordering::Relaxed);
        outage
    }

    /// What keeps the journal from being seen or going on, as far as is known.
    pub fn outage(&self) -> Option<Outage> {
        *self.outage.borrow()
    }

    /// Says what keeps the journal from being seen or going on; readers are told when that changes.
    fn set_outage(&self, outage: Option<Outage>) {
        self.outage.send_if_modified(|current| std::mem::replace(current, outage) != outage);
    }

    /// Forgets topics that nobody has watched for a while.
    fn sweep(&self) {
        self.board.sweep();
        lock(&self.hints).retain(|_, (at, _)| at.elapsed() < HINT_AGE_MAX);
        lock(&self.topics).retain(|_, shared| {
            // The map's own reference is one; a subscription holds another.
            Arc::strong_count(shared) > 1 || lock(&shared.used).elapsed() < TOPIC_IDLE_MAX
        });
    }
}

impl SharedTopic {
    fn new(request: RequestId) -> Self {
        let (announcements, _) = broadcast::channel(ANNOUNCEMENTS_MAX);
        Self {
            request,
            topic: Mutex::new(Topic::new(request)),
            announcements,
            loading: tokio::sync::Mutex::new(()),
            used: Mutex::new(Instant::now()),
            is_stale: AtomicBool::new(false),
            forecast: Mutex::default(),
        }
    }

    fn topic(&self) -> MutexGuard<'_, Topic> {
        lock(&self.topic)
    }

    fn accept(&self, events: &[RecordedEvent], renderer: &dyn FrameRenderer) {
        let mut topic = self.topic();
        let head = topic.head();
        for event in events {
            topic.accept(event, renderer);
        }
        let grown = topic.head() > head;
        drop(topic);
        if grown {
            self.announce(Announcement::Head);
        }
    }

    fn announce(&self, announcement: Announcement) {
        // An error only says that nobody listens.
        self.announcements.send(announcement).ok();
    }
}

/// A poisoned lock means that another thread panicked while it held it; each critical section here
/// leaves its value whole at every step, so it can still be used.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
