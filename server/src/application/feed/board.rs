//! The board: what happens to all requests, for those who watch them all.
//!
//! One log for this server, filled while anybody reads it. A reader is a cursor into it; one that comes
//! back, or that was too slow for the log, reads what it missed from the journal, by the horizon of the
//! last frame that it saw.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;

use super::log::{After, BoardLog};
use super::topic::FrameRenderer;
use super::{lock, tail};
use crate::domain::event::RecordedEvent;
use crate::domain::ids::{RequestId, Viewer};
use crate::domain::ports::event_store::{EventStore, Outage, StoreError};
use crate::domain::ports::journal_tail::Horizon;

/// How long the log is filled after its last reader left: a page that reloads finds it again.
const BOARD_IDLE_MAX: Duration = Duration::from_secs(60);

/// The log, and what its readers share.
#[derive(Debug)]
pub struct Board {
    /// A std mutex: nothing is awaited while it is held. `None` until the journal's end is known.
    state: Mutex<Option<State>>,
    /// Announces every frame; the number itself says nothing.
    announcements: watch::Sender<u64>,
    /// Whether the journal's end is known.
    begun: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    log: BoardLog,
    /// When somebody read last; `None` while the log is not filled.
    used: Option<Instant>,
    /// How often the journal turned out to be another one.
    journals: u64,
}

impl State {
    fn new(horizon: Horizon) -> Self {
        Self { log: BoardLog::new(horizon), used: None, journals: 0 }
    }
}

impl Board {
    pub(super) fn new() -> Self {
        let ((announcements, _), (begun, _)) = (watch::channel(0), watch::channel(false));
        Self { state: Mutex::new(None), announcements, begun }
    }

    /// Gives committed events to the log, if anybody reads it. Never waits; where others are missing
    /// before them, the next look at the journal's tail finds them all.
    pub(super) fn publish(
        &self,
        request: RequestId,
        events: &[RecordedEvent],
        renderer: &dyn FrameRenderer,
    ) {
        let mut state = lock(&self.state);
        let Some(state) = state.as_mut().filter(|state| state.used.is_some()) else { return };
        let end = state.log.end();
        for event in events {
            state.log.accept(request, event, renderer);
        }
        let grown = state.log.end();
        if grown > end {
            self.announcements.send_replace(grown);
        }
    }

    /// Brings the log up to date with what a look at the journal's tail has found.
    pub(super) async fn take_heads(
        &self,
        heads: &[(RequestId, u32)],
        store: &dyn EventStore,
        renderer: &dyn FrameRenderer,
    ) -> Result<(), StoreError> {
        for (request, seq) in heads {
            let Some(head) = self.head(*request) else { return Ok(()) };
            if head < *seq {
                let loaded = store.load(*request, head).await;
                let told = loaded.map(|events| self.publish(*request, &events, renderer));
                tail::alone(*request, told)?;
            }
        }
        Ok(())
    }

    /// Says that everything below `horizon` was given to the log.
    pub(super) fn reached(&self, horizon: &Horizon) {
        lock(&self.state).get_or_insert_with(|| State::new(horizon.clone())).log.reached(horizon);
        self.begun.send_replace(true);
    }

    /// The journal is another one than before: nothing in the log is true any more.
    pub(super) fn begin_anew(&self, horizon: &Horizon) {
        let mut state = lock(&self.state);
        let Some(state) = state.as_mut() else { return };
        state.log.clear();
        state.log.reached(horizon);
        state.journals += 1;
        self.announcements.send_replace(state.log.end());
    }

    /// Stops filling the log when nobody has read it for a while.
    pub(super) fn sweep(&self) {
        let mut state = lock(&self.state);
        let Some(state) = state.as_mut() else { return };
        let is_read = self.announcements.receiver_count() > 0;
        match state.used {
            Some(_) if is_read => state.used = Some(Instant::now()),
            Some(used) if used.elapsed() > BOARD_IDLE_MAX => {
                state.log.clear();
                state.used = None;
            }
            _ => {}
        }
    }

    /// Everything below it is committed, and seen by whoever asks PostgreSQL from now on. Waits until
    /// the journal was looked at once.
    pub async fn horizon(&self) -> Horizon {
        // Cannot fail: the sender is ours.
        self.begun.subscribe().wait_for(|begun| *begun).await.ok();
        let state = lock(&self.state);
        state.as_ref().map_or_else(Horizon::beginning, |state| state.log.horizon().clone())
    }

    /// The number of the newest event that the log knows of a request; `None` while it is not filled.
    fn head(&self, request: RequestId) -> Option<u32> {
        let state = lock(&self.state);
        let state = state.as_ref().filter(|state| state.used.is_some())?;
        Some(state.log.head(request))
    }

    /// The log's end, from which on it is filled, and its horizon.
    fn join(&self) -> Place {
        let mut state = lock(&self.state);
        let state = state.get_or_insert_with(|| State::new(Horizon::beginning()));
        state.used = Some(Instant::now());
        let (cursor, horizon) = (state.log.end(), state.log.horizon().clone());
        Place { cursor, horizon, journals: state.journals }
    }
}

/// Where a reader is in the log.
#[derive(Debug)]
struct Place {
    cursor: u64,
    horizon: Horizon,
    journals: u64,
}

/// One reader's place in the log.
#[derive(Debug)]
pub struct BoardReader {
    board: Arc<Board>,
    viewer: Viewer,
    announcements: watch::Receiver<u64>,
    outage: watch::Receiver<Option<Outage>>,
    place: Place,
}

/// What a reader takes from the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// These frames, oldest first.
    Frames(Vec<Bytes>),
    /// The log does not go back so far: read the journal from the horizon.
    Missed,
    /// The journal is another one than before: what was read of it is no longer true.
    OtherJournal,
}

/// Why a reader of the board was woken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoardNews {
    /// There may be more frames.
    Frames,
    /// The journal cannot be seen or does not go on, or it does again.
    Degraded,
}

impl BoardReader {
    pub(super) async fn new(
        board: Arc<Board>,
        viewer: Viewer,
        mut outage: watch::Receiver<Option<Outage>>,
    ) -> Self {
        board.horizon().await;
        // Before the place is taken, so that the log counts this reader.
        let announcements = board.announcements.subscribe();
        let place = board.join();
        if outage.borrow().is_some() {
            // Who comes meanwhile is told so too.
            outage.mark_changed();
        }
        Self { board, viewer, announcements, outage, place }
    }

    /// Where to go on from.
    pub fn horizon(&self) -> &Horizon {
        &self.place.horizon
    }

    /// What keeps the journal from being seen, or from going on, just now.
    pub fn outage(&self) -> Option<Outage> {
        *self.outage.borrow()
    }

    /// Goes to the end of the log. What is not in the journal after this will be in the log.
    pub fn go_to_end(&mut self) {
        self.place = self.board.join();
    }

    /// The frames after the cursor that the viewer may see. Moves the cursor.
    pub fn take(&mut self) -> Taken {
        let state = lock(&self.board.state);
        let Some(state) = state.as_ref() else { return Taken::Frames(Vec::new()) };
        if state.journals != self.place.journals {
            return Taken::OtherJournal;
        }
        match state.log.after(self.place.cursor) {
            After::Missed => Taken::Missed,
            After::Frames(frames, cursor) => {
                // The cursor is at the log's end now, so everything below the log's horizon is taken.
                self.place.horizon = state.log.horizon().clone();
                self.place.cursor = cursor;
                let mine = frames.iter().filter(|frame| self.viewer.may_see(&frame.owner));
                Taken::Frames(mine.map(|frame| frame.sse.clone()).collect())
            }
        }
    }

    /// Waits for news.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped: frames are taken by cursor.
    pub async fn news(&mut self) -> BoardNews {
        tokio::select! {
            // An error cannot be: we hold the sender.
            _ = self.announcements.changed() => BoardNews::Frames,
            Ok(()) = self.outage.changed() => {
                self.outage.mark_unchanged();
                BoardNews::Degraded
            }
        }
    }
}
