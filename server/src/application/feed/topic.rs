//! The frames of one request, in order, and nothing else: a pure type.
//!
//! A topic accepts only head + 1. So its list never has a hole, and a reader that goes through it by
//! cursor sees every event once, in order.

use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::application::breaker::VcenterOutage;
use crate::domain::estimate::Estimate;
use crate::domain::event::RecordedEvent;
use crate::domain::ids::RequestId;
use crate::domain::ports::journal_tail::{Horizon, JournalEpoch};
use crate::domain::stage::VmProvisioningStage;
use crate::domain::timeline::Timeline;

/// Draws frames. A numbered frame depends on the journal up to its event and on nothing else.
pub trait FrameRenderer: Send + Sync + fmt::Debug {
    /// From now on frames are of this journal; whether they were of another one before. Never, where
    /// frames do not show which journal they are of.
    fn set_journal(&self, _journal: &JournalEpoch) -> bool {
        false
    }

    /// The frame of `event`, with the timeline as of it.
    fn frame(&self, timeline: &Timeline, event: &RecordedEvent) -> Frame;

    /// The same for the board, whose frames name the horizon to go on from.
    fn board(&self, timeline: &Timeline, event: &RecordedEvent, horizon: &Horizon) -> Bytes;

    /// The frame of what vCenter reports of a running task.
    fn live(
        &self,
        stage: VmProvisioningStage,
        percent: Option<u8>,
        details: Option<&str>,
    ) -> Unnumbered;

    /// The frame that says that a request waits for vCenter, which is away, or does so no more.
    fn outage(
        &self,
        timeline: &Timeline,
        outage: Option<&VcenterOutage>,
        now: DateTime<Utc>,
    ) -> Unnumbered;

    /// The frame of how long it will still take; a line of text only where a stage has become late.
    fn estimate(&self, told: &Estimate, became_late: bool, now: DateTime<Utc>) -> Unnumbered;
}

/// One event as its readers get it, rendered once for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The event's number.
    pub seq: u32,
    /// As a Server-Sent Event.
    pub sse: Bytes,
    /// As lines of plain text.
    pub text: Bytes,
}

/// An event without a number: true now, never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unnumbered {
    /// As a Server-Sent Event.
    pub sse: Bytes,
    /// As lines of plain text; empty for what is too fleeting for a line.
    pub text: Bytes,
}

/// What became of an event that was given to a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It was the next one.
    Appended,
    /// It was there already.
    Known,
    /// Others are missing before it: load the journal from the head.
    Gap,
}

/// The frames of one request so far.
#[derive(Debug)]
pub struct Topic {
    request: RequestId,
    timeline: Option<Timeline>,
    /// The frame of event n is at n - 1.
    frames: Vec<Frame>,
    /// When the newest one was recorded.
    newest_at: Option<DateTime<Utc>>,
    /// The highest number that was ever heard of.
    wanted: u32,
}

impl Topic {
    /// A topic that knows nothing yet.
    pub fn new(request: RequestId) -> Self {
        Self { request, timeline: None, frames: Vec::new(), newest_at: None, wanted: 0 }
    }

    /// The number of the newest frame; 0 when nothing is known.
    pub fn head(&self) -> u32 {
        self.timeline.as_ref().map_or(0, |timeline| timeline.seq)
    }

    /// The newest event's number, 0 when nothing is known, and when it was recorded.
    pub fn newest(&self) -> (u32, Option<DateTime<Utc>>) {
        (self.head(), self.newest_at)
    }

    /// The highest number that was heard of: above the head, something is missing.
    pub fn wanted(&self) -> u32 {
        self.wanted
    }

    /// The timeline as of the head.
    pub fn timeline(&self) -> Option<&Timeline> {
        self.timeline.as_ref()
    }

    /// Whether the newest event is the last one of the request.
    pub fn has_ended(&self) -> bool {
        self.timeline.as_ref().is_some_and(|timeline| timeline.status.has_ended())
    }

    /// The frames after the event with number `cursor`.
    pub fn frames_after(&self, cursor: u32) -> &[Frame] {
        let from = usize::try_from(cursor).unwrap_or(usize::MAX);
        self.frames.get(from..).unwrap_or_default()
    }

    /// Takes the next event, and only that.
    pub fn accept(&mut self, event: &RecordedEvent, renderer: &dyn FrameRenderer) -> Accepted {
        self.wanted = self.wanted.max(event.seq);
        if event.seq <= self.head() {
            return Accepted::Known;
        }
        if event.seq > self.head() + 1 {
            return Accepted::Gap;
        }
        match &mut self.timeline {
            Some(timeline) => timeline.apply(event),
            None => self.timeline = Timeline::begin(self.request, event),
        }
        let Some(timeline) = &self.timeline else { return Accepted::Gap };
        self.frames.push(renderer.frame(timeline, event));
        self.newest_at = Some(event.recorded_at);
        Accepted::Appended
    }
}

#[cfg(test)]
#[path = "topic_tests.rs"]
mod tests;
