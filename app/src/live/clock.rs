//! The server's clock, as far as a page can know it.

/// What the server's clock says, from its own words and the browser's monotonic clock.
///
/// The browser's wall clock is never asked: it may be hours wrong. What the server said always lies
/// a little in the past when it is heard, so the latest of all sayings is the truest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ServerClock {
    /// Server's milliseconds since 1970, minus the monotonic clock's milliseconds.
    offset_ms: f64,
}

/// A saying this much earlier than expected is no delay on the way: the server's clock was set back.
const SET_BACK_MS: f64 = 5_000.0;

impl ServerClock {
    /// A clock that showed `server_ms` when the monotonic clock showed `monotonic_ms`.
    pub(crate) fn new(server_ms: i64, monotonic_ms: f64) -> Self {
        Self { offset_ms: as_f64(server_ms) - monotonic_ms }
    }

    /// Takes what the server just said.
    pub(crate) fn observe(&mut self, server_ms: i64, monotonic_ms: f64) {
        let seen = as_f64(server_ms) - monotonic_ms;
        if seen > self.offset_ms || seen < self.offset_ms - SET_BACK_MS {
            self.offset_ms = seen;
        }
    }

    /// The server's milliseconds since 1970.
    pub(crate) fn now_ms(&self, monotonic_ms: f64) -> i64 {
        to_i64(self.offset_ms + monotonic_ms)
    }
}

/// Notices that the computer slept: the wall clock went on while the monotonic one stood still, as it
/// does on some systems. A wall clock that was merely set looks the same, which does no harm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SleepWatch {
    /// The wall clock's milliseconds minus the monotonic one's.
    ahead_ms: f64,
}

/// From how far on two clocks that should agree have not: timers and small corrections stay below.
const SLEPT_MS: f64 = 5_000.0;

impl SleepWatch {
    /// A watch that begins now.
    pub(crate) fn new(wall_ms: f64, monotonic_ms: f64) -> Self {
        Self { ahead_ms: wall_ms - monotonic_ms }
    }

    /// Whether the computer slept since the last look.
    pub(crate) fn slept(&mut self, wall_ms: f64, monotonic_ms: f64) -> bool {
        let ahead_ms = wall_ms - monotonic_ms;
        let slept = (ahead_ms - self.ahead_ms).abs() > SLEPT_MS;
        // Followed always, so that a clock that drifts is never taken for a sleep.
        self.ahead_ms = ahead_ms;
        slept
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are below 2^53")]
fn as_f64(ms: i64) -> f64 {
    ms as f64
}

#[expect(clippy::cast_possible_truncation, reason = "a cast saturates, and the value is a time")]
fn to_i64(ms: f64) -> i64 {
    ms as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: i64 = 1_795_349_052_812;

    #[test]
    fn it_goes_on_with_the_monotonic_clock() {
        let clock = ServerClock::new(SERVER, 120.0);
        assert_eq!(clock.now_ms(5_120.0), SERVER + 5_000);
    }

    #[test]
    fn a_saying_that_was_delayed_does_not_turn_it_back() {
        let mut clock = ServerClock::new(SERVER, 0.0);
        clock.observe(SERVER + 10_000, 10_900.0);
        assert_eq!(clock.now_ms(11_000.0), SERVER + 11_000);
    }

    #[test]
    fn a_saying_that_was_quicker_is_truer() {
        let mut clock = ServerClock::new(SERVER, 400.0);
        clock.observe(SERVER + 10_000, 10_000.0);
        assert_eq!(clock.now_ms(11_000.0), SERVER + 11_000);
    }

    #[test]
    fn it_follows_a_server_clock_that_was_set_back() {
        let mut clock = ServerClock::new(SERVER, 0.0);
        clock.observe(SERVER - 60_000, 10_000.0);
        assert_eq!(clock.now_ms(10_000.0), SERVER - 60_000);
    }

    #[test]
    fn a_sleep_is_a_wall_clock_that_went_on_alone() {
        let mut watch = SleepWatch::new(1e12, 100.0);
        assert!(!watch.slept(1e12 + 60_000.0, 60_100.0));
        assert!(!watch.slept(1e12 + 60_900.0, 60_600.0), "a small correction");
        assert!(watch.slept(1e12 + 3_661_000.0, 61_100.0));
        assert!(!watch.slept(1e12 + 3_661_500.0, 61_600.0), "once");
        assert!(watch.slept(1e12, 62_000.0), "a clock that was set back");
    }
}
