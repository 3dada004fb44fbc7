//! The short words of the request's page: names of its parts, buttons, questions.

use super::{duration, elapsed};
use crate::api::{Attempt, WaitingFor};

/// The card.
pub(crate) const PROGRESS: &str = "Progress";
/// Its stepper.
pub(crate) const STAGES: &str = "Stages";
/// Before the moment at which the VM was asked for.
pub(crate) const ASKED_AT: &str = "asked at";
/// The way to the journal.
pub(crate) const HISTORY: &str = "History";
/// Where the work was interrupted.
pub(crate) const INTERRUPTIONS: &str = "Interruptions";
/// The attempts before this one.
pub(crate) const EARLIER_ATTEMPTS: &str = "Earlier attempts";

/// The buttons.
pub(crate) const ACTIONS: &str = "Actions";
/// Begins another attempt.
pub(crate) const TRY_AGAIN: &str = "Try again";
/// Ends this one.
pub(crate) const CANCEL: &str = "Cancel";
/// What is asked before.
pub(crate) const CANCEL_QUESTION: &str = "What was made of the VM so far is removed.";
/// The answer that does it.
pub(crate) const CANCEL_YES: &str = "Cancel the request";
/// Removes what could not be undone.
pub(crate) const REMOVE: &str = "Remove what is left";
/// What is asked before.
pub(crate) const REMOVE_QUESTION: &str = "The VM that was left behind is deleted.";
/// The answer that does it.
pub(crate) const REMOVE_YES: &str = "Remove it";

/// Said when the server names no words of its own.
pub(crate) const SLOW: &str = "Provisioning is taking longer than usual...";
/// What to do about it.
pub(crate) const SLOW_MEANING: &str = "It goes on by itself; this page will say when it is ready.";

/// Why nothing moves, as a title.
pub(crate) fn why_it_waits(waiting_for: WaitingFor) -> &'static str {
    match waiting_for {
        WaitingFor::Vcenter => "vCenter is not answering",
        WaitingFor::Database => "The database is not answering",
        WaitingFor::Retry | WaitingFor::Worker => "The last try failed",
    }
}

/// An earlier attempt and what became of it: `Attempt 1: Failed`.
pub(crate) fn attempt_name(attempt: &Attempt) -> String {
    format!("Attempt {}: {}", attempt.attempt, attempt.outcome.label())
}

/// Its lane.
pub(crate) fn stages_of_attempt(number: u32) -> String {
    format!("Stages of attempt {number}")
}

/// How far vCenter says that its task is.
pub(crate) fn task_percent(percent: u8) -> String {
    format!("vCenter's task is at {percent} %")
}

/// `usually 6.1 s`.
pub(crate) fn usually(ms: u64) -> String {
    format!("usually {}", duration(ms))
}

/// `48 s so far`.
pub(crate) fn so_far(ms: u64) -> String {
    format!("{} so far", elapsed(ms))
}

/// `after 5 min`.
pub(crate) fn after(ms: u64) -> String {
    format!("after {}", duration(ms))
}
