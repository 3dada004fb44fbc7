//! The stream's messages, as read from `EventSource`.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::api::{Degraded, Estimate, Live, Ping, Progress, Slow, StageEvent};

/// Every event name that the page listens for: `EventSource` has no "any event".
pub(crate) const EVENT_NAMES: [&str; 16] = [
    "snapshot",
    "stage",
    "retry",
    "resumed",
    "undo",
    "attempt",
    "ready",
    "failed",
    "cancelled",
    "needs_attention",
    "live",
    "slow",
    "estimate",
    "degraded",
    "reset",
    "ping",
];

/// The id of a numbered event: `<epoch>.<seq>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct EventId {
    /// Which journal.
    pub(crate) epoch: String,
    /// The event's number within its request; on the list's stream the place to go on from.
    pub(crate) seq: u64,
}

impl EventId {
    /// Reads `<epoch>.<seq>`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (epoch, seq) = text.rsplit_once('.')?;
        Some(Self { epoch: epoch.to_owned(), seq: seq.parse().ok()? })
    }

    /// Whether one who knows `other` knows more, or something else.
    pub(crate) fn is_behind(&self, other: &Self) -> bool {
        self.epoch != other.epoch || self.seq < other.seq
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.seq)
    }
}

/// A message of the stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Message {
    /// The whole progress as of now.
    Snapshot {
        /// The newest event in it.
        id: EventId,
        /// The progress.
        progress: Box<Progress>,
    },
    /// An event of the journal.
    Numbered {
        /// Its id.
        id: EventId,
        /// Its data.
        event: Box<StageEvent>,
    },
    /// What vCenter reports of a running task.
    Live(Live),
    /// It takes longer than usual.
    Slow(Slow),
    /// A new estimate, or that there is none any more.
    Estimate(Option<Estimate>),
    /// The server cannot see the journal.
    Degraded(Degraded),
    /// What we know is not this journal; a snapshot follows.
    Reset,
    /// Nothing new.
    Ping(Ping),
}

impl Message {
    /// Reads a message. `None` for an event that this version does not know, and for one that it
    /// cannot read: a later server may say more than this page understands.
    pub(crate) fn parse(name: &str, id: &str, data: &str) -> Option<Self> {
        Some(match name {
            "snapshot" => {
                Self::Snapshot { id: EventId::parse(id)?, progress: Box::new(read(data)?) }
            }
            "stage" | "retry" | "resumed" | "undo" | "attempt" | "ready" | "failed"
            | "cancelled" | "needs_attention" => {
                Self::Numbered { id: EventId::parse(id)?, event: Box::new(read(data)?) }
            }
            "live" => Self::Live(read(data)?),
            "slow" => Self::Slow(read(data)?),
            "estimate" => Self::Estimate(read(data)?),
            "degraded" => Self::Degraded(read(data)?),
            "reset" => Self::Reset,
            "ping" => Self::Ping(read(data)?),
            _ => return None,
        })
    }

    /// Now by the server's clock, in milliseconds since 1970, in those messages that speak of now.
    pub(crate) fn server_time_ms(&self) -> Option<i64> {
        match self {
            Self::Snapshot { progress, .. } => Some(progress.server_time?.epoch_ms()),
            Self::Ping(ping) => Some(ping.server_time.epoch_ms()),
            Self::Numbered { .. }
            | Self::Live(_)
            | Self::Slow(_)
            | Self::Estimate(_)
            | Self::Degraded(_)
            | Self::Reset => None,
        }
    }
}

fn read<T: DeserializeOwned>(data: &str) -> Option<T> {
    serde_json::from_str(data).ok()
}
