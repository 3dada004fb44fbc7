//! Whether it is worth asking vCenter: a circuit breaker, as a pure type.
//!
//! Some calls in a row that got no answer make it doubtful. Whether vCenter is away is then asked of
//! itself, by a probe: so what only concerns one VM (a host that is busy, say) stops nobody else. While
//! it is away there is one probe at a time, after pauses that grow, and nothing else; the first answer
//! of vCenter's, to whomever, closes the breaker again.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// So many calls in a row without an answer make it doubtful: one alone is often bad luck.
const UNANSWERED_MAX: u32 = 2;

/// The pause after the first probe that failed; it doubles with each further one, up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_secs(5);

/// The longest pause between probes: a vCenter that is back is noticed within a minute.
const PAUSE_MAX: Duration = Duration::from_secs(40);

/// vCenter is away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VcenterOutage {
    /// When that was first noticed.
    pub since: DateTime<Utc>,
    /// When it is asked again.
    pub next_at: DateTime<Utc>,
    /// What it looks like, in one line for a person.
    pub reason: String,
}

/// The breaker of one vCenter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// vCenter answers, as far as is known.
    Closed { unanswered: u32 },
    /// Nobody may ask it but a probe, at `next_at` of the outage.
    Open(Pending),
    /// The probe is under way.
    HalfOpen(Pending),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pending {
    outage: VcenterOutage,
    /// The pause before the probe; `None` before the first one, which is to be sent at once.
    pause: Option<Duration>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: State::Closed { unanswered: 0 } }
    }
}

impl Breaker {
    /// A call got no answer.
    pub fn unanswered(&mut self, now: DateTime<Utc>, reason: &str) {
        let State::Closed { unanswered } = &mut self.state else { return };
        *unanswered += 1;
        if *unanswered >= UNANSWERED_MAX {
            let outage = VcenterOutage { since: now, next_at: now, reason: reason.to_owned() };
            self.state = State::Open(Pending { outage, pause: None });
        }
    }

    /// vCenter has answered somebody.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// When the next probe is due, if one is waited for.
    pub fn probe_due(&self) -> Option<DateTime<Utc>> {
        match &self.state {
            State::Open(pending) => Some(pending.outage.next_at),
            State::Closed { .. } | State::HalfOpen(_) => None,
        }
    }

    /// Begins a probe, if one is due and none is under way.
    pub fn begin_probe(&mut self, now: DateTime<Utc>) -> bool {
        match &self.state {
            State::Open(pending) if pending.outage.next_at <= now => {
                self.state = State::HalfOpen(pending.clone());
                true
            }
            State::Open(_) | State::Closed { .. } | State::HalfOpen(_) => false,
        }
    }

    /// The probe got no answer. Says nothing when somebody else got one meanwhile.
    pub fn probe_failed(&mut self, now: DateTime<Utc>, reason: &str) {
        let State::HalfOpen(pending) = &self.state else { return };
        let pause = pending.pause.map_or(PAUSE_MIN, |pause| (pause * 2).min(PAUSE_MAX));
        let (since, reason) = (pending.outage.since, reason.to_owned());
        let outage = VcenterOutage { since, next_at: now + pause, reason };
        self.state = State::Open(Pending { outage, pause: Some(pause) });
    }

    /// Whether vCenter may be asked.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    /// The outage, once a probe has confirmed it.
    pub fn outage(&self) -> Option<&VcenterOutage> {
        match &self.state {
            State::Open(pending) | State::HalfOpen(pending) => {
                pending.pause.is_some().then_some(&pending.outage)
            }
            State::Closed { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    /// A breaker whose first probe failed at second 0.
    fn open() -> Breaker {
        let mut breaker = Breaker::default();
        breaker.unanswered(at(0), "refused");
        assert!(breaker.is_closed(), "one alone is bad luck");
        breaker.unanswered(at(0), "refused");
        assert!(!breaker.is_closed());
        assert_eq!(breaker.outage(), None, "it is only doubtful");
        assert!(breaker.begin_probe(at(0)));
        breaker.probe_failed(at(0), "refused");
        breaker
    }

    #[test]
    fn it_opens_when_a_probe_confirms_what_calls_have_found() {
        let breaker = open();
        let outage = VcenterOutage { since: at(0), next_at: at(5), reason: "refused".to_owned() };
        assert_eq!(breaker.outage(), Some(&outage));
        assert_eq!(breaker.probe_due(), Some(at(5)));
    }

    #[test]
    fn an_answered_probe_closes_it_before_anybody_was_told() {
        let mut breaker = Breaker::default();
        breaker.unanswered(at(0), "host busy");
        breaker.unanswered(at(1), "host busy");
        assert!(breaker.begin_probe(at(1)));
        breaker.answered();
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn an_answer_between_makes_the_count_begin_anew() {
        let mut breaker = Breaker::default();
        breaker.unanswered(at(0), "refused");
        breaker.answered();
        breaker.unanswered(at(1), "refused");
        assert!(breaker.is_closed());
    }

    #[test]
    fn probes_come_one_at_a_time_after_growing_pauses() {
        let mut breaker = open();
        let mut now = 0;
        for pause in [5, 10, 20, 40, 40, 40] {
            assert!(!breaker.begin_probe(at(now + pause - 1)), "too early");
            now += pause;
            assert!(breaker.begin_probe(at(now)));
            assert!(!breaker.begin_probe(at(now)), "one is under way");
            assert!(breaker.outage().is_some(), "still away, as far as is known");
            breaker.probe_failed(at(now), "refused");
        }
        assert_eq!(breaker.outage().map(|outage| outage.since), Some(at(0)));
        assert!(breaker.begin_probe(at(now + 40)));
        breaker.answered();
        assert!(breaker.is_closed());
        breaker.probe_failed(at(now + 41), "too late");
        assert!(breaker.is_closed(), "somebody else had an answer meanwhile");
    }

    proptest! {
        /// Whatever happens in whatever order, there is never more than one probe, an outage is only
        /// told after a probe, and the next probe is never further away than the longest pause.
        #[test]
        fn it_keeps_its_promises_in_every_order(steps in prop::collection::vec((0..4_u8, 0..60_i64), 0..80)) {
            let (mut breaker, mut now, mut probing) = (Breaker::default(), 0, false);
            let mut failed_probes = 0;
            for (step, later) in steps {
                now += later;
                match step {
                    0 => breaker.unanswered(at(now), "refused"),
                    1 => {
                        breaker.answered();
                        failed_probes = 0;
                        probing = false;
                    }
                    2 => {
                        let begun = breaker.begin_probe(at(now));
                        prop_assert!(!(begun && probing));
                        probing |= begun;
                    }
                    _ => {
                        failed_probes += u32::from(probing);
                        probing = false;
                        breaker.probe_failed(at(now), "refused");
                    }
                }
                prop_assert_eq!(breaker.outage().is_some(), failed_probes > 0);
                prop_assert!(breaker.outage().is_none() || !breaker.is_closed());
                if let Some(due) = breaker.probe_due() {
                    prop_assert!(due <= at(now) + PAUSE_MAX);
                }
            }
        }
    }
}
