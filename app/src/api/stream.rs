//! The data of the stream's events (Server-Sent Events).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Progress, Request, Stage, StageState, Timestamp, Waiting};

/// The data of every numbered event: `stage`, `retry`, `resumed`, `undo`, `attempt`, `ready`, `failed`,
/// `cancelled`, `needs_attention`. A pure function of the journal up to `seq`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageEvent {
    /// The event's number within its request.
    pub seq: u32,
    /// The stored name of the journal's event.
    #[serde(rename = "type")]
    pub kind: String,
    /// The stage that it is about.
    pub stage: Stage,
    /// The state of that stage after it.
    pub state: StageState,
    /// When it was recorded.
    pub at: Timestamp,
    /// What vCenter is doing, for a person.
    pub details: Option<String>,
    /// The progress as of this event.
    pub progress: Progress,
}

/// The data of a numbered event on the board's stream: the same, with the request that it is about. A pure
/// function of the request's journal up to `seq`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BoardEvent {
    /// The request.
    pub request_id: Uuid,
    /// The event's number within its request.
    pub seq: u32,
    /// The stored name of the journal's event.
    #[serde(rename = "type")]
    pub kind: String,
    /// The stage that it is about.
    pub stage: Stage,
    /// The state of that stage after it.
    pub state: StageState,
    /// When it was recorded.
    pub at: Timestamp,
    /// What vCenter is doing, for a person.
    pub details: Option<String>,
    /// The request as of this event.
    pub request: Request,
    /// The progress as of this event.
    pub progress: Progress,
}

/// The data of `live`: what vCenter reports of a running task, and why one waits. Never stored, may be
/// dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// The stage that it is about.
    pub stage: Stage,
    /// vCenter's own percentage of its task, 0 to 100.
    pub percent: Option<u8>,
    /// In words.
    pub details: Option<String>,
    /// Why nothing moves, while vCenter is away; absent as soon as that is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
}

/// The data of `slow`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Slow {
    /// What to tell the person who waits.
    pub message: String,
    /// Milliseconds since the attempt started.
    pub elapsed_ms: u64,
}

/// The data of `degraded`: the server cannot see the journal just now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Degraded {
    /// Why, for a person.
    pub reason: String,
}

/// The data of `reset`: what the reader knows is not this journal; a `snapshot` follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reset {
    /// Why, for a person.
    pub reason: String,
}

/// The data of `ping` on the board's stream. Its id says where to go on from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BoardPing {
    /// Now, by the server's clock.
    pub server_time: Timestamp,
}

/// The data of `ping`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ping {
    /// Now, by the server's clock.
    pub server_time: Timestamp,
    /// The newest event's number.
    pub seq: u32,
}
