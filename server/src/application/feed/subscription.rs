//! A reader of one topic: the topic and a cursor. It owns no queue.

use std::sync::Arc;

use tokio::sync::{broadcast, watch};

use super::topic::{Frame, Unnumbered};
use super::{Announcement, SharedTopic};
use crate::domain::timeline::Timeline;

/// One reader's place in a topic.
#[derive(Debug)]
pub struct Subscription {
    shared: Arc<SharedTopic>,
    announcements: broadcast::Receiver<Announcement>,
    degraded: watch::Receiver<Option<String>>,
    cursor: u32,
}

/// Why a reader was woken.
#[derive(Debug, Clone)]
pub enum News {
    /// There may be more frames.
    Frames,
    /// An unnumbered frame.
    Unnumbered(Arc<Unnumbered>),
    /// The journal cannot be seen any more, for this reason, or can be seen again.
    Degraded(Option<String>),
}

impl Subscription {
    pub(super) fn new(shared: Arc<SharedTopic>, degraded: watch::Receiver<Option<String>>) -> Self {
        let announcements = shared.announcements.subscribe();
        let mut degraded = degraded;
        if degraded.borrow().is_some() {
            // Who comes while the journal cannot be seen is told so too.
            degraded.mark_changed();
        }
        Self { shared, announcements, degraded, cursor: 0 }
    }

    pub(super) fn shared(&self) -> &SharedTopic {
        &self.shared
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
            Ok(()) = self.degraded.changed() => {
                News::Degraded(self.degraded.borrow_and_update().clone())
            }
        }
    }
}
