//! What all requests together say: how true the estimates are, where the time goes, why requests fail.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::calibration::{Calibration, Spread};
use crate::domain::ids::Viewer;
use crate::domain::ports::clock::Clock;
use crate::domain::ports::event_store::StoreError;
use crate::domain::ports::insights::{FailureCount, InsightsRepository, StageTime};
use crate::domain::stage::VmProvisioningStage as Stage;
use crate::domain::vm::VmStatus;

/// Over how many of the newest requests that became ready, or that failed, it is looked.
const REQUESTS_MAX: u32 = 200;

/// Over how many stages of runs that became ready: some 800 runs.
const STAGE_TIMES_MAX: u32 = 4_000;

/// Of how many templates the times are shown, the most used first: a page to read, not a report.
const TEMPLATES_MAX: usize = 8;

/// Into how many pieces the runs of a template are cut to show them over time, and how many runs a piece
/// has at least: a range of fewer is none.
const PIECES_MAX: usize = 12;
const PIECE_RUNS_MIN: usize = 5;

/// Answers questions over all requests.
#[derive(Debug)]
pub struct Insights {
    repository: Arc<dyn InsightsRepository>,
    clock: Arc<dyn Clock>,
}

/// What a viewer's requests together say.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// When it was asked.
    pub now: DateTime<Utc>,
    /// How many finished requests the calibration is of.
    pub requests: u32,
    /// How true the estimates were.
    pub calibration: Calibration,
    /// The stage that takes the largest part of the time, and that part, 0 to 1.
    pub slowest: Option<(Stage, f64)>,
    /// The most used templates first.
    pub templates: Vec<TemplateTimes>,
    /// Most frequent first.
    pub failures: Vec<FailureCount>,
}

/// How long the stages of one template take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateTimes {
    /// The template.
    pub template: String,
    /// Of how many runs.
    pub runs: usize,
    /// In the order of the work.
    pub stages: Vec<StageTimes>,
}

/// How long one stage takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageTimes {
    /// The stage.
    pub stage: Stage,
    /// Over all runs.
    pub all: Spread,
    /// Piece by piece, oldest first.
    pub over_time: Vec<Spread>,
}

/// What those who run the server count.
#[derive(Debug, Clone, PartialEq)]
pub struct Totals {
    /// How many requests have which status; each status once.
    pub by_status: Vec<(VmStatus, u64)>,
    /// How true the newest estimates were.
    pub calibration: Calibration,
}

impl Insights {
    /// Answers over these ports.
    pub fn new(repository: Arc<dyn InsightsRepository>, clock: Arc<dyn Clock>) -> Self {
        Self { repository, clock }
    }

    /// What the requests of this viewer say.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn overview(&self, viewer: &Viewer) -> Result<Overview, StoreError> {
        let outcomes = self.repository.outcomes(Some(viewer), REQUESTS_MAX).await?;
        let times = self.repository.stage_times(viewer, STAGE_TIMES_MAX).await?;
        let failures = self.repository.failures(viewer, REQUESTS_MAX).await?;
        Ok(Overview {
            now: self.clock.now(),
            requests: outcomes.requests,
            calibration: Calibration::of(&outcomes.outcomes),
            slowest: slowest(&times),
            templates: by_template(&times),
            failures,
        })
    }

    /// What is counted over all requests.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn totals(&self) -> Result<Totals, StoreError> {
        let counted = self.repository.count_by_status().await?;
        let of = |status| counted.iter().find(|(known, _)| *known == status);
        let by_status = VmStatus::ALL
            .into_iter()
            .map(|status| (status, of(status).map_or(0, |(_, count)| *count)))
            .collect();
        let outcomes = self.repository.outcomes(None, REQUESTS_MAX).await?;
        Ok(Totals { by_status, calibration: Calibration::of(&outcomes.outcomes) })
    }
}

/// The stage that takes the largest part of all time.
fn slowest(times: &[StageTime]) -> Option<(Stage, f64)> {
    let sum = |wanted: Option<Stage>| -> u64 {
        let of_stage = times.iter().filter(|time| wanted.is_none_or(|stage| stage == time.stage));
        of_stage.map(|time| time.ms).sum()
    };
    let all = sum(None);
    let (stage, ms) = Stage::TIMED
        .into_iter()
        .map(|stage| (stage, sum(Some(stage))))
        .max_by_key(|(stage, ms)| (*ms, std::cmp::Reverse(*stage)))?;
    (all > 0).then(|| (stage, as_f64(ms) / as_f64(all)))
}

/// The times (newest first) of each template.
fn by_template(times: &[StageTime]) -> Vec<TemplateTimes> {
    let mut templates: BTreeMap<&str, BTreeMap<Stage, Vec<u64>>> = BTreeMap::new();
    for time in times.iter().rev() {
        templates.entry(&time.template).or_default().entry(time.stage).or_default().push(time.ms);
    }
    let mut all: Vec<TemplateTimes> = templates
        .into_iter()
        .map(|(template, stages)| {
            let stages: Vec<_> = stages.into_iter().filter_map(stage_times).collect();
            let runs = stages.iter().map(|stage| stage.all.runs).max().unwrap_or(0);
            TemplateTimes { template: template.to_owned(), runs, stages }
        })
        .collect();
    all.sort_by_key(|template| std::cmp::Reverse(template.runs));
    all.truncate(TEMPLATES_MAX);
    all
}

/// The times (oldest first) of a stage.
fn stage_times((stage, mut oldest_first): (Stage, Vec<u64>)) -> Option<StageTimes> {
    let runs = oldest_first.len();
    let pieces = (runs / PIECE_RUNS_MIN).clamp(1, PIECES_MAX);
    let over_time = (0..pieces)
        .filter_map(|piece| {
            // The first pieces are the longer ones by one, where it does not come out even.
            let (from, to) = (piece * runs / pieces, (piece + 1) * runs / pieces);
            Spread::of(&mut oldest_first.get(from..to)?.to_vec())
        })
        .collect();
    Some(StageTimes { stage, all: Spread::of(&mut oldest_first)?, over_time })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "sums of durations in milliseconds stay far below 2^53"
)]
fn as_f64(ms: u64) -> f64 {
    ms as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(template: &str, stage: Stage, ms: u64) -> StageTime {
        StageTime { template: template.to_owned(), stage, ms }
    }

    #[test]
    fn the_slowest_stage_is_the_one_with_the_largest_part_of_the_time() {
        let times = [
            time("a", Stage::Cloning, 300),
            time("b", Stage::Cloning, 300),
            time("a", Stage::Created, 200),
        ];
        assert_eq!(slowest(&times), Some((Stage::Cloning, 0.75)));
        assert_eq!(slowest(&[]), None);
    }

    #[test]
    fn the_runs_of_a_template_are_shown_over_time_oldest_first() {
        // Newest first: 23 runs that became slower and slower.
        let times: Vec<_> = (1..=23).rev().map(|ms| time("a", Stage::Cloning, ms)).collect();
        let found = by_template(&times);
        let [of_a] = &found[..] else { panic!("{found:?}") };
        assert_eq!((of_a.template.as_str(), of_a.runs), ("a", 23));
        let stage = &of_a.stages[0];
        assert_eq!((stage.all.median_ms, stage.all.low_ms, stage.all.high_ms), (12, 3, 21));
        let runs: Vec<_> = stage.over_time.iter().map(|piece| piece.runs).collect();
        assert_eq!(runs, [5, 6, 6, 6]);
        let medians: Vec<_> = stage.over_time.iter().map(|piece| piece.median_ms).collect();
        assert_eq!(medians, [3, 8, 14, 20]);
    }

    #[test]
    fn the_most_used_templates_come_first_and_not_all_of_them() {
        let times: Vec<_> = (0..20_u64)
            .flat_map(|template| {
                (0..=template).map(move |ms| time(&format!("t{template}"), Stage::Cloning, ms))
            })
            .collect();
        let found = by_template(&times);
        assert_eq!(found.len(), TEMPLATES_MAX);
        assert_eq!((found[0].template.as_str(), found[0].runs), ("t19", 20));
    }
}
