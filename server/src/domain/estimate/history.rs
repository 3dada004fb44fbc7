//! What an estimate is learned from: how long the stages of earlier attempts took.

/// How many finished attempts are looked at for each key, newest first: enough for a range, few enough
/// to cost nothing at any age of the journal.
pub const RUNS_MAX: u32 = 200;

/// How many stages take time.
pub const TIMED: usize = 5;

/// How long a stage took, or at least took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// Milliseconds from entering to leaving it.
    pub ms: u64,
    /// It was left without being completed (the attempt failed or was cancelled): it would have taken
    /// longer than this, nobody knows how much.
    pub censored: bool,
}

/// One attempt that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Equal for equal templates; [`Run::ASKED`] for the template that is asked about.
    pub template: u32,
    /// Equal for equal sizes (CPUs and memory); [`Run::ASKED`] for the size that is asked about.
    pub size: u32,
    /// It became ready, and so counts among the runs that an estimate is said to be learned from.
    pub ready: bool,
    /// By the place of the stage among those that take time; `None` where it was never entered.
    pub stages: [Option<Spent>; TIMED],
}

impl Run {
    /// The number of the template, or the size, that is asked about.
    pub const ASKED: u32 = 0;

    /// Whether it was made from the template that is asked about.
    pub fn is_of_template(&self) -> bool {
        self.template == Self::ASKED
    }

    /// Whether it was made from the template and in the size that are asked about.
    pub fn is_of_size(&self) -> bool {
        self.is_of_template() && self.size == Self::ASKED
    }
}

/// The attempts that an estimate is learned from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Newest first; at most [`RUNS_MAX`] of the same template and size, as many of the same template,
    /// and as many of all.
    pub runs: Vec<Run>,
}
