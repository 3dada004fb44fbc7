//! How true estimates were: what was told when each stage was entered, beside what came of it.

use super::estimate::Estimate;
use super::stage::VmProvisioningStage as Stage;

/// A stage of a request that became ready: what was told when it was entered, and what was true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The stage.
    pub stage: Stage,
    /// What was told.
    pub told: Estimate,
    /// Milliseconds that it really took from there to the end.
    pub left_ms: u64,
}

/// How true the estimates of some outcomes were.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Calibration {
    /// How many estimates are judged: those that were told with a range.
    pub estimates: usize,
    /// The part of them in whose range the truth lay, 0 to 1; it should be 0.8. `None` without any.
    pub held: Option<f64>,
    /// The median of how far they were off, in milliseconds.
    pub error_ms: Option<u64>,
    /// The same of what a plain average would have told at the same moments.
    pub average_error_ms: Option<u64>,
}

impl Calibration {
    /// Judges these outcomes.
    pub fn of(outcomes: &[Outcome]) -> Self {
        let judged: Vec<(u64, u64, &Outcome)> = outcomes
            .iter()
            .filter_map(|outcome| Some((outcome.told.low_ms?, outcome.told.high_ms?, outcome)))
            .collect();
        let held = judged
            .iter()
            .filter(|(low, high, outcome)| (*low..=*high).contains(&outcome.left_ms))
            .count();
        let off = |told: fn(&Estimate) -> Option<u64>| {
            let mut off: Vec<u64> = judged
                .iter()
                .filter_map(|(_, _, outcome)| Some(told(&outcome.told)?.abs_diff(outcome.left_ms)))
                .collect();
            Spread::of(&mut off).map(|spread| spread.median_ms)
        };
        Self {
            estimates: judged.len(),
            held: (!judged.is_empty()).then(|| part(held, judged.len())),
            error_ms: off(|told| Some(told.remaining_ms)),
            average_error_ms: off(|told| told.average_ms),
        }
    }
}

/// The middle of some durations, and between what eight of ten of them lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// How many there are.
    pub runs: usize,
    /// The 10th percentile in milliseconds.
    pub low_ms: u64,
    /// The median in milliseconds.
    pub median_ms: u64,
    /// The 90th percentile in milliseconds.
    pub high_ms: u64,
}

impl Spread {
    /// Of these durations, which are sorted thereby; `None` of none.
    pub fn of(durations_ms: &mut [u64]) -> Option<Self> {
        durations_ms.sort_unstable();
        let runs = durations_ms.len();
        // The nearest rank: always a duration that there was.
        let at =
            |percent: usize| durations_ms.get((runs * percent).div_ceil(100).max(1) - 1).copied();
        Some(Self { runs, low_ms: at(10)?, median_ms: at(50)?, high_ms: at(90)? })
    }
}

/// A part of a whole that is not 0, from 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "some hundred estimates")]
fn part(of: usize, whole: usize) -> f64 {
    of as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::estimate::Basis;

    fn outcome(range: Option<(u64, u64)>, remaining_ms: u64, left_ms: u64) -> Outcome {
        let told = Estimate {
            remaining_ms,
            low_ms: range.map(|(low, _)| low),
            high_ms: range.map(|(_, high)| high),
            samples: 9,
            basis: Basis::Template,
            average_ms: range.map(|_| remaining_ms + 5),
            late: None,
        };
        Outcome { stage: Stage::Cloning, told, left_ms }
    }

    #[test]
    fn a_range_holds_with_both_its_ends() {
        let range = Some((10, 30));
        let outcomes = [(9, 20), (10, 20), (30, 20), (31, 20)]
            .map(|(left_ms, remaining_ms)| outcome(range, remaining_ms, left_ms));
        let found = Calibration::of(&outcomes);
        assert_eq!((found.estimates, found.held), (4, Some(0.5)));
        assert_eq!((found.error_ms, found.average_error_ms), (Some(10), Some(6)));
    }

    #[test]
    fn what_was_told_without_a_range_is_not_judged() {
        assert_eq!(Calibration::of(&[outcome(None, 20, 25)]), Calibration::default());
    }

    #[test]
    fn a_spread_is_made_of_durations_that_there_were() {
        let mut ten: Vec<u64> = (1..=10).rev().map(|n| n * 100).collect();
        let spread = Spread { runs: 10, low_ms: 100, median_ms: 500, high_ms: 900 };
        assert_eq!(Spread::of(&mut ten), Some(spread));
        let one = Spread { runs: 1, low_ms: 7, median_ms: 7, high_ms: 7 };
        assert_eq!(Spread::of(&mut [7]), Some(one));
        assert_eq!(Spread::of(&mut []), None);
    }
}
