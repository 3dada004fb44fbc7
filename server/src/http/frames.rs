//! Frames: the bytes of one event, rendered once for all its readers.
//!
//! A numbered frame is a pure function of the journal's rows up to its number: the same bytes from every
//! server, after every restart, for ever.

use std::sync::{Arc, PoisonError, RwLock};

use app::api;
use bytes::Bytes;
use serde::Serialize;

use super::{convert, text};
use crate::application::feed::{Frame, FrameRenderer, Unnumbered};
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
        self.prefixed(&horizon.0)
    }

    /// An event's id.
    pub fn id(&self, seq: u32) -> String {
        self.prefixed(&seq.to_string())
    }

    fn prefixed(&self, number: &str) -> String {
        let epoch = self.get();
        format!("{}.{number}", epoch.as_ref().map_or("unknown", |epoch| epoch.0.as_str()))
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
        let live = api::Live { stage, percent, details: details.map(str::to_owned) };
        Unnumbered { sse: sse("live", None, &live) }
    }
}

/// One Server-Sent Event. JSON has no line break in it, so `data` is always one line.
pub fn sse(name: &str, id: Option<&str>, data: &impl Serialize) -> Bytes {
    // The wire types are plain data: serialising them cannot fail.
    let data = serde_json::to_string(data).unwrap_or_default();
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("event: {name}\n{id}data: {data}\n\n").into()
}
