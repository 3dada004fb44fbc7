//! Numbers derived from a progress at a moment of the server's clock.
//!
//! Pure: the moment is always a parameter, so the same code serves the server's render, the ticking
//! page and the tests. Nothing here trusts the browser's clock.

use crate::api::{Progress, Stage, StageProgress, StageState, Status, Timestamp};

/// Where the active stage's segment stops following time in a straight line.
const LINEAR_UNTIL: f64 = 0.75;
/// A segment that is not done never looks full.
const FULLEST: f64 = 0.97;

/// What can be said about the time that is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outlook {
    /// Least and most milliseconds that are left; equal when only a point is known. `None` when
    /// there is nothing to learn from.
    pub(crate) span_ms: Option<(u64, u64)>,
    /// The current stage takes longer than it usually does at most, as the server said.
    pub(crate) late: Option<LateNow>,
}

/// How late the current stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LateNow {
    /// How long it usually takes at most, in milliseconds.
    pub(crate) up_to_ms: u64,
    /// How long it has taken so far.
    pub(crate) running_ms: u64,
    /// How many earlier runs there are, when it is slower than every one of them.
    pub(crate) slower_than: Option<u32>,
}

/// One segment of the bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Segment {
    /// Its width in proportion to the others.
    pub(crate) weight: f64,
    /// How much of it is filled, 0 to 1; `None` for an active stage of which nothing is known.
    pub(crate) filled: Option<f64>,
    /// The state of its stage.
    pub(crate) state: StageState,
}

/// How long one stage took, beside what is usual for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lane {
    /// The stage in a person's words.
    pub(crate) label: String,
    /// How long it took, in milliseconds.
    pub(crate) took_ms: u64,
    /// How long it usually takes: from and to, equal where only a middle is known.
    pub(crate) usually_ms: Option<(u64, u64)>,
    /// How long it took as a part of the whole scale, 0 to 1.
    pub(crate) part: f64,
    /// Likewise from where to where it usually ends.
    pub(crate) usual_part: Option<(f64, f64)>,
    /// How it went.
    pub(crate) pace: Pace,
}

/// How a stage went, beside what is usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// About as always, or nothing is known of that.
    Usual,
    /// Much slower.
    Slow,
    /// It failed.
    Failed,
}

impl Pace {
    /// The word that the style sheets use.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Usual => "usual",
            Self::Slow => "slow",
            Self::Failed => "failed",
        }
    }
}

/// Where only the middle of what is usual is known, a stage that took so many times as long was slow.
const SLOW_TIMES: u64 = 2;
/// And took at least so many milliseconds longer than usual: nobody minds less.
const SLOW_BY_MS: u64 = 1_000;
/// The scale of the chart is at most so many times as long as its longest bar.
const SCALE_TIMES: u64 = 2;

/// Milliseconds from `from` to `now_ms`, 0 if that lies ahead.
pub(crate) fn since(from: Timestamp, now_ms: i64) -> u64 {
    u64::try_from(now_ms - from.epoch_ms()).unwrap_or(0)
}

/// Milliseconds since a worker started this attempt, until now or until it ended.
pub(crate) fn elapsed_ms(progress: &Progress, now_ms: i64) -> Option<u64> {
    let started = progress.started_at?;
    Some(since(started, progress.ended_at.map_or(now_ms, Timestamp::epoch_ms)))
}

/// Whether it takes longer than usual, and is still to become ready.
///
/// The same rule as the server's, so that a `slow` event that was lost with a connection is not missed.
pub(crate) fn is_slow(progress: &Progress, now_ms: i64) -> bool {
    let beyond = elapsed_ms(progress, now_ms).is_some_and(|ms| ms >= progress.slow_after_ms);
    let is_coming = matches!(progress.status, Status::Queued | Status::Provisioning);
    is_coming && (progress.slow || beyond)
}

/// The stage that is being worked on.
pub(crate) fn active(progress: &Progress) -> Option<&StageProgress> {
    progress.stages.iter().find(|stage| stage.state == StageState::Active)
}

/// How long it will still take at `now_ms`, from an estimate that was made at `as_of_ms`.
pub(crate) fn outlook(progress: &Progress, as_of_ms: i64, now_ms: i64) -> Outlook {
    let late = active(progress).and_then(|stage| {
        let late = progress.estimate.as_ref()?.late.as_ref()?;
        (late.stage == stage.stage).then_some(LateNow {
            up_to_ms: late.up_to_ms,
            running_ms: since(stage.started_at?, now_ms),
            slower_than: late.slower_than,
        })
    });
    let span_ms = progress.estimate.as_ref().map(|estimate| {
        let passed = u64::try_from(now_ms - as_of_ms).unwrap_or(0);
        // The stages to come take their usual time, however long this one takes; but what was
        // estimated is told as it was, never as more.
        let to_come: u64 = progress
            .stages
            .iter()
            .filter(|stage| stage.state == StageState::Pending)
            .filter_map(|stage| stage.typical_ms)
            .sum();
        let least = to_come.min(estimate.remaining_ms);
        let left = estimate.remaining_ms.saturating_sub(passed).max(least);
        let high = estimate.high_ms.map_or(left, |ms| ms.saturating_sub(passed).max(left));
        let low = estimate.low_ms.map_or(left, |ms| ms.saturating_sub(passed));
        (low.min(high), high)
    });
    Outlook { span_ms, late }
}

/// The bar: one segment a stage, as wide as the stage usually takes.
///
/// Where not every stage's usual duration is known all are equally wide: a bar in proportion to some
/// of them would lie about the others.
pub(crate) fn segments(progress: &Progress, now_ms: i64) -> Vec<Segment> {
    let Some((last, working)) = progress.stages.split_last() else { return Vec::new() };
    let all_known = working.iter().all(|stage| stage.typical_ms.is_some());
    let weight = |stage: &StageProgress| match stage.typical_ms {
        Some(ms) if all_known => as_f64(ms).max(1.0),
        Some(_) | None => 1.0,
    };
    // Ready takes no time: beside known durations it is a mere end mark.
    let end_mark = if all_known { 0.0 } else { 1.0 };
    let segment = |stage: &StageProgress, weight: f64| Segment {
        weight,
        filled: filled(stage, now_ms),
        state: stage.state,
    };
    working
        .iter()
        .map(|stage| segment(stage, weight(stage)))
        .chain(std::iter::once(segment(last, end_mark)))
        .collect()
}

/// How much of the whole is done, 0 to 1, by what the stages usually take.
pub(crate) fn completed(progress: &Progress, now_ms: i64) -> f64 {
    let segments = segments(progress, now_ms);
    let all: f64 = segments.iter().map(|segment| segment.weight).sum();
    let done = |segment: &Segment| segment.weight * segment.filled.unwrap_or(0.0);
    segments.iter().map(done).sum::<f64>() / all.max(1.0)
}

/// The stages that took time, each beside what is usual, on one scale.
pub(crate) fn lanes(progress: &Progress) -> Vec<Lane> {
    let timed: Vec<_> = progress
        .stages
        .iter()
        .filter(|stage| stage.stage != Stage::Ready)
        .filter_map(|stage| Some((stage, stage.duration_ms?)))
        .collect();
    let longest = |of: &dyn Fn(&StageProgress, u64) -> u64| {
        timed.iter().map(|(stage, ms)| of(stage, *ms)).max().unwrap_or(0)
    };
    let bars = longest(&|stage, ms| stage.typical_ms.unwrap_or(0).max(ms));
    let ranges = longest(&|stage, _| stage.high_ms.unwrap_or(0));
    // A range that is learned from few runs is wide, and must not make all bars short.
    let scale = ranges.min(bars.saturating_mul(SCALE_TIMES)).max(bars).max(1);
    let part = |ms: u64| (as_f64(ms) / as_f64(scale)).min(1.0);
    let lane = |(stage, took_ms): (&StageProgress, u64)| {
        let range = stage.low_ms.zip(stage.high_ms);
        let usually_ms = range.or_else(|| stage.typical_ms.map(|ms| (ms, ms)));
        let slow_beyond = match range {
            Some((_, high)) => Some(high.saturating_add(SLOW_BY_MS)),
            None => stage
                .typical_ms
                .map(|ms| ms.saturating_mul(SLOW_TIMES).max(ms.saturating_add(SLOW_BY_MS))),
        };
        Lane {
            label: stage.label.clone(),
            took_ms,
            usually_ms,
            part: part(took_ms),
            usual_part: usually_ms.map(|(low, high)| (part(low), part(high))),
            pace: match slow_beyond {
                _ if stage.state == StageState::Failed => Pace::Failed,
                Some(limit) if took_ms > limit => Pace::Slow,
                Some(_) | None => Pace::Usual,
            },
        }
    };
    timed.into_iter().map(lane).collect()
}

fn filled(stage: &StageProgress, now_ms: i64) -> Option<f64> {
    match stage.state {
        StageState::Pending | StageState::Skipped => Some(0.0),
        StageState::Done | StageState::Failed | StageState::Undone => Some(1.0),
        StageState::Active => {
            let usual = stage.typical_ms.filter(|&ms| ms > 0)?;
            let running = since(stage.started_at?, now_ms);
            Some(fill(as_f64(running) / as_f64(usual)))
        }
    }
}

/// How full a segment is after this part of its usual duration: in step with time at first, slower
/// and slower towards its end, never full.
///
/// The curve has no kink: both pieces meet with slope 1.
fn fill(part: f64) -> f64 {
    let rest = 1.0 - LINEAR_UNTIL;
    let fullness = if part <= LINEAR_UNTIL {
        part.max(0.0)
    } else {
        1.0 - rest * (-(part - LINEAR_UNTIL) / rest).exp()
    };
    fullness.min(FULLEST)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a stage are far below 2^52")]
fn as_f64(ms: u64) -> f64 {
    ms as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{Estimate, Stage, Status},
        sample,
    };

    #[test]
    fn elapsed_stands_still_once_it_has_ended() {
        let mut progress = sample::progress();
        let started = progress.started_at.unwrap().epoch_ms();
        assert_eq!(elapsed_ms(&progress, started + 5_000), Some(5_000));
        progress.ended_at = Some(sample::at(9_000));
        assert_eq!(
            elapsed_ms(&progress, started + 999_000),
            Some(since(sample::at(0), sample::at(9_000).epoch_ms()))
        );
        progress.started_at = None;
        assert_eq!(elapsed_ms(&progress, started), None);
    }

    #[test]
    fn slow_is_decided_by_the_limit_even_if_the_event_was_lost() {
        let mut progress = sample::progress();
        let limit = progress.started_at.unwrap().epoch_ms() + 600_000;
        assert!(!is_slow(&progress, limit - 1));
        assert!(is_slow(&progress, limit));
        progress.slow = true;
        assert!(is_slow(&progress, 0));
        for status in [Status::Ready, Status::Undoing] {
            progress.status = status;
            assert!(!is_slow(&progress, limit), "{status:?}");
        }
    }

    #[test]
    fn the_span_shrinks_with_time_but_not_below_the_stages_to_come() {
        let progress = sample::progress();
        let now = sample::NOW_MS;
        assert_eq!(outlook(&progress, now, now).span_ms, Some((21_000, 66_000)));
        assert_eq!(outlook(&progress, now, now + 4_000).span_ms, Some((17_000, 62_000)));
        let mut early = progress.clone();
        early.estimate =
            early.estimate.map(|estimate| Estimate { remaining_ms: 44_000, ..estimate });
        // Start VM and Wait for network usually take 5.2 s and 30 s: that much is left at least.
        assert_eq!(outlook(&early, now, now + 500_000).span_ms, Some((0, 35_200)));
        // But never more than what was estimated.
        assert_eq!(outlook(&progress, now, now + 500_000).span_ms, Some((0, 34_000)));
    }

    #[test]
    fn a_point_estimate_gives_a_span_of_one_point() {
        let mut progress = sample::progress();
        let estimate = progress.estimate.as_mut().unwrap();
        (estimate.low_ms, estimate.high_ms) = (None, None);
        estimate.remaining_ms = 40_000;
        let now = sample::NOW_MS;
        assert_eq!(outlook(&progress, now, now + 1_000).span_ms, Some((39_000, 39_000)));
    }

    #[test]
    fn a_stage_is_late_when_the_server_says_so_and_goes_on_from_there() {
        let mut progress = sample::progress();
        let entered = active(&progress).unwrap().started_at.unwrap().epoch_ms();
        assert_eq!(outlook(&progress, entered, entered + 90_000).late, None);
        let estimate = progress.estimate.as_mut().unwrap();
        estimate.late = Some(sample::late(Stage::Configuring, None));
        let late = LateNow { up_to_ms: 9_000, running_ms: 12_000, slower_than: None };
        assert_eq!(outlook(&progress, entered, entered + 12_000).late, Some(late));
        // Said of a stage that is over by now.
        progress.stages[2].state = StageState::Done;
        assert_eq!(outlook(&progress, entered, entered + 12_000).late, None);
    }

    #[test]
    fn a_segment_is_as_wide_as_its_stage_usually_takes() {
        let weights: Vec<_> =
            segments(&sample::progress(), sample::NOW_MS).iter().map(|s| s.weight).collect();
        assert_eq!(weights, [900.0, 39_500.0, 6_100.0, 5_200.0, 30_000.0, 0.0]);
    }

    #[test]
    fn segments_are_equal_when_a_usual_duration_is_not_known() {
        let mut progress = sample::progress();
        progress.stages[3].typical_ms = None;
        let segments = segments(&progress, sample::NOW_MS);
        assert!(segments.iter().all(|segment| segment.weight == 1.0));
    }

    #[test]
    fn lanes_are_on_one_scale_and_say_what_was_slow() {
        let mut progress = sample::progress();
        progress.stages[2].duration_ms = Some(20_000);
        progress.stages[2].state = StageState::Done;
        let lanes = lanes(&progress);
        let paces: Vec<_> = lanes.iter().map(|lane| lane.pace).collect();
        assert_eq!(paces, [Pace::Usual, Pace::Usual, Pace::Slow]);
        assert_eq!(lanes[1].part, 1.0, "the longest of all");
        assert!((lanes[2].part - 20_000.0 / 41_033.0).abs() < 1e-9);
        let middle = Some((6_100.0 / 41_033.0, 6_100.0 / 41_033.0));
        assert_eq!(lanes[2].usual_part, middle, "only the middle is known");
        progress.stages[2].state = StageState::Failed;
        assert_eq!(super::lanes(&progress)[2].pace, Pace::Failed);
    }

    #[test]
    fn a_lane_is_slow_beyond_the_range_and_a_wide_range_leaves_the_bars_long() {
        let mut progress = sample::progress();
        let clone = &mut progress.stages[1];
        (clone.low_ms, clone.high_ms) = (Some(20_000), Some(40_000));
        let lane = |progress: &Progress| lanes(progress)[1].clone();
        let usual = lane(&progress);
        assert_eq!((usual.pace, usual.usually_ms), (Pace::Slow, Some((20_000, 40_000))));
        assert_eq!(usual.usual_part, Some((20_000.0 / 41_033.0, 40_000.0 / 41_033.0)));
        progress.stages[1].high_ms = Some(40_033);
        assert_eq!(lane(&progress).pace, Pace::Usual, "nobody minds a second");
        progress.stages[1].high_ms = Some(900_000);
        let wide = lane(&progress);
        assert_eq!((wide.part, wide.usual_part.map(|(_, to)| to)), (0.5, Some(1.0)));
    }

    #[test]
    fn what_is_completed_grows_and_is_never_all_before_the_end() {
        let progress = sample::progress();
        let now = sample::NOW_MS;
        assert!((0.5..0.56).contains(&completed(&progress, now)));
        assert!(completed(&progress, now + 2_000) > completed(&progress, now));
        assert!(completed(&progress, now + 3_600_000) < 0.6);
    }

    #[test]
    fn an_active_segment_follows_time_then_slows_and_is_never_full() {
        assert_eq!(fill(0.5), 0.5);
        assert_eq!(fill(0.75), 0.75);
        assert!((fill(1.0) - 0.908).abs() < 0.001);
        assert_eq!(fill(50.0), FULLEST);
        let steps: Vec<_> = (0..200).map(|n| fill(f64::from(n) / 100.0)).collect();
        assert!(steps.windows(2).all(|pair| pair[0] <= pair[1]));
    }
}
