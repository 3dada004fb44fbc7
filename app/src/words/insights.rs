//! What all requests together say, in sentences.

use super::duration;
use crate::backend::{Calibration, Spread};

/// How often the range should hold, in percent.
const SHOULD_HOLD: u8 = 80;

/// `The range held in 81 % of 412 estimates`, and how often it should.
pub(crate) fn range_held(calibration: &Calibration) -> Option<String> {
    let held = calibration.held_percent?;
    Some(format!("{held:.0} % (it should be about {SHOULD_HOLD} %)"))
}

/// Of what it is: `412 estimates of the last 83 finished requests`.
pub(crate) fn judged(calibration: &Calibration) -> String {
    let estimates = counted(calibration.estimates, "estimate");
    format!("{estimates} of the last {}", counted(calibration.requests, "finished request"))
}

/// How much nearer than a plain average: `18 % nearer than a plain average`.
pub(crate) fn against_average(calibration: &Calibration) -> Option<String> {
    let (ours, average) = (calibration.error_ms?, calibration.average_error_ms?);
    if average == 0 {
        return None;
    }
    let percent = ours.abs_diff(average).saturating_mul(100) / average;
    Some(match ours.cmp(&average) {
        std::cmp::Ordering::Less => format!("{percent} % nearer than a plain average"),
        std::cmp::Ordering::Equal => "as near as a plain average".to_owned(),
        std::cmp::Ordering::Greater => format!("{percent} % farther off than a plain average"),
    })
}

/// Between what eight of ten lie: `35 s to 1 min 2 s`.
pub(crate) fn range(spread: &Spread) -> String {
    format!("{} to {}", duration(spread.low_ms), duration(spread.high_ms))
}

/// How it went over time, for those who do not see the picture: `oldest to newest: 40 s, 41 s, 58 s`.
pub(crate) fn over_time(pieces: &[Spread]) -> String {
    let medians: Vec<_> = pieces.iter().map(|piece| duration(piece.median_ms)).collect();
    format!("Median, oldest to newest: {}", medians.join(", "))
}

/// `1 run`, `2 runs`.
pub(crate) fn counted(count: u32, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calibration(error_ms: Option<u64>, average_error_ms: Option<u64>) -> Calibration {
        let held_percent = error_ms.map(|_| 80.6);
        Calibration { requests: 83, estimates: 412, held_percent, error_ms, average_error_ms }
    }

    #[test]
    fn the_calibration_says_how_often_it_held_and_against_what() {
        let found = calibration(Some(820), Some(1_000));
        assert_eq!(range_held(&found).as_deref(), Some("81 % (it should be about 80 %)"));
        assert_eq!(judged(&found), "412 estimates of the last 83 finished requests");
        let against = |ours, average| against_average(&calibration(Some(ours), Some(average)));
        assert_eq!(against(820, 1_000).as_deref(), Some("18 % nearer than a plain average"));
        assert_eq!(against(1_200, 1_000).as_deref(), Some("20 % farther off than a plain average"));
        assert_eq!(against(5, 5).as_deref(), Some("as near as a plain average"));
        assert_eq!(against(5, 0), None);
        assert_eq!(range_held(&calibration(None, None)), None);
        assert_eq!(against_average(&calibration(None, None)), None);
    }

    #[test]
    fn a_picture_has_words_beside_it() {
        let piece = |median_ms| Spread { runs: 5, low_ms: 35_000, median_ms, high_ms: 62_000 };
        assert_eq!(range(&piece(40_000)), "35 s to 1 min 2 s");
        let said = over_time(&[piece(40_000), piece(58_000)]);
        assert_eq!(said, "Median, oldest to newest: 40 s, 58 s");
        assert_eq!(counted(1, "run"), "1 run");
    }
}
