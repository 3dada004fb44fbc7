//! Moments in UTC, for the server's render and for those without JavaScript.
//!
//! Written by hand from milliseconds: the browser's first render must give the same characters, and
//! a formatting library would be a tenth of the download.

const SECOND_MS: i64 = 1_000;
const DAY_MS: i64 = 86_400_000;

/// `12:04:13Z`; with its date when that is another day than `now`: `2026-11-22 12:04:13Z`.
pub(crate) fn utc(at_ms: i64, now_ms: i64) -> String {
    if at_ms.div_euclid(DAY_MS) == now_ms.div_euclid(DAY_MS) {
        format!("{}Z", clock(at_ms))
    } else {
        format!("{} {}Z", date(at_ms), clock(at_ms))
    }
}

/// `2026-11-22 12:04:13 UTC`, for the title that shows on hover.
pub(crate) fn utc_full(at_ms: i64) -> String {
    format!("{} {} UTC", date(at_ms), clock(at_ms))
}

fn clock(at_ms: i64) -> String {
    let seconds = at_ms.rem_euclid(DAY_MS) / SECOND_MS;
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// The civil date in the proleptic Gregorian calendar.
///
/// Counts in eras of 400 years that begin on 1 March, so that the leap day is the last of its year.
fn date(at_ms: i64) -> String {
    const DAYS_PER_ERA: i64 = 146_097;
    const DAYS_FROM_YEAR_0_TO_1970: i64 = 719_468;
    let days = at_ms.div_euclid(DAY_MS) + DAYS_FROM_YEAR_0_TO_1970;
    let era = days.div_euclid(DAYS_PER_ERA);
    let day_of_era = days.rem_euclid(DAYS_PER_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Days};

    use super::*;

    fn ms(moment: &str) -> i64 {
        DateTime::parse_from_rfc3339(moment).unwrap().timestamp_millis()
    }

    #[test]
    fn the_date_is_said_only_when_it_is_another_day() {
        let now = ms("2026-11-22T12:04:31.250Z");
        assert_eq!(utc(ms("2026-11-22T00:00:00.999Z"), now), "00:00:00Z");
        assert_eq!(utc(ms("2026-11-21T23:59:59.999Z"), now), "2026-11-21 23:59:59Z");
        assert_eq!(utc_full(now), "2026-11-22 12:04:31 UTC");
    }

    #[test]
    fn every_day_of_a_leap_cycle_has_the_date_that_chrono_gives() {
        let first = DateTime::parse_from_rfc3339("1999-12-31T12:00:00Z").unwrap();
        for days in 0..1_600 {
            let day = first.checked_add_days(Days::new(days)).unwrap();
            assert_eq!(date(day.timestamp_millis()), day.format("%Y-%m-%d").to_string());
        }
    }
}
