//! One stream for all tabs of a browser that show the same request, and one for all that show the list.
//!
//! One tab leads: it has the stream and passes on what it hears. The others follow, each folding what
//! it is told by its own cursor, so that nothing counts twice; one that misses something asks the
//! server itself. Who leads is decided by a lock of the browser: when its holder is closed, the next
//! tab has it. A leader that does not answer (its tab was frozen) loses the lock to who asked.
//!
//! Pure: told what the other tabs say and what the monotonic clock says, it answers what to do.

use super::{EventId, Link};

/// How long a leader may take to answer: a tab in the background is slow, a frozen one never answers.
const ANSWER_MAX_MS: f64 = 5_000.0;
/// Looks at the clock that must have passed meanwhile: an answer that lies here and was not read yet,
/// since this tab itself was busy, is read before.
const ANSWER_LOOKS: u32 = 4;
/// How often a leader that is not live is asked how it is. A question also wakes a tab in the
/// background, whose own clock the browser slows down.
const ASK_AGAIN_MS: f64 = 2_000.0;
/// Silence after which a follower asks whether its leader is still there: a ping and a tick.
const SILENCE_MAX_MS: f64 = 17_000.0;

/// What one tab says to the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// A follower asks: how is it?
    Ask,
    /// The leader says how it is.
    Link {
        /// The state of its connection.
        link: Link,
        /// The newest event that it knows.
        last: EventId,
        /// How long ago it heard the server, in milliseconds.
        silent_ms: u32,
    },
    /// The leader passes on a message of the stream.
    Said(Said),
}

/// A message of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// The event's name.
    pub(crate) name: String,
    /// Its id, or nothing.
    pub(crate) id: String,
    /// Its data: one line.
    pub(crate) data: String,
}

impl Word {
    /// Reads what another tab sent. `None` for what a later version of the page may say.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.splitn(4, '\n');
        let (kind, mut next) = (lines.next()?, || lines.next());
        Some(match kind {
            "ask" => Self::Ask,
            "link" => Self::Link {
                link: Link::parse(next()?)?,
                last: EventId::parse(next()?)?,
                silent_ms: next()?.parse().ok()?,
            },
            "said" => {
                let (name, id, data) = (next()?, next()?, next()?);
                Self::Said(Said { name: name.to_owned(), id: id.to_owned(), data: data.to_owned() })
            }
            _ => return None,
        })
    }
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ask => write!(f, "ask"),
            Self::Link { link, last, silent_ms } => {
                write!(f, "link\n{}\n{last}\n{silent_ms}", link.as_str())
            }
            Self::Said(Said { name, id, data }) => write!(f, "said\n{name}\n{id}\n{data}"),
        }
    }
}

/// What a follower is to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    /// Nothing.
    None,
    /// Ask the leader how it is.
    Ask,
    /// Take the lead from a leader that does not answer.
    TakeOver,
}

/// What a follower knows of its leader.
#[derive(Debug, Clone, Default)]
pub(crate) struct Follower {
    /// What the leader said last of its connection.
    link: Option<Link>,
    /// When anything came from it last.
    heard_ms: f64,
    /// Since when an answer is waited for.
    asked_ms: Option<f64>,
    /// Looks at the clock since then.
    looks: u32,
    asks_at_ms: f64,
    takes_over: bool,
}

impl Follower {
    /// A follower that does not know yet whether anybody leads.
    pub(crate) fn new(now_ms: f64) -> Self {
        Self { heard_ms: now_ms, asks_at_ms: now_ms, ..Self::default() }
    }

    /// To be asked about twice a second.
    pub(crate) fn tick(&mut self, now_ms: f64) -> Errand {
        if self.takes_over {
            return Errand::None;
        }
        self.looks = self.looks.saturating_add(1);
        let is_late = self.asked_ms.is_some_and(|asked| now_ms - asked > ANSWER_MAX_MS);
        if is_late && self.looks >= ANSWER_LOOKS {
            self.takes_over = true;
            return Errand::TakeOver;
        }
        let is_silent = now_ms - self.heard_ms > SILENCE_MAX_MS;
        let must_ask = self.link != Some(Link::Live) || is_silent;
        if self.asked_ms.is_none() && must_ask && now_ms >= self.asks_at_ms {
            (self.asked_ms, self.looks) = (Some(now_ms), 0);
            self.asks_at_ms = now_ms + ASK_AGAIN_MS;
            return Errand::Ask;
        }
        Errand::None
    }

    /// The person looks again: the leader has to show that it is there.
    pub(crate) fn wake(&mut self, now_ms: f64) {
        self.heard_ms = now_ms - SILENCE_MAX_MS - 1.0;
        (self.asked_ms, self.asks_at_ms) = (None, now_ms);
    }

    /// The leader said how it is.
    pub(crate) fn told(&mut self, now_ms: f64, link: Link) {
        self.link = Some(link);
        self.heard(now_ms);
    }

    /// The leader passed something on.
    pub(crate) fn heard(&mut self, now_ms: f64) {
        self.heard_ms = now_ms;
        self.asked_ms = None;
        self.takes_over = false;
    }

    /// What to tell the person who waits.
    pub(crate) fn link(&self) -> Link {
        match self.link {
            Some(_) if self.takes_over => Link::Reconnecting,
            // The leader's tab has seen the end, this one not yet: it will ask for it.
            Some(Link::Ended) => Link::Reconnecting,
            Some(link) => link,
            None => Link::Rendered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_understood_by_the_other_tabs() {
        let last = EventId { epoch: "e1".to_owned(), seq: 7 };
        let said = |data: &str| {
            Word::Said(Said {
                name: "stage".to_owned(),
                id: "e1.7".to_owned(),
                data: data.to_owned(),
            })
        };
        for word in [
            Word::Ask,
            Word::Link { link: Link::Polling, last, silent_ms: 1_200 },
            said(r#"{"seq":7,"details":"two\nlines"}"#),
            said(""),
        ] {
            assert_eq!(Word::parse(&word.to_string()), Some(word));
        }
        for text in ["", "party", "link\nlive", "link\nlive\ne1.x\n3", "said\nstage\n"] {
            assert_eq!(Word::parse(text), None, "{text:?}");
        }
    }

    /// What so many looks at the clock bring, each half a second after the one before.
    fn looks(follower: &mut Follower, from_ms: f64, count: u32) -> Vec<Errand> {
        (1..=count).map(|look| follower.tick(from_ms + 500.0 * f64::from(look))).collect()
    }

    #[test]
    fn a_tab_that_was_busy_itself_reads_the_answer_before_it_takes_over() {
        let mut follower = Follower::new(0.0);
        assert_eq!(follower.tick(0.0), Errand::Ask);
        assert_eq!(follower.tick(20_000.0), Errand::None);
        follower.told(20_001.0, Link::Live);
        assert_eq!(follower.tick(20_500.0), Errand::None);
        assert_eq!(follower.link(), Link::Live);
    }

    #[test]
    fn a_new_follower_asks_and_takes_over_when_nobody_answers() {
        let mut follower = Follower::new(0.0);
        assert_eq!(follower.link(), Link::Rendered);
        assert_eq!(follower.tick(0.0), Errand::Ask);
        assert_eq!(looks(&mut follower, 0.0, 10), vec![Errand::None; 10]);
        assert_eq!(follower.tick(5_500.0), Errand::TakeOver);
        assert_eq!(follower.tick(6_000.0), Errand::None, "once");
    }

    #[test]
    fn a_leader_that_is_live_is_left_alone_while_it_speaks() {
        let mut follower = Follower::new(0.0);
        assert_eq!(follower.tick(0.0), Errand::Ask);
        follower.told(100.0, Link::Live);
        assert_eq!(follower.link(), Link::Live);
        for ping in 1..10 {
            let now = 15_000.0 * f64::from(ping);
            assert_eq!(follower.tick(now), Errand::None);
            follower.heard(now);
        }
    }

    #[test]
    fn a_silent_leader_is_asked_and_then_replaced() {
        let mut follower = Follower::new(0.0);
        follower.told(0.0, Link::Live);
        assert_eq!(follower.tick(17_000.0), Errand::None);
        assert_eq!(follower.tick(17_500.0), Errand::Ask);
        assert_eq!(follower.link(), Link::Live);
        assert_eq!(looks(&mut follower, 17_500.0, 10), vec![Errand::None; 10]);
        assert_eq!(follower.tick(23_000.0), Errand::TakeOver);
        assert_eq!(follower.link(), Link::Reconnecting);
    }

    #[test]
    fn a_leader_in_trouble_is_asked_again_and_again() {
        let mut follower = Follower::new(0.0);
        follower.told(0.0, Link::Reconnecting);
        assert_eq!(follower.tick(500.0), Errand::Ask);
        follower.told(600.0, Link::Reconnecting);
        assert_eq!(follower.tick(1_000.0), Errand::None);
        assert_eq!(follower.tick(2_500.0), Errand::Ask);
        follower.told(2_600.0, Link::Live);
        assert_eq!(follower.link(), Link::Live);
        assert_eq!(follower.tick(5_000.0), Errand::None);
    }

    #[test]
    fn who_looks_again_has_the_leader_show_itself() {
        let mut follower = Follower::new(0.0);
        follower.told(0.0, Link::Live);
        follower.wake(3_000.0);
        assert_eq!(follower.tick(3_000.0), Errand::Ask);
        follower.told(3_100.0, Link::Live);
        assert_eq!(follower.tick(3_500.0), Errand::None);
    }
}
