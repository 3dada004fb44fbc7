//! How long it will still take, learned from the attempts that have ended.
//!
//! Of each stage a curve is learned ([`Learned`]): how likely it lasts longer than any duration, from
//! the same template and size, leaning on the template's other sizes and on all templates the more the
//! fewer runs there are. Newer runs weigh more, and those before a change of pace next to nothing. A
//! failed or cancelled stage counts as one that would have lasted longer, never as a short one.
//!
//! Told is the middle of what is left, given how long the stage has already taken, and the range that
//! holds in four cases of five ([`Told`]); it is recorded with each event, so that a frame says the same
//! for ever. Pure arithmetic: no clock, no chance. `benches/estimate_replay` shows how good it is.

use super::stage::VmProvisioningStage as Stage;

mod censoring;
mod change;
mod curve;
mod history;
mod learned;
mod numbers;
mod stage_model;

pub use history::{History, RUNS_MAX, Run, Spent, TIMED};
pub use learned::Learned;

/// From how many finished requests of the same template and size on an estimate is said to be based on
/// these, rather than on the template.
///
/// How much each counts is not switched here: it follows from how alike sizes and templates are.
pub const SAMPLES_ENOUGH: usize = 8;

/// Which finished requests an estimate is learned from, in the first place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// The same template and size.
    TemplateAndSize,
    /// The same template.
    Template,
    /// All templates.
    All,
}

impl Basis {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::TemplateAndSize, Self::Template, Self::All];
}

/// What was told of the future at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// How long it will still take; `None` with nothing to learn from, and after the end.
    pub estimate: Option<Estimate>,
    /// The median of the earlier durations in milliseconds, by the place in [`Stage::TIMED`].
    pub typical_ms: [Option<u64>; TIMED],
}

/// How long it will still take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Milliseconds still to go: as likely more as less. At least 1 while something is under way.
    pub remaining_ms: u64,
    /// In nine cases of ten it is not less. `None` in what was told before there were ranges.
    pub low_ms: Option<u64>,
    /// In nine cases of ten it is not more.
    pub high_ms: Option<u64>,
    /// How many finished requests it is learned from, at least 1.
    pub samples: u32,
    /// Which ones.
    pub basis: Basis,
    /// What the plain average of the earlier durations would have said, to compare with.
    pub average_ms: Option<u64>,
    /// The stage takes longer than it usually does at most.
    pub late: Option<Late>,
}

/// A stage that takes longer than 95 of 100 earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Late {
    /// Which.
    pub stage: Stage,
    /// Milliseconds since it was entered.
    pub elapsed_ms: u64,
    /// The 95th percentile of the earlier durations, in milliseconds.
    pub up_to_ms: u64,
    /// How many earlier runs there are, when it is slower than every one of them.
    pub slower_than: Option<u32>,
}

/// Where a request is, as far as the estimate must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// In this stage for so many milliseconds.
    In(Stage, u64),
    /// Between stages: this one comes next.
    Before(Stage),
    /// It is not going forward any more.
    Ended,
}

#[cfg(test)]
#[path = "estimate_tests.rs"]
mod tests;
