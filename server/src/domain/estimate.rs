//! How long it will still take, learned from finished requests.
//!
//! Pure arithmetic on the durations of earlier stages: the same template first, else all. What was
//! told is recorded with each event ([`Told`]), so that a frame says the same for ever.

use super::stage::VmProvisioningStage as Stage;

/// How many finished requests are looked at, newest first: enough to average out noise, few enough
/// to follow a datastore that became slower.
pub const RUNS_MAX: u32 = 200;

/// The durations of one finished request, in milliseconds, by stage (`READY` takes no time).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Run {
    /// By the place of the stage in [`Stage::TIMED`]; `None` where it was never entered.
    pub stages_ms: [Option<u64>; 5],
}

/// Which finished requests an estimate is learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The same template.
    Template,
    /// All templates.
    All,
}

/// The finished requests that an estimate is learned from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    /// Which they are.
    pub basis: Basis,
    /// Newest first, at most [`RUNS_MAX`].
    pub runs: Vec<Run>,
}

/// What was told of the future at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// How long it will still take; `None` with nothing to learn from, and after the end.
    pub estimate: Option<Estimate>,
    /// The median of the earlier durations in milliseconds, by the place in [`Stage::TIMED`].
    pub typical_ms: [Option<u64>; 5],
}

/// How long it will still take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Milliseconds still to go; 0 when the last stage has outlived its average.
    pub remaining_ms: u64,
    /// How many finished requests it is learned from, at least 1.
    pub samples: u32,
    /// Which ones.
    pub basis: Basis,
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

impl Learned {
    /// Nothing to learn from.
    pub fn nothing() -> Self {
        Self { basis: Basis::All, runs: Vec::new() }
    }

    /// The durations of one stage, newest first.
    fn durations(&self, index: usize) -> impl Iterator<Item = u64> {
        self.runs.iter().filter_map(move |run| run.stages_ms.get(index).copied().flatten())
    }

    /// The median duration of each stage.
    fn typical(&self) -> [Option<u64>; 5] {
        std::array::from_fn(|index| median(self.durations(index).collect()))
    }

    /// The average duration of a stage; 0 when no earlier run ever entered it.
    fn mean(&self, index: usize) -> f64 {
        let (sum, count) = self
            .durations(index)
            .fold((0.0, 0.0), |(sum, count), duration| (sum + as_f64(duration), count + 1.0));
        if count == 0.0 { 0.0 } else { sum / count }
    }

    /// What to tell somebody at `position`.
    ///
    /// Remaining = what is left of the current stage's average + the averages of the stages to come.
    pub fn tell(&self, position: Position) -> Told {
        let typical_ms = self.typical();
        let (next, left_ms) = match position {
            Position::Ended => return Told { estimate: None, typical_ms },
            Position::Before(stage) => (stage.index(), 0.0),
            Position::In(stage, elapsed_ms) => {
                (stage.index() + 1, (self.mean(stage.index()) - as_f64(elapsed_ms)).max(0.0))
            }
        };
        let samples = u32::try_from(self.runs.len()).unwrap_or(u32::MAX);
        let to_come: f64 = (next..Stage::TIMED.len()).map(|index| self.mean(index)).sum();
        let estimate = (samples > 0).then(|| Estimate {
            remaining_ms: whole_ms(left_ms + to_come),
            samples,
            basis: self.basis,
        });
        Told { estimate, typical_ms }
    }
}

/// The middle value, or the mean of both middle ones.
fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *values.get(middle.checked_sub(1)?)?;
    Some(lower.midpoint(upper))
}

/// Exact for durations below 285,000 years.
#[expect(clippy::cast_precision_loss, reason = "durations in milliseconds are far below 2^53")]
fn as_f64(ms: u64) -> f64 {
    ms as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to integer cast saturates, and the value is a sum of non-negative durations"
)]
fn whole_ms(ms: f64) -> u64 {
    ms.round() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn learned(runs: &[[u64; 5]]) -> Learned {
        let runs = runs.iter().map(|run| Run { stages_ms: run.map(Some) }).collect();
        Learned { basis: Basis::Template, runs }
    }

    fn remaining(learned: &Learned, position: Position) -> Option<u64> {
        learned.tell(position).estimate.map(|estimate| estimate.remaining_ms)
    }

    #[test]
    fn remaining_is_the_average_of_what_is_left() {
        let learned = learned(&[[100, 1000, 200, 300, 400], [300, 2000, 200, 300, 401]]);
        for (position, expected) in [
            (Position::In(Stage::Created, 0), Some(2601)),
            (Position::Before(Stage::Cloning), Some(2401)),
            (Position::In(Stage::Cloning, 500), Some(1901)),
            (Position::In(Stage::Cloning, 9999), Some(901)),
            (Position::In(Stage::WaitingForNetwork, 9999), Some(0)),
            (Position::Ended, None),
        ] {
            assert_eq!(remaining(&learned, position), expected, "{position:?}");
        }
    }

    #[test]
    fn typical_is_the_median() {
        let learned = learned(&[[1, 1, 1, 1, 1], [9, 2, 1, 1, 1], [3, 9, 1, 1, 1]]);
        assert_eq!(learned.tell(Position::Ended).typical_ms, [3, 2, 1, 1, 1].map(Some));
        assert_eq!(median(vec![4, 1]), Some(2));
    }

    #[test]
    fn nothing_is_told_without_anything_to_learn_from() {
        let told = Learned::nothing().tell(Position::In(Stage::Cloning, 5));
        assert_eq!(told, Told::default());
    }

    #[test]
    fn a_stage_that_a_run_never_entered_does_not_count_as_short() {
        let mut learned = learned(&[[0, 1000, 0, 0, 0], [0, 0, 0, 0, 0]]);
        learned.runs[1].stages_ms[1] = None;
        assert_eq!(remaining(&learned, Position::In(Stage::Cloning, 0)), Some(1000));
    }

    proptest! {
        #[test]
        fn waiting_longer_never_raises_it_and_never_adds_noise(
            runs in prop::collection::vec(prop::array::uniform5(0_u64..10_000_000), 1..20),
            elapsed in 0_u64..20_000_000,
        ) {
            let learned = learned(&runs);
            let at = |elapsed| remaining(&learned, Position::In(Stage::Cloning, elapsed)).unwrap();
            prop_assert!(at(elapsed) >= at(elapsed + 1));
            prop_assert!(at(elapsed) >= remaining(&learned, Position::Before(Stage::Configuring)).unwrap());
        }
    }
}
