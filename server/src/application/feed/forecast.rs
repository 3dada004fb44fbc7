//! Tells those who watch how long it will still take, when that is no longer what they were told.
//!
//! Each watched request is looked at by itself, whoever watches it: the estimate is made and rendered
//! once for all its readers. Nobody is told the same twice: only what has moved by more than a tenth
//! against what was told less the time that has passed since, what has outlived it, and a stage that has
//! become late.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::{Announcement, Feed, SharedTopic, lock};
use crate::application::patience::answered;
use crate::application::vcenter::CurrentVcenter;
use crate::domain::estimate::{Estimate, Late, Learned, Position, Told};
use crate::domain::ports::clock::Clock;
use crate::domain::ports::progress::ProgressRepository;
use crate::domain::timeline::Timeline;

/// How often it is asked which requests are due: how late a stage is said to be late.
const TICK: Duration = Duration::from_secs(1);

/// After how long a request's estimate is made anew although nothing happened.
const ESTIMATE_INTERVAL: Duration = Duration::from_secs(5);

/// A smaller move than this is told to nobody: no person sees it.
const MOVE_MIN_MS: u64 = 1_000;

/// What the readers of one request were told last, and when to look again.
#[derive(Debug, Default)]
pub(super) struct Forecast {
    /// The newest event when it was told.
    seq: u32,
    told: Option<(DateTime<Utc>, Option<Estimate>)>,
    due: Option<Instant>,
    /// Somebody has no snapshot, and may have missed what was told.
    is_owed: bool,
}

impl Forecast {
    /// Somebody came back who may have missed what was told: it is told again.
    pub(super) fn forget(&mut self) {
        *self = Self { is_owed: true, ..Self::default() };
    }

    /// The estimate to tell now, and whether a stage has become late with it.
    fn next(&mut self, seq: u32, now: DateTime<Utc>, told: Told) -> Option<(Estimate, bool)> {
        // The first readers have it from their snapshots, unless a stage became late since.
        let is_late = told.estimate.is_some_and(|estimate| estimate.late.is_some());
        let is_known = self.seq == 0 && !std::mem::take(&mut self.is_owed) && !is_late;
        self.seq = seq;
        if is_known {
            self.told = Some((now, told.estimate));
            return None;
        }
        let estimate = told.estimate?;
        let before = self.told.and_then(|(at, before)| Some((at, before?)));
        let is_later = |late: &Late| {
            let known = before.and_then(|(_, before)| before.late);
            known.is_none_or(|known| known.slower_than.is_none() && late.slower_than.is_some())
        };
        let became_late = estimate.late.as_ref().is_some_and(is_later);
        let has_moved = before.is_none_or(|(at, before)| has_moved(&before, at, &estimate, now));
        if !became_late && !has_moved {
            return None;
        }
        self.told = Some((now, Some(estimate)));
        Some((estimate, became_late))
    }
}

/// Whether what was told has moved by more than a tenth, or has been outlived.
fn has_moved(told: &Estimate, at: DateTime<Utc>, now_told: &Estimate, now: DateTime<Utc>) -> bool {
    let passed = u64::try_from((now - at).num_milliseconds()).unwrap_or(0);
    let Some(expected) = told.remaining_ms.checked_sub(passed) else { return true };
    now_told.remaining_ms.abs_diff(expected) > (expected / 10).max(MOVE_MIN_MS)
}

/// Tells watched requests' estimates until `shutdown`.
pub async fn run(
    feed: Arc<Feed>,
    repository: Arc<dyn ProgressRepository>,
    vcenter: Arc<CurrentVcenter>,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) {
    while shutdown.run_until_cancelled(tokio::time::sleep(TICK)).await.is_some() {
        for shared in feed.watched() {
            let Some(timeline) = is_due(&shared) else { continue };
            let vcenter = timeline.vcenter.clone().or_else(|| vcenter.known());
            // While PostgreSQL is away nothing new is told: what was told stands.
            let learned = repository.learned(vcenter.as_ref(), &timeline.spec);
            if let Ok(learned) = answered(learned).await {
                let told = || tell(&feed, &shared, &timeline, &learned, clock.now());
                // A defect here is no reason to end a server that builds VMs: it would come again with
                // the next reader. What it leaves locked is whole at every step.
                if catch_unwind(AssertUnwindSafe(told)).is_err() {
                    error!(request.id = %timeline.request, "an estimate could not be told");
                }
            }
        }
    }
}

/// The timeline of a topic whose estimate is to be made now.
fn is_due(shared: &SharedTopic) -> Option<Timeline> {
    let mut forecast = lock(&shared.forecast);
    let timeline = {
        let topic = shared.topic();
        let timeline = topic.timeline().filter(|timeline| !timeline.status.has_ended())?;
        let waits = forecast.due.is_some_and(|due| Instant::now() < due);
        if waits && forecast.seq == timeline.seq {
            return None;
        }
        timeline.clone()
    };
    if forecast.seq != timeline.seq {
        let first = forecast.seq == 0;
        // The event has told everybody; but who came back may not have it from here.
        forecast.told = (!first).then_some((timeline.at, timeline.told.estimate));
    }
    forecast.due = Some(Instant::now() + ESTIMATE_INTERVAL);
    Some(timeline)
}

fn tell(
    feed: &Feed,
    shared: &SharedTopic,
    timeline: &Timeline,
    learned: &Learned,
    now: DateTime<Utc>,
) {
    let position = timeline.position(now);
    let frame = {
        let mut forecast = lock(&shared.forecast);
        if let Position::In(stage, elapsed_ms) = position
            && let Some(left_ms) = learned.late_from_ms(stage)
            && let Some(left_ms) = left_ms.checked_sub(elapsed_ms)
        {
            // Just when the stage becomes late, so that it is told then.
            let late = Instant::now() + Duration::from_millis(left_ms);
            forecast.due = forecast.due.map(|due| due.min(late));
        }
        forecast.next(timeline.seq, now, learned.tell(position)).map(|(estimate, became_late)| {
            Arc::new(feed.renderer.estimate(&estimate, became_late, now))
        })
    };
    if let Some(frame) = frame {
        shared.announce(Announcement::Unnumbered(frame));
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::domain::estimate::Basis;
    use crate::domain::stage::VmProvisioningStage as Stage;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(ms)
    }

    fn estimate(remaining_ms: u64) -> Estimate {
        Estimate {
            remaining_ms,
            low_ms: Some(0),
            high_ms: Some(2 * remaining_ms),
            samples: 42,
            basis: Basis::Template,
            average_ms: None,
            late: None,
        }
    }

    fn told(estimate: Estimate) -> Told {
        Told { estimate: Some(estimate), ..Told::default() }
    }

    fn begun(remaining_ms: u64) -> Forecast {
        Forecast {
            seq: 3,
            told: Some((at(0), Some(estimate(remaining_ms)))),
            ..Forecast::default()
        }
    }

    #[test]
    fn what_a_snapshot_has_just_told_is_not_told_again() {
        let mut forecast = Forecast::default();
        assert_eq!(forecast.next(3, at(0), told(estimate(60_000))), None);
        assert_eq!(forecast.next(3, at(5_000), told(estimate(55_000))), None);
        let moved = estimate(40_000);
        assert_eq!(forecast.next(3, at(5_000), told(moved)), Some((moved, false)));
    }

    #[test]
    fn what_shrinks_with_time_is_not_told_again() {
        let mut forecast = begun(60_000);
        assert_eq!(forecast.next(3, at(5_000), told(estimate(55_000))), None);
        assert_eq!(forecast.next(3, at(5_000), told(estimate(60_400))), None, "less than a tenth");
        let moved = estimate(60_600);
        assert_eq!(forecast.next(3, at(5_000), told(moved)), Some((moved, false)));
        // From here on that is what was told.
        assert_eq!(forecast.next(3, at(10_000), told(estimate(55_600))), None);
        let less = estimate(40_000);
        assert_eq!(forecast.next(3, at(10_000), told(less)), Some((less, false)));
    }

    #[test]
    fn what_was_outlived_is_told_anew() {
        let mut forecast = begun(2_000);
        assert_eq!(forecast.next(3, at(1_900), told(estimate(900))), None, "nobody sees that");
        let outlived = estimate(600);
        assert_eq!(forecast.next(3, at(2_001), told(outlived)), Some((outlived, false)));
    }

    #[test]
    fn a_stage_that_became_late_is_told_once_and_once_more_when_it_was_never_slower() {
        let mut forecast = begun(60_000);
        let late = |slower_than| {
            let (stage, elapsed_ms, up_to_ms) = (Stage::Cloning, 9_000, 8_000);
            Some(Late { stage, elapsed_ms, up_to_ms, slower_than })
        };
        let same = Estimate { late: late(None), ..estimate(59_000) };
        assert_eq!(forecast.next(3, at(1_000), told(same)), Some((same, true)));
        assert_eq!(forecast.next(3, at(1_000), told(same)), None);
        let never = Estimate { late: late(Some(40)), ..estimate(59_000) };
        assert_eq!(forecast.next(3, at(1_000), told(never)), Some((never, true)));
        assert_eq!(forecast.next(3, at(1_000), told(never)), None);
    }

    #[test]
    fn the_first_estimate_is_told_and_none_is_not() {
        let mut forecast = Forecast { seq: 3, told: Some((at(0), None)), ..Forecast::default() };
        assert_eq!(forecast.next(3, at(0), Told::default()), None);
        let first = estimate(10_000);
        assert_eq!(forecast.next(3, at(0), told(first)), Some((first, false)));
        forecast.forget();
        assert_eq!(forecast.next(3, at(0), told(first)), Some((first, false)), "for who came back");
    }
}
