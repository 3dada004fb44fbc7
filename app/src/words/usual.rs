//! What can be said before a VM is asked for, and how a finished one compares.

use super::{Words, capitalised};
use crate::{
    api::{Basis, Estimate},
    backend::Rank,
};

impl Words {
    /// How long it usually takes: `usually about 1–2 minutes`.
    pub(crate) fn usually_takes(self, estimate: &Estimate) -> String {
        let low = estimate.low_ms.unwrap_or(estimate.remaining_ms);
        let high = estimate.high_ms.unwrap_or(estimate.remaining_ms).max(low);
        let span = self.span(low, high);
        match estimate.basis {
            Basis::TemplateAndSize | Basis::Template => {
                say!(self, "usually {span}", "meist {span}")
            }
            Basis::All => say!(
                self,
                "usually {span}, as other templates",
                "meist {span}, wie andere Vorlagen"
            ),
        }
    }

    /// How long it usually takes, as far as that could be found out, and how many are before it:
    /// `Usually about 1–2 minutes, 2 ahead of you`.
    pub(crate) fn foreseen(self, usual: Option<Option<&Estimate>>, ahead: u32) -> String {
        let usual = usual.map(|estimate| match estimate {
            Some(estimate) => capitalised(&self.usually_takes(estimate)),
            None => self.no_estimate_yet().to_owned(),
        });
        let ahead = (ahead > 0).then(|| say!(self, "{ahead} ahead of you", "{ahead} vor Ihnen"));
        [usual, ahead].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Said where there is nothing to learn from.
    pub(super) fn no_estimate_yet(self) -> &'static str {
        self.pick(
            "No estimate yet: nobody has built this template before",
            "Noch keine Schätzung: Diese Vorlage hat noch niemand verwendet",
        )
    }

    /// How a finished request compares: `Faster than 80 % of 40 earlier ones from this template`.
    pub(crate) fn compared(self, rank: Rank) -> String {
        let Rank { percent, runs } = rank;
        match percent {
            0 => say!(
                self,
                "Slower than all {runs} earlier ones from this template",
                "Langsamer als alle {runs} früheren aus dieser Vorlage"
            ),
            100 => say!(
                self,
                "Faster than all {runs} earlier ones from this template",
                "Schneller als alle {runs} früheren aus dieser Vorlage"
            ),
            percent => say!(
                self,
                "Faster than {percent} % of {runs} earlier ones from this template",
                "Schneller als {percent} % von {runs} früheren aus dieser Vorlage"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EN: Words = Words::ENGLISH;

    fn estimate(low_ms: u64, high_ms: u64, basis: Basis) -> Estimate {
        let (low_ms, high_ms) = (Some(low_ms), Some(high_ms));
        Estimate { remaining_ms: 100_000, low_ms, high_ms, samples: 40, basis, late: None }
    }

    #[test]
    fn before_it_is_asked_for_it_says_how_long_and_behind_how_many() {
        let usual = estimate(185_000, 290_000, Basis::Template);
        assert_eq!(EN.foreseen(Some(Some(&usual)), 2), "Usually about 3–5 minutes, 2 ahead of you");
        assert_eq!(EN.foreseen(Some(Some(&usual)), 0), "Usually about 3–5 minutes");
        let of_others = estimate(40_000, 40_000, Basis::All);
        assert_eq!(EN.usually_takes(&of_others), "usually about 40 s, as other templates");
        let none = "No estimate yet: nobody has built this template before";
        assert_eq!(EN.foreseen(Some(None), 0), none);
        // What could not be found out is not said to be new.
        assert_eq!(EN.foreseen(None, 2), "2 ahead of you");
        assert_eq!(EN.foreseen(None, 0), "");
    }

    #[test]
    fn a_finished_one_is_compared() {
        let said = |percent| EN.compared(Rank { percent, runs: 40 });
        assert_eq!(said(80), "Faster than 80 % of 40 earlier ones from this template");
        assert_eq!(said(100), "Faster than all 40 earlier ones from this template");
        assert_eq!(said(0), "Slower than all 40 earlier ones from this template");
    }
}
