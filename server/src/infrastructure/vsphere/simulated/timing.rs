//! How long things take in the simulated vCenter, and what time it is there.
//!
//! Stage times spread as real ones do: most are near the mean, a few take much longer, none is absurd.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

/// Spread of the stage times: the standard deviation of their logarithm.
const SPREAD: f64 = 0.3;
/// The shortest and the longest a stage may take, in mean delays.
const BOUNDS: (f64, f64) = (0.4, 2.5);
/// How many uniform draws make one that is close to normal: the sum of twelve has variance one.
const NORMAL_DRAWS: usize = 12;

/// Milliseconds since the Unix epoch: kept in the inventory, so it must outlive the process.
pub(super) type Millis = u64;

/// The wall clock, which never goes back while the process runs.
#[derive(Debug)]
pub(super) struct WallClock {
    base: Millis,
    since: Instant,
}

impl WallClock {
    pub(super) fn start() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { base: millis(now), since: Instant::now() }
    }

    pub(super) fn now(&self) -> Millis {
        self.base.saturating_add(millis(self.since.elapsed()))
    }
}

/// Draws how long things take.
#[derive(Debug)]
pub(super) struct Timing {
    mean: Duration,
    random: Mutex<StdRng>,
}

impl Timing {
    pub(super) fn new(mean: Duration, seed: Option<u64>) -> Self {
        let random = seed.map_or_else(rand::make_rng, StdRng::seed_from_u64);
        Self { mean, random: Mutex::new(random) }
    }

    /// The mean time of a stage.
    pub(super) fn mean(&self) -> Duration {
        self.mean
    }

    /// A time around `share` of a mean stage.
    pub(super) fn draw(&self, share: f64) -> Millis {
        let factor = {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            let sum: f64 = (0..NORMAL_DRAWS).map(|_| random.random::<f64>()).sum();
            // Half the variance is taken off, so that the mean of the logarithmic spread stays one.
            let normal = sum - 6.0;
            (SPREAD * normal - SPREAD * SPREAD / 2.0).exp().clamp(BOUNDS.0, BOUNDS.1)
        };
        millis(self.mean.mul_f64(share * factor))
    }
}

/// Whole milliseconds of a duration.
pub(super) fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stage_times_stay_near_their_mean_and_inside_their_bounds() {
        let timing = Timing::new(Duration::from_secs(10), Some(7));
        let drawn: Vec<Millis> = (0..2_000).map(|_| timing.draw(1.0)).collect();
        assert!(drawn.iter().all(|ms| (4_000..=25_000).contains(ms)));
        let mean = drawn.iter().sum::<Millis>() / 2_000;
        assert!((9_500..=10_500).contains(&mean), "mean {mean} ms");
        let distinct: std::collections::BTreeSet<_> = drawn.iter().collect();
        assert!(distinct.len() > 1_000, "they must differ from each other");
    }

    #[test]
    fn without_a_delay_everything_is_done_at_once() {
        assert_eq!(Timing::new(Duration::ZERO, Some(1)).draw(8.0), 0);
    }

    #[test]
    fn the_same_seed_gives_the_same_times() {
        let draw = |seed| Timing::new(Duration::from_secs(1), Some(seed)).draw(1.0);
        assert_eq!(draw(3), draw(3));
    }
}
