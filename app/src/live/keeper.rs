//! When to open the stream, and when to give a connection up.
//!
//! Pure: told what happens and what the monotonic clock says, it answers what to do. `EventSource`'s
//! own reconnecting is not used, since it cannot notice a connection that died without a word, waits
//! as long as it likes, and cannot be told that the network is back.

/// Silence after which a connection counts as dead. The server says something every 15 s at least;
/// with the tick of the page this leaves time to say so within 20 s.
const SILENCE_MAX_MS: f64 = 17_000.0;
/// How long an attempt to connect may take before another is made, while the outage is short.
const OPEN_MAX_MS: f64 = 2_500.0;
/// The same once many attempts have failed: perhaps the network is merely slow.
const OPEN_MAX_LATER_MS: f64 = 10_000.0;
/// Attempts after which the network may be merely slow.
const QUICK_ATTEMPTS: u32 = 20;
/// Pause between two attempts while the server cannot be reached.
const PAUSE_MS: f64 = 1_500.0;
/// Longest pause while the server answers, but not with a stream (restarting, overloaded, gone).
const PAUSE_REFUSED_MAX_MS: f64 = 15_000.0;

/// What the page says about its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// As rendered by the server; nothing is open yet.
    Rendered,
    /// Events arrive.
    Live,
    /// The connection is lost and is being opened again.
    Reconnecting,
    /// The request has ended: nothing more will come.
    Ended,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing.
    Wait,
    /// Close what is open, if anything, and open again from the last known event.
    Open,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    Opening { since_ms: f64 },
    Open,
    Pausing { until_ms: f64 },
    Ended,
}

/// Keeps one stream open.
#[derive(Debug, Clone)]
pub(crate) struct Keeper {
    phase: Phase,
    /// When something was heard last.
    heard_ms: f64,
    /// Attempts since something was heard.
    failures: u32,
    was_live: bool,
}

impl Keeper {
    /// A keeper whose stream is to be opened at the first [`Self::tick`].
    pub(crate) fn new(now_ms: f64) -> Self {
        let phase = Phase::Pausing { until_ms: now_ms };
        Self { phase, heard_ms: now_ms, failures: 0, was_live: false }
    }

    /// What to tell the person who waits.
    pub(crate) fn link(&self) -> Link {
        match self.phase {
            Phase::Ended => Link::Ended,
            Phase::Open => Link::Live,
            Phase::Opening { .. } | Phase::Pausing { .. } if self.was_live || self.failures > 0 => {
                Link::Reconnecting
            }
            Phase::Opening { .. } | Phase::Pausing { .. } => Link::Rendered,
        }
    }

    /// Milliseconds since something was heard.
    pub(crate) fn silent_ms(&self, now_ms: f64) -> f64 {
        now_ms - self.heard_ms
    }

    /// To be asked about twice a second.
    pub(crate) fn tick(&mut self, now_ms: f64) -> Action {
        let must_open = match self.phase {
            Phase::Ended => false,
            Phase::Open => self.silent_ms(now_ms) > SILENCE_MAX_MS,
            Phase::Pausing { until_ms } => now_ms >= until_ms,
            Phase::Opening { since_ms } => {
                let patience =
                    if self.failures < QUICK_ATTEMPTS { OPEN_MAX_MS } else { OPEN_MAX_LATER_MS };
                let is_late = now_ms - since_ms > patience;
                self.failures += u32::from(is_late);
                is_late
            }
        };
        if must_open { self.open(now_ms) } else { Action::Wait }
    }

    /// The stream is open, or something came from it.
    pub(crate) fn heard(&mut self, now_ms: f64) {
        if self.phase != Phase::Ended {
            self.phase = Phase::Open;
            self.heard_ms = now_ms;
            self.failures = 0;
            self.was_live = true;
        }
    }

    /// The stream broke. `is_refused`: the server answered, but not with a stream.
    pub(crate) fn failed(&mut self, now_ms: f64, is_refused: bool) {
        if self.phase == Phase::Ended {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        let longest = if is_refused { PAUSE_REFUSED_MAX_MS } else { PAUSE_MS };
        let pause = (PAUSE_MS * f64::from(self.failures)).min(longest);
        self.phase = Phase::Pausing { until_ms: now_ms + pause };
    }

    /// The person looks again: nothing is waited for, and a connection that has been silent too long
    /// is not trusted.
    pub(crate) fn wake(&mut self, now_ms: f64) -> Action {
        let is_alive = self.phase == Phase::Open && self.silent_ms(now_ms) <= SILENCE_MAX_MS;
        if is_alive { Action::Wait } else { self.reopen(now_ms) }
    }

    /// The network was away and is back: what was open is not to be trusted.
    pub(crate) fn reopen(&mut self, now_ms: f64) -> Action {
        if self.phase == Phase::Ended { Action::Wait } else { self.open(now_ms) }
    }

    /// Nothing more will come.
    pub(crate) fn end(&mut self) {
        self.phase = Phase::Ended;
    }

    fn open(&mut self, now_ms: f64) -> Action {
        self.phase = Phase::Opening { since_ms: now_ms };
        Action::Open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live_at(now_ms: f64) -> Keeper {
        let mut keeper = Keeper::new(now_ms);
        assert_eq!(keeper.tick(now_ms), Action::Open);
        keeper.heard(now_ms);
        assert_eq!(keeper.link(), Link::Live);
        keeper
    }

    #[test]
    fn a_first_connection_is_not_called_a_reconnection() {
        let mut keeper = Keeper::new(0.0);
        assert_eq!(keeper.link(), Link::Rendered);
        assert_eq!(keeper.tick(0.0), Action::Open);
        assert_eq!(keeper.link(), Link::Rendered);
        keeper.failed(100.0, false);
        assert_eq!(keeper.link(), Link::Reconnecting);
    }

    #[test]
    fn silence_beyond_a_ping_ends_a_connection_within_20_s() {
        let mut keeper = live_at(0.0);
        assert_eq!(keeper.tick(17_000.0), Action::Wait);
        assert_eq!(keeper.tick(17_500.0), Action::Open);
        assert_eq!(keeper.link(), Link::Reconnecting);
    }

    #[test]
    fn while_the_network_is_cut_it_tries_every_second_and_a_half() {
        let mut keeper = live_at(0.0);
        for attempt in 0..40 {
            let now = 2_000.0 * f64::from(attempt);
            keeper.failed(now, false);
            assert_eq!(keeper.tick(now + 1_499.0), Action::Wait);
            assert_eq!(keeper.tick(now + 1_500.0), Action::Open);
        }
    }

    #[test]
    fn an_attempt_that_hangs_is_given_up_soon_and_later_more_patiently() {
        let mut keeper = Keeper::new(0.0);
        assert_eq!(keeper.tick(0.0), Action::Open);
        assert_eq!(keeper.tick(2_500.0), Action::Wait);
        let mut now = 0.0;
        for _ in 0..QUICK_ATTEMPTS {
            now += 2_501.0;
            assert_eq!(keeper.tick(now), Action::Open);
        }
        assert_eq!(keeper.tick(now + 9_000.0), Action::Wait);
        assert_eq!(keeper.tick(now + 10_001.0), Action::Open);
    }

    #[test]
    fn a_server_that_refuses_is_asked_less_and_less_often() {
        let mut keeper = live_at(0.0);
        keeper.failed(0.0, true);
        assert_eq!(keeper.tick(1_500.0), Action::Open);
        keeper.failed(1_500.0, true);
        assert_eq!(keeper.tick(4_499.0), Action::Wait);
        assert_eq!(keeper.tick(4_500.0), Action::Open);
        for _ in 0..100 {
            keeper.failed(5_000.0, true);
        }
        assert_eq!(keeper.tick(19_999.0), Action::Wait);
        assert_eq!(keeper.tick(20_000.0), Action::Open);
    }

    #[test]
    fn waking_opens_at_once_what_is_not_known_to_be_alive() {
        let mut keeper = live_at(0.0);
        assert_eq!(keeper.wake(3_000.0), Action::Wait);
        assert_eq!(keeper.wake(60_000.0), Action::Open);
        keeper.failed(61_000.0, false);
        assert_eq!(keeper.wake(61_100.0), Action::Open);
    }

    #[test]
    fn a_network_that_came_back_is_used_anew() {
        let mut keeper = live_at(0.0);
        assert_eq!(keeper.reopen(3_000.0), Action::Open);
        assert_eq!(keeper.link(), Link::Reconnecting);
    }

    #[test]
    fn after_the_end_nothing_is_opened_again() {
        let mut keeper = live_at(0.0);
        keeper.end();
        keeper.failed(1_000.0, false);
        keeper.heard(1_000.0);
        assert_eq!(keeper.tick(99_000.0), Action::Wait);
        assert_eq!(keeper.wake(99_000.0), Action::Wait);
        assert_eq!(keeper.reopen(99_000.0), Action::Wait);
        assert_eq!(keeper.link(), Link::Ended);
    }
}
