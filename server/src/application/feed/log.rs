//! What has happened to all requests lately, in the order in which it became known, and nothing else: a
//! pure type.
//!
//! Each request's frames are in the order of their numbers, with no hole from the first one on that is
//! in the log. A frame may come twice, never too late: every event below a frame's horizon stands before
//! that frame, so whoever goes on from the horizon of the last frame that it saw misses nothing.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use super::topic::{Accepted, FrameRenderer};
use crate::domain::event::RecordedEvent;
use crate::domain::ids::{Owner, RequestId};
use crate::domain::ports::journal_tail::Horizon;
use crate::domain::timeline::Timeline;

/// How many frames are kept. At 50 events a second a reader may be 40 s behind; one that is further
/// behind reads the journal.
pub const LOG_FRAMES_MAX: usize = 2_048;

/// How many bytes of frames are kept: a request that was tried again a hundred times has large ones.
pub const LOG_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How many requests are followed at once, each with its timeline of some 2 KiB. Beyond, those that have
/// ended are forgotten, then all; a request that was forgotten is read again, and told again.
pub const FOLLOWED_MAX: usize = 16_384;

/// One event of one request as the readers of the board get it, rendered once for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardFrame {
    /// Whose request it is.
    pub owner: Owner,
    /// The request.
    pub request: RequestId,
    /// The event's number.
    pub seq: u32,
    /// As a Server-Sent Event.
    pub sse: Bytes,
}

/// What a reader of the log finds after its cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After<'log> {
    /// These frames, and the cursor after them.
    Frames(Vec<&'log BoardFrame>, u64),
    /// Frames that the reader has not seen are not kept any more: read the journal.
    Missed,
}

/// The newest frames of all requests.
#[derive(Debug)]
pub struct BoardLog {
    frames: VecDeque<BoardFrame>,
    /// The place of the first frame that is kept; places only ever grow.
    first: u64,
    bytes: usize,
    /// The requests that something was heard of, as of their newest frame.
    followed: HashMap<RequestId, Timeline>,
    /// Everything below it is in the log, or was before the log began.
    horizon: Horizon,
}

impl BoardLog {
    /// An empty log that begins at this horizon.
    pub fn new(horizon: Horizon) -> Self {
        Self { frames: VecDeque::new(), first: 0, bytes: 0, followed: HashMap::new(), horizon }
    }

    /// Where a reader begins that comes now.
    pub fn end(&self) -> u64 {
        self.first + self.frames.len() as u64
    }

    /// Everything below it is in the log, or was before the log began.
    pub fn horizon(&self) -> &Horizon {
        &self.horizon
    }

    /// Says that everything below `horizon` is in the log.
    pub fn reached(&mut self, horizon: &Horizon) {
        self.horizon = horizon.clone();
    }

    /// The number of the newest event that is known of a request; 0 when nothing is.
    pub fn head(&self, request: RequestId) -> u32 {
        self.followed.get(&request).map_or(0, |timeline| timeline.seq)
    }

    /// Takes the next event of a request, and only that.
    pub fn accept(
        &mut self,
        request: RequestId,
        event: &RecordedEvent,
        renderer: &dyn FrameRenderer,
    ) -> Accepted {
        let head = self.head(request);
        if event.seq <= head {
            return Accepted::Known;
        }
        if event.seq > head + 1 {
            return Accepted::Gap;
        }
        match self.followed.get_mut(&request) {
            Some(timeline) => timeline.apply(event),
            None => {
                let Some(timeline) = Timeline::begin(request, event) else { return Accepted::Gap };
                self.make_room();
                self.followed.insert(request, timeline);
            }
        }
        let Some(timeline) = self.followed.get(&request) else { return Accepted::Gap };
        let frame = BoardFrame {
            owner: timeline.owner.clone(),
            request,
            seq: event.seq,
            sse: renderer.board(timeline, event, &self.horizon),
        };
        self.push(frame);
        Accepted::Appended
    }

    /// The frames after a reader's cursor.
    pub fn after(&self, cursor: u64) -> After<'_> {
        let Some(skip) = cursor.checked_sub(self.first) else { return After::Missed };
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        After::Frames(self.frames.iter().skip(skip).collect(), self.end())
    }

    /// Forgets everything but the places, so that no cursor of before is taken for one of now.
    pub fn clear(&mut self) {
        self.first = self.end();
        self.frames = VecDeque::new();
        self.followed = HashMap::new();
        self.bytes = 0;
    }

    fn push(&mut self, frame: BoardFrame) {
        self.bytes += frame.sse.len();
        self.frames.push_back(frame);
        while self.frames.len() > LOG_FRAMES_MAX
            || (self.bytes > LOG_BYTES_MAX && self.frames.len() > 1)
        {
            let Some(oldest) = self.frames.pop_front() else { return };
            self.bytes -= oldest.sse.len();
            self.first += 1;
        }
    }

    fn make_room(&mut self) {
        if self.followed.len() < FOLLOWED_MAX {
            return;
        }
        self.followed.retain(|_, timeline| !timeline.status.has_ended());
        if self.followed.len() >= FOLLOWED_MAX {
            self.followed.clear();
        }
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
