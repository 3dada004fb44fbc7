//! Ours, and those it is compared with, each written here from its description.

use server::domain::estimate::{History, Learned, Position, RUNS_MAX, Run, Spent};
use server::domain::stage::VmProvisioningStage as Stage;

use super::chance::Chance;
use super::histories::{Odds, STAGES, TrueRun};

/// What was said of the time that is left, in milliseconds: at 10, 50 and 90 %.
pub type Said = [f64; 3];

/// A moment at which somebody asks.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub stage: usize,
    pub in_stage_ms: u64,
    /// Since the attempt was started: without the time in the queue.
    pub since_start_ms: u64,
}

/// What has finished so far, newest first.
#[derive(Debug, Default)]
pub struct Past(pub Vec<TrueRun>);

impl Past {
    fn complete(&self) -> impl Iterator<Item = &TrueRun> {
        self.0.iter().filter(|run| run.failed.is_none())
    }

    /// Ours, as the server learns it.
    pub fn learned(&self, template: u32, size: u32) -> Learned {
        let limit = RUNS_MAX as usize;
        let mut counts = [0_usize; 3];
        let mut runs = Vec::new();
        for run in &self.0 {
            let same_template = run.template == template;
            let same_size = same_template && run.size == size;
            let mut wanted = false;
            for (count, is_of) in counts.iter_mut().zip([same_size, same_template, true]) {
                if is_of && *count < limit {
                    *count += 1;
                    wanted = true;
                }
            }
            if wanted {
                runs.push(as_run(run, template, size));
            }
        }
        Learned::from_history(&History { runs })
    }
}

fn as_run(run: &TrueRun, template: u32, size: u32) -> Run {
    // The numbers are any, but for the one that is asked about.
    let number = |this: u32, asked: u32| if this == asked { Run::ASKED } else { this + 1 };
    let stages = std::array::from_fn(|stage| match run.failed {
        Some((failed, ms)) if stage == failed => Some(Spent { ms, censored: true }),
        Some((failed, _)) if stage > failed => None,
        _ => Some(Spent { ms: run.stages_ms[stage], censored: false }),
    });
    Run {
        template: number(run.template, template),
        size: number(run.size, size),
        ready: run.failed.is_none(),
        stages,
    }
}

pub fn ours(learned: &Learned, moment: Moment) -> Option<Said> {
    let position = Position::In(Stage::TIMED[moment.stage], moment.in_stage_ms);
    let told = learned.tell(position).estimate?;
    Some([told.low_ms?, told.remaining_ms, told.high_ms?].map(float))
}

/// The average of each stage over the newest 200 of the template, or of all.
pub fn plain_average(learned: &Learned, moment: Moment) -> Option<Said> {
    let position = Position::In(Stage::TIMED[moment.stage], moment.in_stage_ms);
    let average = float(learned.tell(position).estimate?.average_ms?);
    Some([average; 3])
}

/// Coder: the 50th and the 95th percentile of the template's newest 100 whole builds that succeeded,
/// less what has passed; "any moment now" from there on.
pub fn coder(past: &Past, template: u32, moment: Moment) -> Option<Said> {
    let mut totals: Vec<f64> = past
        .complete()
        .filter(|run| run.template == template)
        .take(100)
        .map(|run| float(run.stages_ms[1..].iter().sum()))
        .collect();
    totals.sort_unstable_by(f64::total_cmp);
    let percentile = |percent: usize| {
        let place = (totals.len() * percent).div_ceil(100).max(1) - 1;
        totals.get(place).map(|total| (total - float(moment.since_start_ms)).max(0.0))
    };
    let middle = percentile(50)?;
    Some([middle, middle, percentile(95)?])
}

/// Argo: as long as the newest success of the template, less what has passed.
pub fn argo(past: &Past, template: u32, moment: Moment) -> Option<Said> {
    let newest = past.complete().find(|run| run.template == template)?;
    let total = float(newest.stages_ms[1..].iter().sum());
    Some([(total - float(moment.since_start_ms)).max(0.0); 3])
}

/// One who knows how the world was made, and only not what chance will bring: the best there can be.
/// Found by drawing `draws` ways to go on; a stage that is far beyond its usual time takes many draws.
pub fn all_knowing(odds: &Odds, draws: usize, moment: Moment) -> Said {
    /// After so many draws that were too short it is taken to end now.
    const TRIES: usize = 2_000;
    let mut chance = Chance::new(moment.in_stage_ms ^ moment.since_start_ms << 20);
    let passed = float(moment.in_stage_ms);
    let mut left: Vec<f64> = (0..draws)
        .map(|_| {
            let mut current = (0..TRIES).map(|_| odds.draw(&mut chance, moment.stage));
            let here = current.find(|ms| *ms > passed).map_or(0.0, |ms| ms - passed);
            let later = moment.stage + 1..STAGES;
            here + later.map(|stage| odds.draw(&mut chance, stage)).sum::<f64>()
        })
        .collect();
    left.sort_unstable_by(f64::total_cmp);
    [10, 50, 90].map(|percent| left[(draws - 1) * percent / 100])
}

#[expect(clippy::cast_precision_loss, reason = "some minutes in milliseconds")]
pub fn float(ms: u64) -> f64 {
    ms as f64
}

/// What is really left at a moment.
pub fn really_left(run: &TrueRun, moment: Moment) -> f64 {
    float(run.stages_ms[moment.stage] - moment.in_stage_ms)
        + run.stages_ms[moment.stage + 1..].iter().copied().map(float).sum::<f64>()
}

/// When each stage of a run is entered, at half of its usual time, and at its 95th percentile, where
/// the run is still in it then.
pub fn moments(run: &TrueRun) -> Vec<(usize, Moment)> {
    let mut moments = Vec::new();
    for stage in 0..STAGES {
        let before: u64 = run.stages_ms[1..].iter().take(stage.saturating_sub(1)).sum();
        for (kind, in_stage_ms) in
            [0, run.half_ms[stage], run.p95_ms[stage]].into_iter().enumerate()
        {
            if in_stage_ms < run.stages_ms[stage] {
                let since_start_ms = if stage == 0 { 0 } else { before + in_stage_ms };
                moments.push((kind, Moment { stage, in_stage_ms, since_start_ms }));
            }
        }
    }
    moments
}
