//! How long it will still take, in words that a glance understands.
//!
//! Rounded so that the text changes seldom, never a countdown at zero or below it.

use super::Words;
use crate::{
    language::Language,
    measure::{LateNow, Outlook},
};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// Up to here seconds are said, from here minutes.
const SECONDS_UP_TO_MS: u64 = 90_000;
/// Up to here minutes are said, from here hours.
const MINUTES_UP_TO_MS: u64 = 90 * MINUTE_MS;
/// Less than this is "a few seconds": nobody can act on a finer number.
const FEW_SECONDS_MS: u64 = 5_000;

/// What is said about the time that is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remaining {
    /// The sentence in the largest type.
    pub(crate) text: String,
    /// What to add below it, when the stage takes longer than usual but others follow.
    pub(crate) note: Option<String>,
}

impl Words {
    /// The time that is left, as a sentence.
    pub(crate) fn remaining(self, outlook: &Outlook) -> Remaining {
        let over = outlook.late.map(|late| self.late(late));
        let any_moment = |over: String| {
            let text = say!(self, "Any moment: {over}", "Jeden Moment: {over}");
            Remaining { text, note: None }
        };
        match (outlook.span_ms, over) {
            (None, None) => Remaining { text: self.no_estimate_yet().to_owned(), note: None },
            (None, Some(over)) => any_moment(over),
            (Some((_, high)), Some(over)) if high < FEW_SECONDS_MS => any_moment(over),
            (Some((_, high)), None) if high < FEW_SECONDS_MS => {
                let text = self.pick("A few seconds left", "Noch ein paar Sekunden").to_owned();
                Remaining { text, note: None }
            }
            (Some((low, high)), over) => {
                let span = self.span(low, high);
                Remaining {
                    text: say!(self, "{} left", "Noch {}", self.begin_or_not(&span)),
                    note: over.map(|over| capitalised(&over)),
                }
            }
        }
    }

    /// A span at the place where the sentence about the time left has it: in English it begins it.
    fn begin_or_not(self, span: &str) -> String {
        match self.language() {
            Language::English => capitalised(span),
            Language::German => span.to_owned(),
        }
    }

    /// That the stage takes longer than it usually does at most.
    fn late(self, late: LateNow) -> String {
        let running = super::elapsed(late.running_ms);
        match late.slower_than {
            Some(runs) => say!(
                self,
                "this stage takes {running} now, slower than all {runs} earlier runs",
                "diese Stufe dauert jetzt {running}, länger als alle {runs} früheren Durchläufe"
            ),
            None => {
                let usual = self.duration(late.up_to_ms);
                say!(
                    self,
                    "this stage usually takes up to {usual}, now {running}",
                    "diese Stufe dauert sonst bis zu {usual}, jetzt {running}"
                )
            }
        }
    }

    /// How long it takes once it begins: `Then about 1–2 minutes`.
    pub(super) fn once_begun(self, outlook: &Outlook) -> Option<String> {
        let (low, high) = outlook.span_ms.filter(|&(_, high)| high >= FEW_SECONDS_MS)?;
        Some(say!(self, "Then {}", "Danach {}", self.span(low, high)))
    }

    /// The time that is left in the few characters of a list row: `~40 s`, `~2 min`.
    pub(crate) fn remaining_briefly(self, outlook: &Outlook) -> Option<String> {
        let (low, high) = outlook.span_ms?;
        let short = match low.midpoint(high) {
            ms if ms < FEW_SECONDS_MS => return Some(self.any_moment().to_owned()),
            ms if ms < SECONDS_UP_TO_MS => format!("~{} s", up_to(ms, step_s(ms))),
            ms if ms < MINUTES_UP_TO_MS => format!("~{} min", ms.div_ceil(MINUTE_MS)),
            ms => format!("~{} h", ms.div_ceil(HOUR_MS)),
        };
        Some(say!(self, "{short} left", "noch {short}"))
    }

    /// The time that is left in a tab's title: `about 40 s`, `about 2 min`. Rounded up, and seldom
    /// another.
    pub(crate) fn remaining_in_title(self, outlook: &Outlook) -> Option<String> {
        let (low, high) = outlook.span_ms?;
        let short = match low.midpoint(high) {
            ms if ms < FEW_SECONDS_MS => return Some(self.any_moment().to_owned()),
            ms if ms < SECONDS_UP_TO_MS => format!("{} s", up_to(ms, 10)),
            ms if ms < MINUTES_UP_TO_MS => format!("{} min", ms.div_ceil(MINUTE_MS)),
            ms => format!("{} h", ms.div_ceil(HOUR_MS)),
        };
        Some(say!(self, "about {short}", "etwa {short}"))
    }

    fn any_moment(self) -> &'static str {
        self.pick("any moment", "jeden Moment")
    }

    /// `about 1–2 minutes`, `about 40 s`, `under 2 minutes`, inside of a sentence.
    pub(super) fn span(self, low_ms: u64, high_ms: u64) -> String {
        let minutes = (self.pick("minutes", "Minuten"), self.pick("minute", "Minute"));
        let hours = (self.pick("hours", "Stunden"), self.pick("hour", "Stunde"));
        let (low, high, (unit, unit_of_one)) = if high_ms < SECONDS_UP_TO_MS {
            let step = step_s(high_ms);
            (low_ms / 1_000 / step * step, up_to(high_ms, step), ("s", "s"))
        } else if high_ms < MINUTES_UP_TO_MS {
            (low_ms / MINUTE_MS, high_ms.div_ceil(MINUTE_MS), minutes)
        } else {
            (low_ms / HOUR_MS, high_ms.div_ceil(HOUR_MS), hours)
        };
        let unit = if high == 1 { unit_of_one } else { unit };
        // Rounding both ends outwards turns a point into a span of one step; a point is said as a point.
        if low_ms == high_ms || low == high {
            say!(self, "about {high} {unit}", "etwa {high} {unit}")
        } else if low == 0 {
            say!(self, "under {high} {unit}", "unter {high} {unit}")
        } else {
            say!(self, "about {low}–{high} {unit}", "etwa {low}–{high} {unit}")
        }
    }
}

/// Seconds are rounded to this: finer the nearer the end is.
fn step_s(ms: u64) -> u64 {
    if ms < 30_000 { 5 } else { 10 }
}

fn up_to(ms: u64, step_s: u64) -> u64 {
    ms.div_ceil(1_000 * step_s) * step_s
}

pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EN: Words = Words::ENGLISH;

    fn said(span_ms: Option<(u64, u64)>, late: Option<LateNow>) -> String {
        let remaining = EN.remaining(&Outlook { span_ms, late });
        match remaining.note {
            Some(note) => format!("{} | {note}", remaining.text),
            None => remaining.text,
        }
    }

    #[test]
    fn a_range_is_rounded_outwards_to_what_a_glance_understands() {
        for (low, high, words) in [
            (21_000, 66_000, "About 20–70 s left"),
            (12_000, 24_000, "About 10–25 s left"),
            (3_000, 24_000, "Under 25 s left"),
            (62_000, 118_000, "About 1–2 minutes left"),
            (21_000, 110_000, "Under 2 minutes left"),
            (125_000, 170_000, "About 2–3 minutes left"),
            (3_600_000, 6_000_000, "About 1–2 hours left"),
        ] {
            assert_eq!(said(Some((low, high)), None), words);
        }
    }

    #[test]
    fn a_point_is_said_as_a_point() {
        for (ms, words) in [
            (34_000, "About 40 s left"),
            (22_000, "About 25 s left"),
            (89_000, "About 90 s left"),
            (91_000, "About 2 minutes left"),
            (5_400_000, "About 2 hours left"),
            (4_999, "A few seconds left"),
            (0, "A few seconds left"),
        ] {
            assert_eq!(said(Some((ms, ms)), None), words);
        }
    }

    #[test]
    fn a_late_stage_says_so_instead_of_counting_below_zero() {
        let late = LateNow { up_to_ms: 30_000, running_ms: 34_500, slower_than: None };
        let last = said(Some((0, 0)), Some(late));
        assert_eq!(last, "Any moment: this stage usually takes up to 30 s, now 34 s");
        let more_to_come = said(Some((40_000, 40_000)), Some(late));
        let both = "About 40 s left | This stage usually takes up to 30 s, now 34 s";
        assert_eq!(more_to_come, both);
        let beyond = LateNow { slower_than: Some(40), ..late };
        let both = "About 40 s left | This stage takes 34 s now, slower than all 40 earlier runs";
        assert_eq!(said(Some((40_000, 40_000)), Some(beyond)), both);
    }

    #[test]
    fn without_anything_to_learn_from_it_says_so() {
        assert_eq!(said(None, None), "No estimate yet: nobody has built this template before");
    }

    #[test]
    fn what_has_not_begun_says_how_long_it_takes_then() {
        let outlook = |span_ms| Outlook { span_ms, late: None };
        let said = EN.once_begun(&outlook(Some((62_000, 118_000))));
        assert_eq!(said.as_deref(), Some("Then about 1–2 minutes"));
        assert_eq!(EN.once_begun(&outlook(None)), None);
    }

    #[test]
    fn a_title_moves_in_steps() {
        let in_title = |ms| EN.remaining_in_title(&Outlook { span_ms: Some((ms, ms)), late: None });
        for (ms, words) in [
            (0, "any moment"),
            (7_000, "about 10 s"),
            (33_000, "about 40 s"),
            (118_000, "about 2 min"),
            (7_200_000, "about 2 h"),
        ] {
            assert_eq!(in_title(ms).as_deref(), Some(words));
        }
        assert_eq!(EN.remaining_in_title(&Outlook { span_ms: None, late: None }), None);
    }

    #[test]
    fn a_row_has_room_for_one_number() {
        let briefly = |ms| EN.remaining_briefly(&Outlook { span_ms: Some((ms, ms)), late: None });
        assert_eq!(briefly(1_000).as_deref(), Some("any moment"));
        assert_eq!(briefly(33_000).as_deref(), Some("~40 s left"));
        assert_eq!(briefly(118_000).as_deref(), Some("~2 min left"));
        assert_eq!(EN.remaining_briefly(&Outlook { span_ms: None, late: None }), None);
    }
}
