//! Frames: the bytes of one event, rendered once for all its readers.
//!
//! A numbered frame is a pure function of the journal's rows up to its number: the same bytes from every
//! server, after every restart, for ever.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use app::api;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{convert, text};
use crate::application::breaker::VcenterOutage;
use crate::application::feed::{Frame, FrameRenderer, Unnumbered};
use crate::domain::estimate::Estimate;
use crate::domain::event::RecordedEvent;
use crate::domain::ports::journal_tail::{Horizon, JournalEpoch};
use crate::domain::stage::VmProvisioningStage;
use crate::domain::timeline::Timeline;

/// The identity of the journal, known once PostgreSQL has been asked. It changes when a backup is
/// restored under a running server.
#[derive(Debug, Clone, Default)]
pub struct Epoch(Arc<RwLock<Option<JournalEpoch>>>);

impl Epoch {
    /// Sets the epoch; whether there was another one before. Nothing is served before the first.
    pub fn set(&self, epoch: &JournalEpoch) -> bool {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.replace(epoch.clone()).is_some_and(|before| before != *epoch)
    }

    /// Whether this is what stands before the number in event ids.
    pub fn is(&self, text: &str) -> bool {
        self.get().is_some_and(|epoch| epoch.0 == text)
    }

    /// The id of an event of the board: where to go on from.
    pub fn board_id(&self, horizon: &Horizon) -> String {
        self.before(&horizon.0)
    }

    /// An event's id.
    pub fn id(&self, seq: u32) -> String {
        self.before(&seq)
    }

    fn before(&self, place: &dyn fmt::Display) -> String {
        let epoch = self.get();
        format!("{}.{place}", epoch.as_ref().map_or("unknown", |epoch| epoch.0.as_str()))
    }

    fn get(&self) -> Option<JournalEpoch> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Draws frames as the protocol says.
#[derive(Debug)]
pub struct ProtocolFrames {
    epoch: Epoch,
}

impl ProtocolFrames {
    /// Frames whose ids carry this epoch.
    pub fn new(epoch: Epoch) -> Self {
        Self { epoch }
    }
}

impl FrameRenderer for ProtocolFrames {
    fn set_journal(&self, journal: &JournalEpoch) -> bool {
        self.epoch.set(journal)
    }

    fn frame(&self, timeline: &Timeline, event: &RecordedEvent) -> Frame {
        let data = convert::stage_event(timeline, event);
        let name = convert::event_name(&event.event);
        Frame {
            seq: event.seq,
            sse: sse(name, Some(&self.epoch.id(event.seq)), &data),
            text: text::lines(timeline, event).into(),
        }
    }

    fn board(&self, timeline: &Timeline, event: &RecordedEvent, horizon: &Horizon) -> Bytes {
        let data = convert::board_event(timeline, event);
        sse(convert::event_name(&event.event), Some(&self.epoch.board_id(horizon)), &data)
    }

    fn live(
        &self,
        stage: VmProvisioningStage,
        percent: Option<u8>,
        details: Option<&str>,
    ) -> Unnumbered {
        let stage = convert::stage(stage);
        let details = details.map(str::to_owned);
        let live = api::Live { stage, percent, details, waiting: None };
        Unnumbered { sse: sse("live", None, &live), text: Bytes::new() }
    }

    fn estimate(&self, told: &Estimate, became_late: bool, now: DateTime<Utc>) -> Unnumbered {
        let text = if became_late { text::late_line(now, told).into() } else { Bytes::new() };
        Unnumbered { sse: sse("estimate", None, &convert::estimate(told)), text }
    }

    fn outage(
        &self,
        timeline: &Timeline,
        outage: Option<&VcenterOutage>,
        now: DateTime<Utc>,
    ) -> Unnumbered {
        outage_frame(timeline, outage, now)
    }
}

/// The frame that says that a request waits for vCenter, which is away, or does so no more.
pub fn outage_frame(
    timeline: &Timeline,
    outage: Option<&VcenterOutage>,
    now: DateTime<Utc>,
) -> Unnumbered {
    let live = api::Live {
        stage: convert::stage(timeline.current_stage),
        percent: None,
        details: outage.map(|outage| text::vcenter_outage(outage, now)),
        waiting: outage.map(|outage| convert::waiting_for_vcenter(timeline, outage, now)),
    };
    Unnumbered { sse: sse("live", None, &live), text: text::vcenter_line(outage, now).into() }
}

/// One Server-Sent Event. JSON has no line break in it, so `data` is always one line.
pub fn sse(name: &str, id: Option<&str>, data: &impl Serialize) -> Bytes {
    // The wire types are plain data: serialising them cannot fail.
    let data = serde_json::to_string(data).unwrap_or_default();
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("event: {name}\n{id}data: {data}\n\n").into()
}
