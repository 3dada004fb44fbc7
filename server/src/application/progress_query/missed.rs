//! Following all requests: what a reader of the board has missed while it was away.

use std::collections::HashMap;

use bytes::Bytes;

use super::ProgressQuery;
use crate::application::feed::BoardReader;
use crate::domain::ids::{RequestId, Viewer};
use crate::domain::ports::event_store::StoreError;
use crate::domain::ports::journal_tail::Horizon;
use crate::domain::ports::progress::Since;
use crate::domain::timeline::Timeline;

/// How many events a reader of the board that comes back is told again: some 3 MiB, and more than happens
/// in a minute's outage. One that has missed more reads the list anew, which is less.
const MISSED_EVENTS_MAX: u32 = 1_000;

/// How many transactions before its horizon a reader is told again. After a crash PostgreSQL may give a
/// number again that only a transaction had which came to nothing, and horizons were told above it.
const OVERLAP_TRANSACTIONS: u64 = 64;

/// What a reader of the board has missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missed {
    /// These frames, each request's in order; some of them it may have had.
    Frames(Vec<Bytes>),
    /// More than is told again: it must read the list anew.
    TooMuch,
    /// It has seen more than there is: that was another journal.
    Unknown,
}

impl ProgressQuery {
    /// Watches all requests that this viewer may see, from now on.
    pub async fn board(&self, viewer: &Viewer) -> BoardReader {
        self.feed.board(viewer.clone()).await
    }

    /// Where to go on from for whoever reads the list of requests after this.
    pub async fn horizon(&self) -> Horizon {
        self.feed.horizon().await
    }

    /// What a reader of the board has missed that saw everything below `horizon`: it goes to the end of
    /// the log first, so that nothing falls in between.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn missed(
        &self,
        viewer: &Viewer,
        reader: &mut BoardReader,
        horizon: &Horizon,
    ) -> Result<Missed, StoreError> {
        reader.go_to_end();
        let from = horizon.earlier_by(OVERLAP_TRANSACTIONS);
        let events = match self.repository.events_since(viewer, &from, MISSED_EVENTS_MAX).await? {
            Since::Events(events) => events,
            Since::TooMany => return Ok(Missed::TooMuch),
            Since::Beyond => return Ok(Missed::Unknown),
        };
        let mut wanted: HashMap<RequestId, u32> = HashMap::new();
        for (request, seq) in events {
            // From the first one on: a request's events have no hole.
            wanted.entry(request).or_insert(seq);
        }
        let requests: Vec<RequestId> = wanted.keys().copied().collect();
        let mut frames = Vec::new();
        for (request, events) in self.repository.journals(&requests).await? {
            let Some((first, rest)) = events.split_first() else { continue };
            let Some(mut timeline) = Timeline::begin(request, first) else { continue };
            if !viewer.may_see(&timeline.owner) {
                continue;
            }
            let from = wanted.get(&request).copied().unwrap_or_default();
            for (index, event) in std::iter::once(first).chain(rest).enumerate() {
                if index > 0 {
                    timeline.apply(event);
                }
                if event.seq >= from {
                    frames.push(self.feed.board_frame(&timeline, event, horizon));
                }
            }
        }
        Ok(Missed::Frames(frames))
    }
}
