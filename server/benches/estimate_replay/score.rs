//! How good what was said was.

use super::forecasters::{self, Past, Said};
use super::histories::TrueRun;

/// Whose estimates are compared, ours first.
pub const NAMES: [&str; 4] = ["ours", "plain average", "Coder", "Argo"];

/// The place of the one who knows the world, after those.
pub const ALL_KNOWING: usize = NAMES.len();

/// When it was said.
pub const KINDS: [&str; 3] = ["stage entered", "half of it", "95th percentile"];

/// What was said and what was true, for each forecaster.
#[derive(Debug, Clone, Default)]
pub struct Score {
    cases: Vec<([Option<Said>; ALL_KNOWING + 1], f64, usize)>,
}

/// The figures of one forecaster.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    pub cases: usize,
    /// The part of the cases that lay within 10 to 90 %.
    pub coverage: f64,
    /// The median absolute error in milliseconds.
    pub error_ms: f64,
    /// The mean pinball loss at 10, 50 and 90 % in milliseconds.
    pub pinball_ms: f64,
}

impl Score {
    /// Lets all forecasters go through a world. Asked is whenever all of them have something to say.
    /// The one who knows the world is asked with so many draws; with none, not at all.
    pub fn replay(runs: &[TrueRun], draws: usize) -> Self {
        let mut past = Past::default();
        let mut score = Self::default();
        for &run in runs {
            if run.failed.is_none() {
                let learned = past.learned(run.template, run.size);
                for (kind, moment) in forecasters::moments(&run) {
                    let all = [
                        forecasters::ours(&learned, moment),
                        forecasters::plain_average(&learned, moment),
                        forecasters::coder(&past, run.template, moment),
                        forecasters::argo(&past, run.template, moment),
                    ];
                    if all.iter().all(Option::is_some) {
                        let left = forecasters::really_left(&run, moment);
                        let [ours, average, coder, argo] = all;
                        let best = run.odds.filter(|_| draws > 0);
                        let best = best.map(|odds| forecasters::all_knowing(&odds, draws, moment));
                        score.cases.push(([ours, average, coder, argo, best], left, kind));
                    }
                }
            }
            past.0.insert(0, run);
        }
        score
    }

    pub fn add(&mut self, other: Self) {
        self.cases.extend(other.cases);
    }

    /// The figures of forecaster `who`, of all cases or of one kind.
    pub fn figures(&self, who: usize, kind: Option<usize>) -> Figures {
        let wanted = self.cases.iter().filter(|(_, _, at)| kind.is_none_or(|kind| kind == *at));
        let (mut errors, mut pinball, mut within) = (Vec::new(), 0.0, 0.0);
        for (said, left, _) in wanted {
            let Some([low, middle, high]) = said[who] else { continue };
            errors.push((middle - left).abs());
            pinball += [(low, 0.1), (middle, 0.5), (high, 0.9)]
                .into_iter()
                .map(|(said, part)| ((left - said) * part).max((left - said) * (part - 1.0)))
                .sum::<f64>()
                / 3.0;
            // What is told is rounded to milliseconds.
            within += f64::from(u8::from(low - 1.0 <= *left && *left <= high + 1.0));
        }
        errors.sort_unstable_by(f64::total_cmp);
        let cases = errors.len();
        let count = forecasters::float(cases as u64).max(1.0);
        Figures {
            cases,
            coverage: within / count,
            error_ms: errors.get(cases / 2).copied().unwrap_or(0.0),
            pinball_ms: pinball / count,
        }
    }
}
