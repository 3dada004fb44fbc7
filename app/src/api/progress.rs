//! How far a request is.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Timestamp;

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Accepted, waiting for a worker.
    Queued,
    /// A worker is on it.
    Provisioning,
    /// It failed or was cancelled, and what was made is being removed.
    Undoing,
    /// The VM is there.
    Ready,
    /// It failed and nothing was left behind.
    Failed,
    /// A person cancelled it and nothing was left behind.
    Cancelled,
    /// It failed and something was left behind that a person must look at.
    NeedsAttention,
}

impl Status {
    /// Every status, in the order of a request's life.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Provisioning,
        Self::Undoing,
        Self::Ready,
        Self::Failed,
        Self::Cancelled,
        Self::NeedsAttention,
    ];

    /// The status in a person's words.
    pub fn label(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Provisioning => "Provisioning",
            Self::Undoing => "Undoing",
            Self::Ready => "Ready",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::NeedsAttention => "Needs attention",
        }
    }

    /// The word that the API uses, also as a filter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Provisioning => "provisioning",
            Self::Undoing => "undoing",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::NeedsAttention => "needs_attention",
        }
    }

    /// Whether nothing more happens by itself.
    pub fn has_ended(self) -> bool {
        match self {
            Self::Queued | Self::Provisioning | Self::Undoing => false,
            Self::Ready | Self::Failed | Self::Cancelled | Self::NeedsAttention => true,
        }
    }
}

/// A stage of a provisioning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Stage {
    /// Asked for, waiting for a worker.
    Created,
    /// Cloning from the template.
    Cloning,
    /// Applying CPUs, memory and guest customisation.
    Configuring,
    /// Powering on.
    PoweringOn,
    /// Waiting for the guest's address.
    WaitingForNetwork,
    /// The VM is there.
    Ready,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 6] = [
        Self::Created,
        Self::Cloning,
        Self::Configuring,
        Self::PoweringOn,
        Self::WaitingForNetwork,
        Self::Ready,
    ];
}

/// How far one request is: the body of `GET .../provisioning-progress`, and part of every frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The request.
    pub request_id: Uuid,
    /// Where it stands.
    pub status: Status,
    /// The number of the newest event that this progress knows.
    pub seq: u32,
    /// The stage that is active, failed, or was reached last.
    pub current_stage: Stage,
    /// What vCenter is doing in this stage, for a person.
    pub details: Option<String>,
    /// When a worker started this attempt.
    pub started_at: Option<Timestamp>,
    /// When this attempt ended.
    pub ended_at: Option<Timestamp>,
    /// Milliseconds from `startedAt` to now, or to `endedAt`; 0 before a worker started.
    pub elapsed_ms: u64,
    /// Now, by the server's clock. Absent in numbered frames, which do not speak of now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_time: Option<Timestamp>,
    /// All six stages, in order.
    pub stages: Vec<StageProgress>,
    /// How long it will still take; null when there is nothing to learn from, and after the end.
    pub estimate: Option<Estimate>,
    /// Whether it takes longer than `slowAfterMs`; false after the end.
    pub slow: bool,
    /// From how many milliseconds on it is slow.
    pub slow_after_ms: u64,
    /// What to tell the person who waits, if anything.
    pub message: Option<String>,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// Earlier attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// The newest tries of this attempt that failed and were repeated, oldest first; absent when there
    /// were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<Try>,
    /// How many failed tries were before those; absent when there were none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tries_before: u32,
    /// Why nothing moves just now, if nothing does.
    pub waiting: Option<Waiting>,
    /// The newest interruptions of this attempt, oldest first; absent when there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interruptions: Vec<Interruption>,
    /// What has been undone, in order.
    pub undo: Vec<UndoStep>,
    /// What could not be undone, by name.
    pub left: Vec<String>,
    /// Why it failed.
    pub failure: Option<Failure>,
}

/// One stage of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageProgress {
    /// Which stage.
    pub stage: Stage,
    /// The stage in a person's words.
    pub label: String,
    /// How far the stage is.
    pub state: StageState,
    /// When it was entered.
    pub started_at: Option<Timestamp>,
    /// When it was completed (or failed).
    pub completed_at: Option<Timestamp>,
    /// Milliseconds between both.
    pub duration_ms: Option<u64>,
    /// The median of the earlier durations that the estimate uses.
    pub typical_ms: Option<u64>,
    /// In nine cases of ten it does not take less than this. Known now, and so absent in numbered
    /// frames; after the end without what this request itself took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_ms: Option<u64>,
    /// In nine cases of ten it does not take more; likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_ms: Option<u64>,
}

/// How far a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageState {
    /// Not reached yet.
    Pending,
    /// Being worked on.
    Active,
    /// Completed.
    Done,
    /// The attempt failed here.
    Failed,
    /// Never reached, since the attempt ended before.
    Skipped,
    /// Completed, and taken back.
    Undone,
}

/// How long it will still take: also the data of the stream's `estimate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// Milliseconds still to go, as likely more as less.
    pub remaining_ms: u64,
    /// The 10th percentile; null in events from before there were ranges.
    pub low_ms: Option<u64>,
    /// The 90th percentile; likewise.
    pub high_ms: Option<u64>,
    /// How many finished requests it is learned from.
    pub samples: u32,
    /// Which ones.
    pub basis: Basis,
    /// The stage takes longer than 95 of 100 earlier ones did; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<Late>,
}

/// A stage that takes longer than it usually does at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Late {
    /// Which.
    pub stage: Stage,
    /// Milliseconds since it was entered.
    pub elapsed_ms: u64,
    /// The 95th percentile of the earlier durations, in milliseconds.
    pub up_to_ms: u64,
    /// How many earlier runs there are, when it is slower than every one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slower_than: Option<u32>,
    /// The same for a person, as of this moment.
    pub message: String,
}

/// Which finished requests an estimate is learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The same template and size.
    TemplateAndSize,
    /// The same template.
    Template,
    /// All templates.
    All,
}

/// An attempt that has ended and was followed by another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Its number, from 1.
    pub attempt: u32,
    /// When a worker started it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Status,
    /// Its stages.
    pub stages: Vec<StageProgress>,
    /// Its newest tries that failed and were repeated, oldest first; absent when there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<Try>,
    /// How many failed tries were before those; absent when there were none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tries_before: u32,
    /// What was undone, in order; absent when nothing was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undo: Vec<UndoStep>,
    /// What could not be undone, by name; absent when nothing was left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// Why it failed.
    pub failure: Option<Failure>,
}

/// A try that failed and was repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Try {
    /// Which, from 1.
    #[serde(rename = "try")]
    pub number: u32,
    /// In which stage.
    pub stage: Stage,
    /// When it failed.
    pub at: Timestamp,
    /// When the next one was to begin; it may begin earlier, once vCenter is back.
    pub next_at: Timestamp,
    /// Why, for a person.
    pub reason: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands in a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Why nothing moves just now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// What is waited for.
    #[serde(rename = "for")]
    pub waiting_for: WaitingFor,
    /// How many requests are before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<u32>,
    /// Which try comes next.
    #[serde(rename = "try", default, skip_serializing_if = "Option::is_none")]
    pub next_try: Option<u32>,
    /// When it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// Why, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitingFor {
    /// A free worker.
    Worker,
    /// The next try.
    Retry,
    /// vCenter.
    Vcenter,
    /// PostgreSQL.
    Database,
}

/// The work stopped and went on: a server was restarted, or another one took over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interruption {
    /// When it went on.
    pub at: Timestamp,
    /// Who went on, where, and whether with the same vCenter task, for a person.
    pub message: String,
}

/// One step of taking back what was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoStep {
    /// What is done, in words: `power off`, `delete VM`.
    pub step: String,
    /// How it went.
    pub state: UndoState,
    /// When.
    pub at: Timestamp,
}

/// How an undo step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UndoState {
    /// It is done.
    Done,
    /// It could not be done.
    Failed,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// In which stage.
    pub stage: Stage,
    /// A stable word, as `no_address`.
    pub code: String,
    /// What happened, for a person, in vCenter's own words where it gave some.
    pub reason: String,
    /// Whether the same request may succeed when it is tried again.
    pub retryable: bool,
}
