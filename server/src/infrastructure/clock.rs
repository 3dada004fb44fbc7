//! PostgreSQL's clock, as far as it is known here.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use crate::domain::ports::clock::Clock;

/// Tells PostgreSQL's time between the looks at it, by this machine's monotonic clock.
///
/// So a wrong or jumping wall clock of this machine changes nothing once PostgreSQL was asked.
#[derive(Debug)]
pub struct PostgresClock {
    /// PostgreSQL's time at an instant of ours. A std mutex: it is held for a copy.
    anchor: Mutex<(DateTime<Utc>, Instant)>,
}

impl PostgresClock {
    /// A clock that tells this machine's time until PostgreSQL was asked.
    #[expect(clippy::disallowed_methods, reason = "the one place that must begin somewhere")]
    pub fn new() -> Self {
        Self { anchor: Mutex::new((Utc::now(), Instant::now())) }
    }

    /// PostgreSQL said `now` in the answer to a question asked at `asked`.
    pub fn observe(&self, now: DateTime<Utc>, asked: Instant) {
        let answered = Instant::now();
        // The true moment lies between question and answer; the middle is off by at most half of that.
        let middle = asked + answered.duration_since(asked) / 2;
        *self.anchor.lock().unwrap_or_else(PoisonError::into_inner) = (now, middle);
    }
}

impl Default for PostgresClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for PostgresClock {
    fn now(&self) -> DateTime<Utc> {
        let (now, at) = *self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now + at.elapsed();
        now.duration_trunc(TimeDelta::milliseconds(1)).unwrap_or(now)
    }
}
