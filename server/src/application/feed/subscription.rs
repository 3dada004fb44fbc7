//! A reader of one topic: the topic and a cursor. It owns no queue.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{broadcast, watch};

use super::topic::{Frame, Unnumbered};
use super::{Announcement, SharedTopic, lock};
use crate::domain::ids::RequestId;
use crate::domain::ports::event_store::Outage;
use crate::domain::timeline::Timeline;

/// One reader's place in a topic.
#[derive(Debug)]
pub struct Subscription {
    shared: Arc<SharedTopic>,
    announcements: broadcast::Receiver<Announcement>,
    outage: watch::Receiver<Option<Outage>>,
    cursor: u32,
}

/// Why a reader was woken.
#[derive(Debug, Clone)]
pub enum News {
    /// There may be more frames.
    Frames,
    /// An unnumbered frame.
    Unnumbered(Arc<Unnumbered>),
    /// The journal cannot be seen or does not go on, for this reason; or it does again.
    Degraded(Option<Outage>),
}

impl Subscription {
    pub(super) fn new(shared: Arc<SharedTopic>, outage: watch::Receiver<Option<Outage>>) -> Self {
        let announcements = shared.announcements.subscribe();
        let mut outage = outage;
        if outage.borrow().is_some() {
            // Who comes meanwhile is told so too.
            outage.mark_changed();
        }
        Self { shared, announcements, outage, cursor: 0 }
    }

    pub(super) fn shared(&self) -> &SharedTopic {
        &self.shared
    }

    /// The request that is watched.
    pub fn request(&self) -> RequestId {
        self.shared.request
    }

    /// What keeps the journal from being seen, or from going on, just now.
    pub fn outage(&self) -> Option<Outage> {
        *self.outage.borrow()
    }

    /// Whether the journal turned out to be another one than this subscription was made of: it gets
    /// nothing more, and another one has to be made.
    pub fn is_stale(&self) -> bool {
        self.shared.is_stale.load(Ordering::Relaxed)
    }

    /// The number of the newest event that the topic knows.
    pub fn head(&self) -> u32 {
        self.shared.topic().head()
    }

    /// Goes on after the event with this number.
    pub fn seek(&mut self, seq: u32) {
        self.cursor = seq;
    }

    /// The number of the event this reader has seen last.
    pub fn cursor(&self) -> u32 {
        self.cursor
    }

    /// The timeline as of the topic's newest event; the reader goes on after that one.
    ///
    /// Both are read under one lock, so nothing falls between snapshot and first frame.
    pub fn snapshot(&mut self) -> Option<Timeline> {
        let timeline = self.shared.topic().timeline().cloned();
        if let Some(timeline) = &timeline {
            self.cursor = timeline.seq;
        }
        timeline
    }

    /// The timeline as of the topic's newest event; the cursor stays.
    pub fn peek(&self) -> Option<Timeline> {
        self.shared.topic().timeline().cloned()
    }

    /// The frames after the cursor, and whether the last of them ends the request. Moves the cursor.
    pub fn take(&mut self) -> (Vec<Frame>, bool) {
        let topic = self.shared.topic();
        let frames = topic.frames_after(self.cursor).to_vec();
        let ended = topic.has_ended();
        drop(topic);
        if let Some(last) = frames.last() {
            self.cursor = last.seq;
        }
        (frames, ended)
    }

    /// Has the time that is left told anew: this reader may have missed what was told of it.
    pub fn miss_estimate(&self) {
        lock(&self.shared.forecast).forget();
    }

    /// Waits for news.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped: frames are taken by cursor.
    pub async fn news(&mut self) -> News {
        tokio::select! {
            announcement = self.announcements.recv() => match announcement {
                Ok(Announcement::Unnumbered(frame)) => News::Unnumbered(frame),
                // Lagged: announcements were missed, frames were not. Closed cannot be: we hold the sender.
                Ok(Announcement::Head) | Err(_) => News::Frames,
            },
            Ok(()) = self.outage.changed() => News::Degraded(*self.outage.borrow_and_update()),
        }
    }
}
