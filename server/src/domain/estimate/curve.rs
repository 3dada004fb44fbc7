//! How likely a stage lasts longer than any duration, as a table that is quick to ask both ways.

use super::numbers::{as_f64, normal_beyond};

/// Steps of the table within what was seen, and beyond it.
const STEPS: usize = 112;
const STEPS_BEYOND: usize = 32;

/// How many widths of a kernel count.
const REACH: f64 = 3.5;

/// Beyond the table the logarithm of the likelihood falls by so much at least for each one of the
/// duration's: what has taken longer than was ever thought of is more likely at its end than not before
/// it has taken half as long again.
const FALL_MIN: f64 = 2.0;

/// Less than this is never.
const NEVER: f64 = 1e-12;

/// One smeared run: a normal curve over the logarithm of the duration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Kernel {
    /// The logarithm of its duration.
    pub(super) middle: f64,
    /// Its standard deviation.
    pub(super) width: f64,
    /// How much it counts; all together count 1.
    pub(super) weight: f64,
}

/// How long a stage takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curve {
    /// Logarithms of durations, ascending.
    logs: Vec<f64>,
    /// The logarithm of how likely it lasts longer, descending from 0.
    beyond: Vec<f64>,
}

impl Curve {
    /// The sum of these kernels, at least one. The last one is the widest.
    pub(super) fn new(kernels: &[Kernel]) -> Self {
        let core = kernels.len().saturating_sub(1).max(1);
        let ends = kernels[..core].iter().fold((f64::MAX, f64::MIN), |(low, high), kernel| {
            let reach = REACH * kernel.width;
            (low.min(kernel.middle - reach), high.max(kernel.middle + reach))
        });
        let last = kernels.iter().map(|kernel| kernel.middle + REACH * kernel.width);
        let last = last.fold(ends.1 + 1.0, f64::max);
        let step = (ends.1 - ends.0) / as_f64(STEPS);
        let step_beyond = (last - ends.1) / as_f64(STEPS_BEYOND);
        let logs: Vec<f64> = (0..STEPS)
            .map(|index| ends.0 + step * as_f64(index))
            .chain((0..=STEPS_BEYOND).map(|index| ends.1 + step_beyond * as_f64(index)))
            .collect();
        let binned = binned(&kernels[..core], ends.0, step.max(1e-9) * 2.0);
        let mut least = 1.0_f64;
        let beyond = logs
            .iter()
            .enumerate()
            .map(|(index, log)| {
                let of = |kernel: &Kernel| {
                    kernel.weight * normal_beyond((log - kernel.middle) / kernel.width)
                };
                let all: f64 = binned.iter().chain(&kernels[core..]).map(of).sum();
                // Falling at every step, whatever rounding does.
                let falling = if index == 0 { 1.0 } else { all.min(least * (1.0 - NEVER)) };
                least = falling.max(NEVER * NEVER);
                least.ln()
            })
            .collect();
        Self { logs, beyond }
    }

    /// The logarithm of how likely it lasts longer than this logarithm of a duration.
    pub(super) fn beyond(&self, log: f64) -> f64 {
        let at = self.logs.partition_point(|known| *known <= log);
        if at == 0 {
            return 0.0;
        }
        let from = self.segment(at);
        (self.beyond[from] + (log - self.logs[from]) * self.slope(from)).min(0.0)
    }

    /// The logarithm of the duration beyond which it lasts with this likelihood (its logarithm).
    pub(super) fn log_at(&self, beyond: f64) -> f64 {
        let at = self.beyond.partition_point(|known| *known >= beyond).max(1);
        let from = self.segment(at);
        self.logs[from] + ((beyond - self.beyond[from]) / self.slope(from)).max(0.0)
    }

    /// Where the piece of the table begins that ends at place `at`; beyond the last one, the last place.
    fn segment(&self, at: usize) -> usize {
        at.min(self.logs.len()) - 1
    }

    /// How steeply the table falls from this place on.
    fn slope(&self, from: usize) -> f64 {
        let last = self.logs.len() - 1;
        // From the last place on it goes on as before it, but never levels out.
        let at = from.min(last - 1);
        let width = (self.logs[at + 1] - self.logs[at]).max(1e-12);
        let fall = (self.beyond[at + 1] - self.beyond[at]) / width;
        if from == last { fall.min(-FALL_MIN) } else { fall.min(-1e-12) }
    }
}

/// The same kernels, those at nearly the same place as one: the table is no finer than `step`.
fn binned(kernels: &[Kernel], from: f64, step: f64) -> Vec<Kernel> {
    let mut bins: std::collections::BTreeMap<i64, (f64, f64, f64)> =
        std::collections::BTreeMap::new();
    for kernel in kernels {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a place in a table of some hundred steps"
        )]
        let place = ((kernel.middle - from) / step) as i64;
        let bin = bins.entry(place).or_insert((0.0, 0.0, 0.0));
        bin.0 += kernel.weight;
        bin.1 += kernel.weight * kernel.middle;
        bin.2 = kernel.width;
    }
    bins.into_values()
        .filter(|(weight, _, _)| *weight > 0.0)
        .map(|(weight, sum, width)| Kernel { middle: sum / weight, width, weight })
        .collect()
}
