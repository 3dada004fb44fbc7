//! Durations as a person says them.

use super::Words;
use crate::language::Language;

const SECOND_MS: u64 = 1_000;
const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 60 * MINUTE_S;
const DAY_S: u64 = 24 * HOUR_S;

/// Below this a tenth of a second is worth saying.
const TENTHS_BELOW_MS: u64 = 9_950;

impl Words {
    /// A finished duration: `0.8 s`, `41 s`, `1 min 52 s`, `2 h 5 min`, `3 d 4 h`.
    pub(crate) fn duration(self, ms: u64) -> String {
        if ms < TENTHS_BELOW_MS {
            let tenths = (ms + 50) / 100;
            return format!("{}{}{} s", tenths / 10, self.decimal_point(), tenths % 10);
        }
        whole_seconds(ms.saturating_add(SECOND_MS / 2) / SECOND_MS)
    }

    /// From one finished duration to another: `20–40 s`, `50 s – 1 min 10 s`.
    pub(crate) fn between(self, low_ms: u64, high_ms: u64) -> String {
        let (low, high) = (self.duration(low_ms), self.duration(high_ms));
        if low == high {
            return high;
        }
        let number = |text: &str, unit: &str| {
            text.strip_suffix(unit).filter(|rest| !rest.contains(' ')).map(str::to_owned)
        };
        [" s", " min", " h", " d"]
            .iter()
            .find_map(|unit| {
                let (low, _) = (number(&low, unit)?, number(&high, unit)?);
                Some(format!("{low}–{high}"))
            })
            .unwrap_or_else(|| format!("{low} – {high}"))
    }

    /// What stands before the fraction of a number.
    pub(super) fn decimal_point(self) -> char {
        match self.language() {
            Language::English => '.',
            Language::German => ',',
        }
    }
}

/// A duration that still grows: whole seconds only, rounded down, so that it never runs ahead. Its
/// units are the same in every language.
pub(crate) fn elapsed(ms: u64) -> String {
    whole_seconds(ms / SECOND_MS)
}

fn whole_seconds(seconds: u64) -> String {
    match seconds {
        s if s < MINUTE_S => format!("{s} s"),
        s if s < HOUR_S => two(s / MINUTE_S, "min", s % MINUTE_S, "s"),
        s if s < DAY_S => two(s / HOUR_S, "h", s % HOUR_S / MINUTE_S, "min"),
        s => two(s / DAY_S, "d", s % DAY_S / HOUR_S, "h"),
    }
}

/// Two units, the smaller one only when there is any of it.
fn two(big: u64, big_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 {
        format!("{big} {big_unit}")
    } else {
        format!("{big} {big_unit} {small} {small_unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_its_unit_once_where_both_have_the_same() {
        let range = |low, high| Words::ENGLISH.between(low, high);
        assert_eq!(range(20_000, 40_000), "20–40 s");
        assert_eq!(range(500, 1_200), "0.5–1.2 s");
        assert_eq!(Words::GERMAN.between(500, 12_000), "0,5–12 s");
        assert_eq!(range(120_000, 240_000), "2–4 min");
        assert_eq!(range(50_000, 70_000), "50 s – 1 min 10 s");
        assert_eq!(range(40_100, 40_400), "40 s");
    }

    const EN: Words = Words::ENGLISH;

    #[test]
    fn finished_durations_read_as_a_person_says_them() {
        for (ms, said) in [
            (0, "0.0 s"),
            (812, "0.8 s"),
            (6_140, "6.1 s"),
            (9_949, "9.9 s"),
            (9_950, "10 s"),
            (41_033, "41 s"),
            (59_600, "1 min"),
            (112_000, "1 min 52 s"),
            (300_000, "5 min"),
            (7_500_000, "2 h 5 min"),
            (273_600_000, "3 d 4 h"),
        ] {
            assert_eq!(EN.duration(ms), said, "{ms} ms");
        }
    }

    #[test]
    fn a_growing_duration_never_runs_ahead() {
        for (ms, said) in
            [(0, "0 s"), (999, "0 s"), (1_000, "1 s"), (59_999, "59 s"), (60_000, "1 min")]
        {
            assert_eq!(elapsed(ms), said, "{ms} ms");
        }
    }
}
