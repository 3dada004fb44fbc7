//! When to open the stream, when to give a connection up, and when to ask instead of listening.
//!
//! Pure: told what happens and what the monotonic clock says, it answers what to do. `EventSource`'s
//! own reconnecting is not used, since it cannot notice a connection that died without a word, waits
//! as long as it likes, and cannot be told that the network is back.
//!
//! Where a stream cannot be had although the server answers (a proxy that refuses or buffers it, no
//! connection left in this browser), the progress is asked for every few seconds, and the stream is
//! tried again now and then.

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
/// Attempts that may fail before the progress is asked for instead.
const FAILURES_MAX: u32 = 3;
/// How often the progress is asked for while there is no stream. The page says "every 3 s".
const POLL_MS: f64 = 3_000.0;
/// How long one answer may take before another is asked for.
const POLL_MAX_MS: f64 = 10_000.0;
/// An answer older than this no longer shows that asking works.
const POLL_STALE_MS: f64 = 10_000.0;
/// How often the stream is tried again while asking works.
const STREAM_AGAIN_MS: f64 = 30_000.0;
/// Nothing has answered for so long: the page says that it is offline, and goes on trying.
const OFFLINE_AFTER_MS: f64 = 60_000.0;

/// What the page says about its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// As rendered by the server; nothing is open yet.
    Rendered,
    /// Events arrive.
    Live,
    /// The connection is lost and is being opened again.
    Reconnecting,
    /// A stream cannot be had; the progress is asked for every few seconds.
    Polling,
    /// The browser has no network, or nothing has answered for long.
    Offline,
    /// The request has ended: nothing more will come.
    Ended,
}

impl Link {
    /// The word that the style sheets and other tabs use.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Rendered => "rendered",
            Self::Live => "live",
            Self::Reconnecting => "reconnecting",
            Self::Polling => "polling",
            Self::Offline => "offline",
            Self::Ended => "ended",
        }
    }

    /// The link of that word.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        [Self::Rendered, Self::Live, Self::Reconnecting, Self::Polling, Self::Offline, Self::Ended]
            .into_iter()
            .find(|link| link.as_str() == word)
    }
}

/// What to do with the stream now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Nothing.
    Keep,
    /// Close what is open, if anything, and open again from the last known event.
    Open,
    /// Close what is open.
    Close,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Todo {
    /// With the stream.
    pub(crate) stream: Stream,
    /// Ask for the progress once.
    pub(crate) poll: bool,
}

impl Todo {
    /// Nothing to do.
    pub(crate) const NOTHING: Self = Self { stream: Stream::Keep, poll: false };
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
    /// Attempts since a stream said something.
    failures: u32,
    was_live: bool,
    /// Taken over from another tab a moment ago, which was live.
    is_heir: bool,
    /// The last stream was open and never said a word: something on the way keeps it back.
    is_mute: bool,
    has_spoken: bool,
    /// This browser has no connection left for another stream.
    is_crowded: bool,
    is_online: bool,
    is_out_of_reach: bool,
    /// When the server refused a stream last: it was there then.
    refused_ms: Option<f64>,
    /// When to ask for the progress next, and since when an answer is waited for.
    poll_at_ms: f64,
    polling_since_ms: Option<f64>,
    /// When an answer came last, while answers come.
    polled_ms: Option<f64>,
}

impl Keeper {
    /// A keeper whose stream is to be opened at the first [`Self::tick`].
    pub(crate) fn new(now_ms: f64) -> Self {
        Self {
            phase: Phase::Pausing { until_ms: now_ms },
            heard_ms: now_ms,
            failures: 0,
            was_live: false,
            is_heir: false,
            is_mute: false,
            has_spoken: false,
            is_crowded: false,
            is_online: true,
            is_out_of_reach: false,
            refused_ms: None,
            poll_at_ms: now_ms,
            polling_since_ms: None,
            polled_ms: None,
        }
    }

    /// A keeper for a page that heard what it knows through another tab until now.
    pub(crate) fn heir(now_ms: f64, heard_ms: f64, was_live: bool, is_online: bool) -> Self {
        Self { heard_ms, was_live: true, is_heir: was_live, is_online, ..Self::new(now_ms) }
    }

    /// What to tell the person who waits.
    pub(crate) fn link(&self) -> Link {
        match self.phase {
            Phase::Ended => Link::Ended,
            Phase::Open if !self.is_mute => Link::Live,
            _ if self.polled_ms.is_some() => Link::Polling,
            _ if !self.is_online || self.is_out_of_reach => Link::Offline,
            _ if self.is_heir => Link::Live,
            _ if self.was_live || self.failures > 0 => Link::Reconnecting,
            Phase::Open | Phase::Opening { .. } | Phase::Pausing { .. } => Link::Rendered,
        }
    }

    /// Milliseconds since something was heard.
    pub(crate) fn silent_ms(&self, now_ms: f64) -> f64 {
        now_ms - self.heard_ms
    }

    /// To be asked about twice a second.
    pub(crate) fn tick(&mut self, now_ms: f64) -> Todo {
        let is_long_ago = |at_ms: f64| now_ms - at_ms > OFFLINE_AFTER_MS;
        self.is_out_of_reach = self.phase != Phase::Open
            && is_long_ago(self.heard_ms)
            && self.refused_ms.is_none_or(is_long_ago);
        if self.polled_ms.is_some_and(|at| now_ms - at > POLL_STALE_MS) {
            self.polled_ms = None;
        }
        let stream = match self.phase {
            Phase::Ended => return Todo::NOTHING,
            Phase::Open if self.silent_ms(now_ms) <= SILENCE_MAX_MS => Stream::Keep,
            Phase::Open => {
                // What was open and never said a word is kept back by something on the way.
                self.is_mute = !self.has_spoken;
                self.open(now_ms)
            }
            Phase::Pausing { until_ms } if now_ms >= until_ms => self.open(now_ms),
            Phase::Pausing { .. } => Stream::Keep,
            Phase::Opening { since_ms } => {
                let patience =
                    if self.failures < QUICK_ATTEMPTS { OPEN_MAX_MS } else { OPEN_MAX_LATER_MS };
                if now_ms - since_ms <= patience { Stream::Keep } else { self.give_up(now_ms) }
            }
        };
        Todo { stream, poll: self.must_poll(now_ms) }
    }

    /// The stream is open.
    pub(crate) fn opened(&mut self, now_ms: f64) {
        if self.phase != Phase::Ended {
            self.phase = Phase::Open;
            (self.has_spoken, self.is_crowded, self.is_heir) = (false, false, false);
            self.heard_ms = now_ms;
            if !self.is_mute {
                self.is_reached();
            }
        }
    }

    /// Something came from the stream.
    pub(crate) fn said(&mut self, now_ms: f64) {
        if self.phase != Phase::Ended {
            self.phase = Phase::Open;
            (self.has_spoken, self.is_mute) = (true, false);
            (self.is_crowded, self.is_heir, self.failures) = (false, false, 0);
            self.heard_ms = now_ms;
            self.is_reached();
        }
    }

    /// The stream broke. `is_refused`: the server answered, but not with a stream.
    pub(crate) fn failed(&mut self, now_ms: f64, is_refused: bool) {
        if self.phase == Phase::Ended {
            return;
        }
        self.is_heir = false;
        self.failures = self.failures.saturating_add(1);
        if is_refused {
            self.refused_ms = Some(now_ms);
        }
        let longest = if is_refused { PAUSE_REFUSED_MAX_MS } else { PAUSE_MS };
        let pause = if self.polled_ms.is_some() {
            STREAM_AGAIN_MS
        } else {
            (PAUSE_MS * f64::from(self.failures)).min(longest)
        };
        self.phase = Phase::Pausing { until_ms: now_ms + pause };
    }

    /// There is no connection left in this browser for the stream that was to be opened.
    pub(crate) fn crowded(&mut self, now_ms: f64) {
        if self.phase != Phase::Ended {
            self.is_crowded = true;
            self.phase = Phase::Pausing { until_ms: now_ms + POLL_MS };
        }
    }

    /// The progress was asked for: whether an answer came.
    pub(crate) fn polled(&mut self, now_ms: f64, is_answered: bool) {
        self.polling_since_ms = None;
        if !self.lives_on_polls() {
            return;
        }
        if let Phase::Pausing { until_ms } = self.phase {
            let pause = match (is_answered, self.polled_ms) {
                // The server answers again: perhaps the stream can be had, too.
                (true, None) if !self.is_crowded => 0.0,
                // It did answer, and does not any more: that is an outage.
                (false, Some(_)) => PAUSE_MS,
                (true | false, _) => STREAM_AGAIN_MS,
            };
            self.phase = Phase::Pausing { until_ms: until_ms.min(now_ms + pause) };
        }
        self.polled_ms = is_answered.then_some(now_ms);
        if is_answered {
            (self.is_heir, self.was_live, self.is_out_of_reach) = (false, true, false);
            // A stream that is open and mute must not live on what was heard otherwise.
            if self.phase != Phase::Open {
                self.heard_ms = now_ms;
            }
        }
    }

    /// The person looks again: nothing is waited for, and a connection that has been silent too long
    /// is not trusted.
    pub(crate) fn wake(&mut self, now_ms: f64) -> Todo {
        if self.phase == Phase::Open && self.silent_ms(now_ms) <= SILENCE_MAX_MS {
            return Todo::NOTHING;
        }
        // Asking worked a moment ago, and is trusted until it does not.
        let polled_ms = self.polled_ms;
        let todo = self.reopen(now_ms);
        self.polled_ms = polled_ms;
        todo
    }

    /// The network was away and is back, or the computer slept: what was open is not to be trusted,
    /// and neither is the clock.
    pub(crate) fn reopen(&mut self, now_ms: f64) -> Todo {
        if self.phase == Phase::Ended {
            return Todo::NOTHING;
        }
        self.polled_ms = None;
        self.poll_at_ms = now_ms + POLL_MS;
        self.polling_since_ms = Some(now_ms);
        Todo { stream: self.open(now_ms), poll: true }
    }

    /// The browser says that it has a network, or none.
    pub(crate) fn network(&mut self, now_ms: f64, is_online: bool) -> Todo {
        self.is_online = is_online;
        // Without a network only this machine can be reached: an attempt shows whether it is that.
        self.reopen(now_ms)
    }

    /// Nothing more will come.
    pub(crate) fn end(&mut self) {
        self.phase = Phase::Ended;
    }

    fn is_reached(&mut self) {
        (self.was_live, self.is_out_of_reach, self.polled_ms) = (true, false, None);
    }

    fn open(&mut self, now_ms: f64) -> Stream {
        self.phase = Phase::Opening { since_ms: now_ms };
        Stream::Open
    }

    /// An attempt hangs.
    fn give_up(&mut self, now_ms: f64) -> Stream {
        self.is_heir = false;
        self.failures = self.failures.saturating_add(1);
        if self.polled_ms.is_none() {
            return self.open(now_ms);
        }
        self.phase = Phase::Pausing { until_ms: now_ms + STREAM_AGAIN_MS };
        Stream::Close
    }

    /// Whether there is no stream, or none that can be relied on, and asking is all that is left.
    fn lives_on_polls(&self) -> bool {
        match self.phase {
            Phase::Ended => false,
            Phase::Open => self.is_mute,
            Phase::Opening { .. } | Phase::Pausing { .. } => {
                self.is_crowded || self.is_mute || self.failures >= FAILURES_MAX
            }
        }
    }

    fn must_poll(&mut self, now_ms: f64) -> bool {
        let is_asking = self.polling_since_ms.is_some_and(|since| now_ms - since < POLL_MAX_MS);
        let must = self.lives_on_polls() && !is_asking && now_ms >= self.poll_at_ms;
        if must {
            self.poll_at_ms = now_ms + POLL_MS;
            self.polling_since_ms = Some(now_ms);
        }
        must
    }
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
