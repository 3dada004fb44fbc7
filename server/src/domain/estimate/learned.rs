//! What is told, from what was learned.
//!
//! The time that is left is a sum: what is left of this stage, given how long it has already taken, and
//! the stages to come. Its middle and its range are those of the sum, found at evenly spread points of
//! all stages together: no chance is involved, so the same history always tells the same.

use super::curve::Curve;
use super::history::{History, Run, TIMED};
use super::numbers::{as_f64, log_ms, ms_as_f64, whole_ms};
use super::{Basis, Estimate, Late, Position, SAMPLES_ENOUGH, Told, stage_model};
use crate::domain::stage::VmProvisioningStage as Stage;

/// At how many points a sum is looked at: its 10th and 90th percentile then rest on 26 each.
const POINTS: usize = 256;

/// Each stage goes through its points in an order of its own: steps by parts of 1 that no stages share
/// (the fractional parts of square roots of primes).
const STRIDES: [f64; TIMED] = [
    0.414_213_562_373_095,
    0.732_050_807_568_877,
    0.236_067_977_499_79,
    0.645_751_311_064_591,
    0.316_624_790_355_4,
];

/// How many runs must have gone through a stage before it is called late.
const LATE_RUNS_MIN: usize = 5;

/// The logarithm of the likelihood beyond which a stage is late: its 95th percentile.
const LATE_BEYOND: f64 = -2.995_732_273_553_991;

/// What is known of one stage.
#[derive(Debug, Clone, PartialEq)]
struct StageLearned {
    curve: Curve,
    typical_ms: u64,
    /// The 10th and the 90th percentile.
    usual_ms: (u64, u64),
    /// The 95th percentile.
    up_to_ms: u64,
    longest_ms: u64,
    runs: usize,
}

/// What is learned from a history, ready to be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    basis: Basis,
    samples: u32,
    stages: [Option<StageLearned>; TIMED],
    /// At each point, how long the stages from this one on take together, in milliseconds.
    from_stage: Vec<[f64; POINTS]>,
    /// The plain average of each stage.
    averages: [f64; TIMED],
}

impl Learned {
    /// Learns from a history. Costs about as much as a query, so it is kept for a while.
    pub fn from_history(history: &History) -> Self {
        let count = |wanted: fn(&Run) -> bool| {
            history.runs.iter().filter(|run| run.ready && wanted(run)).count()
        };
        let (of_size, of_template, of_all) =
            (count(Run::is_of_size), count(Run::is_of_template), count(|_| true));
        let (basis, samples, in_basis): (_, _, fn(&Run) -> bool) = if of_size >= SAMPLES_ENOUGH {
            (Basis::TemplateAndSize, of_size, Run::is_of_size)
        } else if of_template > 0 {
            (Basis::Template, of_template, Run::is_of_template)
        } else {
            (Basis::All, of_all, |_| true)
        };
        let stages: [Option<StageLearned>; TIMED] =
            std::array::from_fn(|stage| learn_stage(&history.runs, stage, in_basis));
        let mut from_stage = vec![[0.0; POINTS]; TIMED + 1];
        for stage in (0..TIMED).rev() {
            from_stage[stage] = from_stage[stage + 1];
            let Some(learned) = &stages[stage] else { continue };
            for (point, sum) in from_stage[stage].iter_mut().enumerate() {
                *sum += learned.curve.log_at(beyond_at(stage, point)).exp();
            }
        }
        let averages = averages(&history.runs);
        let samples = u32::try_from(samples).unwrap_or(u32::MAX);
        Self { basis, samples, stages, from_stage, averages }
    }

    /// Nothing to learn from.
    pub fn nothing() -> Self {
        Self::from_history(&History::default())
    }

    /// What to tell somebody at `position`.
    pub fn tell(&self, position: Position) -> Told {
        let typical_ms = std::array::from_fn(|stage| Some(self.stages[stage].as_ref()?.typical_ms));
        let estimate = if self.samples == 0 { None } else { self.estimate(position) };
        Told { estimate, typical_ms }
    }

    /// How long each stage usually takes: in nine cases of ten not less than the one, and not more than
    /// the other, in milliseconds.
    pub fn usual_ms(&self) -> [Option<(u64, u64)>; TIMED] {
        std::array::from_fn(|stage| Some(self.stages[stage].as_ref()?.usual_ms))
    }

    fn estimate(&self, position: Position) -> Option<Estimate> {
        let (mut left, average, late) = match position {
            Position::Ended => return None,
            Position::Before(stage) => {
                (self.from(stage.index()), self.average(stage.index()), None)
            }
            Position::In(stage, elapsed_ms) => {
                let next = stage.index() + 1;
                let mut left = self.from(next);
                self.add_current(stage.index(), elapsed_ms, &mut left);
                let here = self.averages.get(stage.index()).copied().unwrap_or(0.0);
                let average = (here - ms_as_f64(elapsed_ms)).max(0.0) + self.average(next);
                (left, average, self.late(stage, elapsed_ms))
            }
        };
        left.sort_unstable_by(f64::total_cmp);
        let at = |percent: usize| whole_ms(left[(POINTS - 1) * percent / 100]);
        Some(Estimate {
            // Whoever works still has something before them, however little it is.
            remaining_ms: at(50).max(1),
            low_ms: Some(at(10).min(at(50).max(1))),
            high_ms: Some(at(90).max(1)),
            samples: self.samples,
            basis: self.basis,
            average_ms: Some(whole_ms(average)),
            late,
        })
    }

    /// At each point, how long the stages from `stage` on take together.
    fn from(&self, stage: usize) -> [f64; POINTS] {
        self.from_stage.get(stage).copied().unwrap_or([0.0; POINTS])
    }

    /// Adds what is left of a stage that has already taken `elapsed_ms`.
    fn add_current(&self, stage: usize, elapsed_ms: u64, left: &mut [f64; POINTS]) {
        let Some(Some(learned)) = self.stages.get(stage) else { return };
        let survived = if elapsed_ms == 0 { 0.0 } else { learned.curve.beyond(log_ms(elapsed_ms)) };
        let elapsed = ms_as_f64(elapsed_ms);
        for (point, sum) in left.iter_mut().enumerate() {
            let takes = learned.curve.log_at(survived + beyond_at(stage, point)).exp();
            *sum += (takes - elapsed).max(0.0);
        }
    }

    fn average(&self, from: usize) -> f64 {
        self.averages.iter().skip(from).sum()
    }

    /// Whether a stage takes longer than it usually does at most.
    fn late(&self, stage: Stage, elapsed_ms: u64) -> Option<Late> {
        let learned = self.stages.get(stage.index())?.as_ref()?;
        let is_late = learned.runs >= LATE_RUNS_MIN && elapsed_ms > learned.up_to_ms;
        is_late.then(|| Late {
            stage,
            elapsed_ms,
            up_to_ms: learned.up_to_ms,
            slower_than: (elapsed_ms > learned.longest_ms)
                .then(|| u32::try_from(learned.runs).unwrap_or(u32::MAX)),
        })
    }

    /// From how many milliseconds on a stage is late; `None` where too little is known.
    pub fn late_from_ms(&self, stage: Stage) -> Option<u64> {
        let learned = self.stages.get(stage.index())?.as_ref()?;
        (learned.runs >= LATE_RUNS_MIN).then_some(learned.up_to_ms.saturating_add(1))
    }
}

fn learn_stage(runs: &[Run], stage: usize, in_basis: fn(&Run) -> bool) -> Option<StageLearned> {
    let curve = stage_model::curve(runs, stage)?;
    let of_stage = |run: &Run| run.stages.get(stage).copied().flatten();
    let basis: Vec<_> = runs.iter().filter(|run| in_basis(run)).filter_map(of_stage).collect();
    let mut complete: Vec<u64> =
        basis.iter().filter(|spent| !spent.censored).map(|spent| spent.ms).collect();
    let up_to_ms = whole_ms(curve.log_at(LATE_BEYOND).exp());
    let lasts_longer = |likely: f64| whole_ms(curve.log_at(likely.ln()).exp());
    let usual_ms = (lasts_longer(0.9), lasts_longer(0.1));
    let typical_ms = median(&mut complete).unwrap_or_else(|| {
        // Only others have been through it.
        whole_ms(curve.log_at(0.5_f64.ln()).exp())
    });
    let longest_ms = basis.iter().map(|spent| spent.ms).max().unwrap_or(u64::MAX);
    Some(StageLearned { curve, typical_ms, usual_ms, up_to_ms, longest_ms, runs: basis.len() })
}

/// The logarithm of the likelihood at this point of this stage.
fn beyond_at(stage: usize, point: usize) -> f64 {
    let stride = STRIDES.get(stage).copied().unwrap_or(0.5);
    let place = (0.5 / as_f64(POINTS) + as_f64(point) * stride).fract();
    place.max(0.5 / as_f64(POINTS)).ln()
}

/// The plain average of each stage over the runs of the template, or of all: what the
/// estimate is compared with in public.
fn averages(runs: &[Run]) -> [f64; TIMED] {
    let ready = || runs.iter().filter(|run| run.ready);
    let of_template = ready().any(Run::is_of_template);
    std::array::from_fn(|stage| {
        let wanted = ready().filter(|run| run.is_of_template() || !of_template);
        let (sum, count) = wanted
            .filter_map(|run| run.stages[stage])
            .fold((0.0, 0.0), |(sum, count), spent| (sum + ms_as_f64(spent.ms), count + 1.0));
        if count > 0.0 { sum / count } else { 0.0 }
    })
}

/// The middle value, or the mean of both middle ones.
fn median(values: &mut [u64]) -> Option<u64> {
    values.sort_unstable();
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(values.get(middle.checked_sub(1)?)?.midpoint(upper))
}
