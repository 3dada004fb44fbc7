//! What is told live: one topic per request that somebody watches.
//!
//! A committed event goes to its topic at once ([`Feed::publish`]); what another server committed, or
//! what this one committed without ever getting the reply, is noticed by the tail ([`tail::run`]).
//! Readers take numbered frames only from the topic's own list, by cursor: a reader that was slow has
//! merely missed announcements, never a frame. Who watches all requests reads the [`board`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{broadcast, watch};

use crate::domain::event::RecordedEvent;
use crate::domain::ids::{RequestId, Viewer};
use crate::domain::ports::event_store::{EventStore, StoreError};
use crate::domain::ports::journal_tail::Horizon;
use crate::domain::stage::VmProvisioningStage;
use crate::domain::timeline::Timeline;

pub mod board;
pub mod log;
pub mod subscription;
pub mod tail;
pub mod topic;

pub use board::{Board, BoardNews, BoardReader, Taken};
pub use subscription::{News, Subscription};
pub use topic::{Accepted, Frame, FrameRenderer, Topic, Unnumbered};

/// How long a topic is kept after its last reader left: a page that reloads finds it again.
const TOPIC_IDLE_MAX: Duration = Duration::from_secs(60);

/// Announcements that a reader may be behind before it has missed some. A missed one costs nothing, a
/// missed `live` is out of date anyway.
const ANNOUNCEMENTS_MAX: usize = 16;

/// All topics of this server.
#[derive(Debug)]
pub struct Feed {
    store: Arc<dyn EventStore>,
    renderer: Arc<dyn FrameRenderer>,
    /// A std mutex: nothing is awaited while it is held.
    topics: Mutex<HashMap<RequestId, Arc<SharedTopic>>>,
    board: Arc<Board>,
    /// Why the journal cannot be seen just now, if it cannot.
    degraded: watch::Sender<Option<String>>,
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
        let (degraded, _) = watch::channel(None);
        let (topics, board) = (Mutex::new(HashMap::new()), Arc::new(Board::new()));
        Self { store, renderer, topics, board, degraded }
    }

    /// Gives committed events to their topic and to the board, if anybody watches them. Never waits.
    pub fn publish(&self, request: RequestId, events: &[RecordedEvent]) {
        self.board.publish(request, events, &*self.renderer);
        let Some(shared) = lock(&self.topics).get(&request).cloned() else { return };
        // A gap is closed by whoever loads the topic now, or by the next look at the journal's tail.
        shared.accept(events, &*self.renderer);
    }

    /// Tells what vCenter reports of a running task, to those who watch now.
    pub fn publish_live(
        &self,
        request: RequestId,
        stage: VmProvisioningStage,
        percent: Option<u8>,
        details: Option<&str>,
    ) {
        let Some(shared) = lock(&self.topics).get(&request).cloned() else { return };
        if shared.announcements.receiver_count() > 0 {
            let frame = Arc::new(self.renderer.live(stage, percent, details));
            shared.announce(Announcement::Unnumbered(frame));
        }
    }

    /// Watches a request. `None` when there is no such request.
    ///
    /// The topic is in the map before it loads, so an event committed in between is not missed.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the journal cannot be read.
    pub async fn subscribe(&self, request: RequestId) -> Result<Option<Subscription>, StoreError> {
        let shared = Arc::clone(
            lock(&self.topics)
                .entry(request)
                .or_insert_with(|| Arc::new(SharedTopic::new(request))),
        );
        *lock(&shared.used) = Instant::now();
        let subscription = Subscription::new(Arc::clone(&shared), self.degraded.subscribe());
        self.catch_up(&shared, 1).await?;
        if shared.topic().head() == 0 {
            // Nobody asked for this VM; a stream of made-up ids must not fill the map.
            lock(&self.topics).remove(&request);
            return Ok(None);
        }
        Ok(Some(subscription))
    }

    /// Watches all requests that this viewer may see, from now on.
    pub async fn board(&self, viewer: Viewer) -> BoardReader {
        BoardReader::new(Arc::clone(&self.board), viewer, self.degraded.subscribe()).await
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
            let head = {
                let topic = shared.topic();
                if !wanted(&topic) {
                    return Ok(());
                }
                topic.head()
            };
            let events = self.store.load(shared.request, head).await?;
            if events.is_empty() {
                return Ok(());
            }
            shared.accept(&events, &*self.renderer);
        }
    }

    /// Brings every watched topic of `heads` up to date, and the board.
    async fn take_heads(&self, heads: &[(RequestId, u32)]) -> Result<(), StoreError> {
        self.board.take_heads(heads, &*self.store, &*self.renderer).await?;
        for (request, seq) in heads {
            let shared = lock(&self.topics).get(request).cloned();
            if let Some(shared) = shared {
                self.catch_up(&shared, *seq).await?;
            }
        }
        Ok(())
    }

    /// Reads on in every watched topic: for the first look, which has no horizon to begin from.
    async fn refresh(&self) -> Result<(), StoreError> {
        let watched: Vec<_> = lock(&self.topics).values().cloned().collect();
        for shared in watched {
            let beyond = shared.topic().head() + 1;
            self.catch_up(&shared, beyond).await?;
        }
        Ok(())
    }

    /// Says that everything below `horizon` was delivered.
    fn reached(&self, horizon: &Horizon) {
        self.board.reached(horizon);
    }

    /// Says whether the journal can be seen; readers are told when that changes.
    fn set_degraded(&self, reason: Option<String>) {
        self.degraded.send_if_modified(|current| {
            let changed = current.is_some() != reason.is_some();
            *current = reason;
            changed
        });
    }

    /// Forgets topics that nobody has watched for a while.
    fn sweep(&self) {
        self.board.sweep();
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
