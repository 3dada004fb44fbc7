//! What the page says, as pure functions: durations, moments, headlines, failures.
//!
//! Nothing here touches the DOM, a clock or a locale, so the server's first render and the browser's
//! are equal by construction, and every sentence is covered by a native test.

mod duration;
mod failure;
mod headline;
#[cfg(feature = "ssr")]
mod history;
mod moment;
mod query;
mod remaining;
mod size;
mod stage;
mod summary;
mod tone;
mod usual;

pub(crate) use duration::{duration, elapsed};
pub(crate) use failure::{advice, brief, what_happened, what_was_undone};
pub(crate) use headline::{document_title, headline, source_of_estimate, waits_for};
#[cfg(feature = "ssr")]
pub(crate) use history::{HistoryRow, history_rows};
pub(crate) use moment::{utc, utc_full};
pub(crate) use query::in_query;
pub(crate) use remaining::{Remaining, capitalised, remaining, remaining_briefly};
pub(crate) use size::{cpus, memory, with_thousands};
pub(crate) use stage::{announcement, stage_key, state_key, state_words, step_label};
pub(crate) use summary::summary;
pub(crate) use tone::{Tone, tone};
pub(crate) use usual::{compared, foreseen, usually};
