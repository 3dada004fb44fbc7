//! When a stream ends because its server stops.
//!
//! Each ends at a moment of its own, so that those who watched come to the next server one after the
//! other and not all at once.

use std::time::Duration;

use rand::RngExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Over which time the streams of a server that stops end. Long enough to spread thousands of readers,
/// short enough that an operator does not wait.
pub const DRAIN: Duration = Duration::from_secs(2);

/// Tells one stream when to end.
#[derive(Debug)]
pub struct Leaving {
    shutdown: CancellationToken,
    /// Drawn when the shutdown begins.
    at: Option<Instant>,
}

impl Leaving {
    /// For one stream of the server that `shutdown` stops.
    pub fn new(shutdown: CancellationToken) -> Self {
        Self { shutdown, at: None }
    }

    /// Waits for the moment at which this stream ends.
    ///
    /// # Cancel safety
    ///
    /// It may be dropped and waited for again: the moment stays.
    pub async fn wait(&mut self) {
        self.shutdown.cancelled().await;
        let at = *self.at.get_or_insert_with(|| Instant::now() + moment());
        tokio::time::sleep_until(at).await;
    }
}

/// How long after the beginning of the shutdown one stream ends.
fn moment() -> Duration {
    rand::rng().random_range(Duration::ZERO..DRAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_spread_over_the_whole_drain() {
        let mut tenths = [false; 10];
        // A tenth is missed by all of so many once in 10^45.
        for _ in 0..1_000 {
            let tenth = moment().as_millis() * 10 / DRAIN.as_millis();
            tenths[usize::try_from(tenth).expect("small")] = true;
        }
        assert_eq!(tenths, [true; 10]);
    }

    #[tokio::test]
    async fn the_moment_stays_however_often_it_is_waited_for() {
        let shutdown = CancellationToken::new();
        let mut leaving = Leaving::new(shutdown.clone());
        assert!(tokio::time::timeout(Duration::ZERO, leaving.wait()).await.is_err());
        assert_eq!(leaving.at, None, "nothing is drawn before the shutdown");
        shutdown.cancel();
        tokio::time::timeout(Duration::ZERO, leaving.wait()).await.ok();
        let drawn = leaving.at.expect("drawn");
        leaving.wait().await;
        assert_eq!(leaving.at, Some(drawn));
        assert!(Instant::now() >= drawn);
    }
}
