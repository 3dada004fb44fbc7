//! What all requests together say, in sentences.

use super::Words;
use crate::backend::{Calibration, Spread};

/// How often the range held: `81 %`.
pub(crate) fn range_held(calibration: &Calibration) -> Option<String> {
    Some(format!("{:.0} %", calibration.held_percent?))
}

impl Words {
    /// Of what it is: `412 estimates of the last 83 finished requests`.
    pub(crate) fn judged(self, calibration: &Calibration) -> String {
        let Calibration { estimates, requests, .. } = *calibration;
        let estimates = match estimates {
            1 => self.pick("1 estimate", "1 Schätzung").to_owned(),
            many => say!(self, "{many} estimates", "{many} Schätzungen"),
        };
        match requests {
            1 => say!(
                self,
                "{estimates} of the last finished request",
                "{estimates} der letzten abgeschlossenen Anforderung"
            ),
            many => say!(
                self,
                "{estimates} of the last {many} finished requests",
                "{estimates} der letzten {many} abgeschlossenen Anforderungen"
            ),
        }
    }

    /// How much nearer than a plain average: `18 % nearer than a plain average`.
    pub(crate) fn against_average(self, calibration: &Calibration) -> Option<String> {
        let (ours, average) = (calibration.error_ms?, calibration.average_error_ms?);
        if average == 0 {
            return None;
        }
        let percent = ours.abs_diff(average).saturating_mul(100) / average;
        Some(match ours.cmp(&average) {
            std::cmp::Ordering::Less => say!(
                self,
                "{percent} % nearer than a plain average",
                "{percent} % näher als ein einfacher Durchschnitt"
            ),
            std::cmp::Ordering::Equal => self
                .pick("as near as a plain average", "so nah wie ein einfacher Durchschnitt")
                .to_owned(),
            std::cmp::Ordering::Greater => say!(
                self,
                "{percent} % farther off than a plain average",
                "{percent} % weiter weg als ein einfacher Durchschnitt"
            ),
        })
    }

    /// Between what eight of ten lie: `35 s to 1 min 2 s`.
    pub(crate) fn range(self, spread: &Spread) -> String {
        let (low, high) = (self.duration(spread.low_ms), self.duration(spread.high_ms));
        say!(self, "{low} to {high}", "{low} bis {high}")
    }

    /// How it went over time, for those who do not see the picture: `oldest to newest: 40 s, 41 s, 58 s`.
    pub(crate) fn over_time(self, pieces: &[Spread]) -> String {
        let medians: Vec<_> = pieces.iter().map(|piece| self.duration(piece.median_ms)).collect();
        let medians = medians.join(", ");
        say!(
            self,
            "Median, oldest to newest: {medians}",
            "Median, vom ältesten zum neuesten: {medians}"
        )
    }

    /// `1 run`, `2 runs`.
    pub(crate) fn runs(self, count: u32) -> String {
        match count {
            1 => self.pick("1 run", "1 Durchlauf").to_owned(),
            count => say!(self, "{count} runs", "{count} Durchläufe"),
        }
    }

    /// Which stage takes most.
    pub(crate) fn largest_part(self, label: &str, percent: f64) -> String {
        let label = self.told(label);
        say!(
            self,
            "{label} takes the largest part: {percent:.0} % of the time.",
            "Den größten Teil braucht „{label}“: {percent:.0} % der Zeit."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EN: Words = Words::ENGLISH;

    fn calibration(error_ms: Option<u64>, average_error_ms: Option<u64>) -> Calibration {
        let held_percent = error_ms.map(|_| 80.6);
        Calibration { requests: 83, estimates: 412, held_percent, error_ms, average_error_ms }
    }

    #[test]
    fn the_calibration_says_how_often_it_held_and_against_what() {
        let found = calibration(Some(820), Some(1_000));
        assert_eq!(range_held(&found).as_deref(), Some("81 %"));
        assert_eq!(EN.judged(&found), "412 estimates of the last 83 finished requests");
        let against = |ours, average| EN.against_average(&calibration(Some(ours), Some(average)));
        assert_eq!(against(820, 1_000).as_deref(), Some("18 % nearer than a plain average"));
        assert_eq!(against(1_200, 1_000).as_deref(), Some("20 % farther off than a plain average"));
        assert_eq!(against(5, 5).as_deref(), Some("as near as a plain average"));
        assert_eq!(against(5, 0), None);
        assert_eq!(range_held(&calibration(None, None)), None);
        assert_eq!(EN.against_average(&calibration(None, None)), None);
    }

    #[test]
    fn a_picture_has_words_beside_it() {
        let piece = |median_ms| Spread { runs: 5, low_ms: 35_000, median_ms, high_ms: 62_000 };
        assert_eq!(EN.range(&piece(40_000)), "35 s to 1 min 2 s");
        let said = EN.over_time(&[piece(40_000), piece(58_000)]);
        assert_eq!(said, "Median, oldest to newest: 40 s, 58 s");
        assert_eq!(EN.runs(1), "1 run");
    }
}
