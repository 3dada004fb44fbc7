//! How a finished request compares with earlier ones.

use super::ProgressQuery;
use crate::domain::ports::event_store::StoreError;
use crate::domain::timeline::{StageTimes, Timeline};

/// How many earlier requests a finished one is compared with: as many as the estimate learns from.
const RANK_RUNS_MAX: u32 = 200;

/// With fewer a comparison says nothing.
const RANK_RUNS_MIN: u32 = 5;

/// How a finished request compares with earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rank {
    /// How many of them took longer, in percent, rounded down.
    pub faster_than_percent: u32,
    /// How many they are.
    pub runs: u32,
}

impl Rank {
    fn of(own_ms: u64, others_ms: &[u64]) -> Option<Self> {
        let runs = u32::try_from(others_ms.len()).ok().filter(|runs| *runs >= RANK_RUNS_MIN)?;
        let slower = others_ms.iter().filter(|other| **other > own_ms).count();
        let percent = 100 * slower / others_ms.len();
        Some(Self { faster_than_percent: u32::try_from(percent).ok()?, runs })
    }
}

impl ProgressQuery {
    /// How this finished request compares with those of its template that were finished before it; `None`
    /// while there are too few to compare with.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn rank(&self, timeline: &Timeline) -> Result<Option<Rank>, StoreError> {
        let (Some(vcenter), Some(ended_at)) = (&timeline.vcenter, timeline.ended_at) else {
            return Ok(None);
        };
        let stages = timeline.stages.iter();
        let own: u64 = stages.filter_map(StageTimes::duration_ms).sum();
        let template = &timeline.spec.template;
        let others = self.repository.totals(vcenter, template, ended_at, RANK_RUNS_MAX).await?;
        Ok(Rank::of(own, &others))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_request_is_compared_with_enough_earlier_ones_only() {
        assert_eq!(Rank::of(1, &[2, 2, 2, 2]), None);
        let others = [10, 20, 30, 40, 50];
        for (own_ms, faster_than_percent) in [(5, 100), (10, 80), (35, 40), (50, 0), (99, 0)] {
            let expected = Some(Rank { faster_than_percent, runs: 5 });
            assert_eq!(Rank::of(own_ms, &others), expected, "{own_ms}");
        }
        assert_eq!(Rank::of(1, &[0, 2, 2, 2, 2, 2]).map(|rank| rank.faster_than_percent), Some(83));
    }
}
