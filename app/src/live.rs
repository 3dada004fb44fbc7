//! What the page of one request knows, kept true by the request's stream.
//!
//! [`LiveState`] starts as what the server rendered and takes every message by one pure function, so
//! it can be tested without a browser. Two things hold: an event is taken once and in order, whatever
//! a connection repeats; and nothing is ever invented here that the server did not say.
//!
//! The browser's side is thin: `connection` owns the `EventSource` of this page, and of the list's,
//! [`keeper::Keeper`] decides when to open it again, [`share::Follower`] whether another tab's is enough,
//! `places` whether there is room for it, and [`clock::ServerClock`] says what time it is over there.

#[cfg(feature = "hydrate")]
mod again;
mod clock;
#[cfg(feature = "hydrate")]
mod connection;
mod keeper;
mod message;
#[cfg(feature = "hydrate")]
mod places;
mod share;
#[cfg(feature = "hydrate")]
mod vm;
mod watch;

#[cfg(test)]
mod tests;

#[cfg(feature = "hydrate")]
pub(crate) use again::notice_retry;
#[cfg(feature = "hydrate")]
pub(crate) use clock::ServerClock;
#[cfg(feature = "hydrate")]
pub(crate) use connection::{Answer, Asking, Heard, Page, Signs, connect, keep_true};
pub(crate) use keeper::Link;
pub(crate) use message::{EventId, Message};
#[cfg(feature = "hydrate")]
pub(crate) use share::Said;
#[cfg(feature = "hydrate")]
pub(crate) use vm::ask_for_vm;
pub(crate) use watch::Watch;

use crate::{
    api::{Live, Progress, Slow, StageEvent, Timestamp, Waiting, WaitingFor},
    backend::RequestDetail,
};

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is part of the state now.
    Taken,
    /// It was known already, or says nothing to this page.
    Ignored,
    /// An event before it is missing: the connection must be opened again from the last known one.
    Gap,
}

/// What is known of one request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LiveState {
    /// How far it is.
    pub(crate) progress: Progress,
    /// When the progress's estimate was true, in milliseconds of the server's clock.
    pub(crate) estimate_as_of_ms: i64,
    /// What vCenter reports of the running task; only ever about the current stage.
    pub(crate) hint: Option<Live>,
    /// Why the server cannot see the journal just now.
    pub(crate) degraded: Option<String>,
    /// The newest event that is known, to go on from.
    last: EventId,
    /// The server said that what we know is not its journal, and a snapshot follows.
    awaits_snapshot: bool,
}

impl LiveState {
    /// The state that the server rendered.
    pub(crate) fn new(detail: &RequestDetail) -> Self {
        let progress = detail.progress.clone();
        Self {
            estimate_as_of_ms: progress.server_time.map_or(0, Timestamp::epoch_ms),
            last: EventId::parse(&detail.last_event_id)
                .unwrap_or_else(|| EventId { epoch: String::new(), seq: progress.seq.into() }),
            progress,
            hint: None,
            degraded: detail.degraded.clone(),
            awaits_snapshot: false,
        }
    }

    /// What was known just after an event.
    pub(crate) fn of_past(event: &StageEvent) -> Self {
        Self {
            progress: event.progress.clone(),
            estimate_as_of_ms: event.at.epoch_ms(),
            hint: None,
            degraded: None,
            last: EventId { epoch: String::new(), seq: event.seq.into() },
            awaits_snapshot: false,
        }
    }

    /// The id to go on from.
    pub(crate) fn last_event_id(&self) -> String {
        self.last.to_string()
    }

    /// Whether another tab that knows `last` knows more.
    pub(crate) fn is_behind(&self, last: &EventId) -> bool {
        self.last.is_behind(last)
    }

    /// Whether nothing more will come.
    pub(crate) fn has_ended(&self) -> bool {
        self.progress.status.has_ended()
    }

    /// Whether it waits for a worker, and the server can say behind how many.
    pub(crate) fn is_in_queue(&self) -> bool {
        let waits = |waiting: &Waiting| waiting.waiting_for == WaitingFor::Worker;
        self.degraded.is_none() && self.progress.waiting.as_ref().is_some_and(waits)
    }

    /// Takes one message, heard at `now_ms` of the server's clock.
    pub(crate) fn apply(&mut self, message: Message, now_ms: i64) -> Outcome {
        match message {
            Message::Numbered { id, event } => return self.numbered(id, *event),
            Message::Snapshot { id, progress } => return self.snapshot(id, *progress, now_ms),
            Message::Live(live) => {
                if live.stage != self.progress.current_stage || self.has_ended() {
                    return Outcome::Ignored;
                }
                // A task of vCenter's runs: what was waited for until now is there.
                let is_over = |waiting: &Waiting| {
                    waiting.waiting_for == WaitingFor::Vcenter
                        || waiting.next_at.is_some_and(|at| at.epoch_ms() <= now_ms)
                };
                if live.waiting.is_some() || self.progress.waiting.as_ref().is_some_and(is_over) {
                    self.progress.waiting.clone_from(&live.waiting);
                }
                self.hint = Some(live);
            }
            Message::Slow(Slow { message, .. }) => {
                self.progress.slow = !self.has_ended();
                self.progress.message = Some(message);
            }
            Message::Estimate(estimate) => {
                self.progress.estimate = estimate;
                self.estimate_as_of_ms = now_ms;
            }
            Message::Degraded(degraded) => self.degraded = Some(degraded.reason),
            Message::Reset => self.awaits_snapshot = true,
            Message::Ping(_) => self.degraded = None,
        }
        Outcome::Taken
    }

    fn numbered(&mut self, id: EventId, event: StageEvent) -> Outcome {
        if self.awaits_snapshot || id.epoch != self.last.epoch || id.seq <= self.last.seq {
            return Outcome::Ignored;
        }
        if id.seq != self.last.seq + 1 {
            return Outcome::Gap;
        }
        self.estimate_as_of_ms = event.at.epoch_ms();
        let mut progress = event.progress;
        // What is usual belongs to now, so it is not in what is numbered: it stays as it was told.
        for (stage, known) in progress.stages.iter_mut().zip(&self.progress.stages) {
            (stage.low_ms, stage.high_ms) = (known.low_ms, known.high_ms);
        }
        self.replace(id, progress);
        Outcome::Taken
    }

    fn snapshot(&mut self, id: EventId, progress: Progress, now_ms: i64) -> Outcome {
        let is_older = id.epoch == self.last.epoch && id.seq < self.last.seq;
        if is_older && !self.awaits_snapshot {
            return Outcome::Ignored;
        }
        self.awaits_snapshot = false;
        self.estimate_as_of_ms = progress.server_time.map_or(now_ms, Timestamp::epoch_ms);
        self.replace(id, progress);
        Outcome::Taken
    }

    fn replace(&mut self, id: EventId, progress: Progress) {
        let is_same_stage = progress.current_stage == self.progress.current_stage;
        self.hint = self.hint.take().filter(|_| is_same_stage && !progress.status.has_ended());
        self.degraded = None;
        self.last = id;
        self.progress = progress;
    }
}
