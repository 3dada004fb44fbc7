//! What a timeline is made of.

use chrono::{DateTime, Utc};

use crate::domain::event::Failure;
use crate::domain::stage::VmProvisioningStage;
use crate::domain::vm::VmStatus;

/// How many failed tries of an attempt are told: all of them, unless trouble came again and again, and a
/// bound for what that makes of one progress. The journal has all of them.
pub const TRIES_MAX: usize = 16;

/// An attempt that has ended and was followed by another. It keeps its times and its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// When a worker started it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// How it ended.
    pub outcome: VmStatus,
    /// Its stages.
    pub stages: [StageTimes; 6],
    /// The tries that failed and were repeated.
    pub tries: FailedTries,
    /// What was undone, in order.
    pub undo: Vec<Undo>,
    /// What could not be undone, by name.
    pub left: Vec<String>,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
}

/// One stage of the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageTimes {
    /// How far it is.
    pub state: StageState,
    /// The event that entered it.
    pub entered: Option<Mark>,
    /// The event that left it.
    pub left: Option<Mark>,
}

/// How far a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageState {
    /// Not reached yet.
    Pending,
    /// Being worked on.
    Active,
    /// Completed.
    Done,
    /// The attempt failed here.
    Failed,
    /// Never reached, since the attempt failed before.
    Skipped,
    /// Completed, and taken back.
    Undone,
}

/// A moment of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The event.
    pub seq: u32,
    /// When it was recorded.
    pub at: DateTime<Utc>,
}

/// A try that failed and will be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedTry {
    /// Which it was, from 1.
    pub number: u32,
    /// In which stage.
    pub stage: VmProvisioningStage,
    /// When it failed.
    pub at: DateTime<Utc>,
    /// Why, for a person.
    pub reason: String,
    /// When the next one begins.
    pub next_at: DateTime<Utc>,
}

/// The tries of an attempt that failed and were repeated: the newest of them, oldest first, at most
/// [`TRIES_MAX`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailedTries {
    /// The newest.
    pub newest: Vec<FailedTry>,
    /// How many were before them.
    pub before: u32,
}

impl FailedTries {
    pub(super) fn push(&mut self, failed: FailedTry) {
        if self.newest.len() == TRIES_MAX {
            self.newest.remove(0);
            self.before += 1;
        }
        self.newest.push(failed);
    }
}

/// How the work was taken up again after an interruption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumption {
    /// In which stage.
    pub stage: VmProvisioningStage,
    /// Whether what goes on is the undo.
    pub undoing: bool,
    /// Whether by the worker that was interrupted; else the service was restarted, or another server
    /// goes on.
    pub same_worker: bool,
    /// Whether the vCenter task that was in flight is waited for again.
    pub same_task: bool,
}

/// An interruption of the attempt, as it is remembered after the work went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interruption {
    /// When the work went on.
    pub at: DateTime<Utc>,
    /// Who went on, where and with what.
    pub how: Resumption,
}

impl Resumption {
    /// The same for a person.
    pub fn words(self) -> String {
        let who =
            if self.same_worker { "the work was interrupted" } else { "the service restarted" };
        let task = if self.same_task { ", same vCenter task" } else { "" };
        if self.undoing {
            format!("{who}, the undo goes on{task}")
        } else {
            format!("{who}, resumed at {}{task}", self.stage.label())
        }
    }
}

/// A step of the undo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// What is undone, in words.
    pub step: String,
    /// Whether it was done.
    pub done: bool,
    /// When.
    pub at: DateTime<Utc>,
}

impl StageTimes {
    pub(super) const PENDING: Self = Self { state: StageState::Pending, entered: None, left: None };

    /// Milliseconds from entering to leaving; `None` unless both have happened.
    pub fn duration_ms(&self) -> Option<u64> {
        Some(ms_between(self.entered?.at, self.left?.at))
    }
}

/// Whole milliseconds between two moments; 0 when the clock went backwards between them.
pub(super) fn ms_between(from: DateTime<Utc>, to: DateTime<Utc>) -> u64 {
    u64::try_from((to - from).num_milliseconds()).unwrap_or(0)
}
