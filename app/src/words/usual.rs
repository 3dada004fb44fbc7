//! What can be said before a VM is asked for, and how a finished one compares.

use super::remaining::span_words;
use crate::{
    api::{Basis, Estimate},
    backend::Rank,
};

/// How long it usually takes: `usually about 1–2 minutes`.
pub(crate) fn usually_takes(estimate: &Estimate) -> String {
    let low = estimate.low_ms.unwrap_or(estimate.remaining_ms);
    let high = estimate.high_ms.unwrap_or(estimate.remaining_ms).max(low);
    let span = span_words(low, high).to_lowercase();
    match estimate.basis {
        Basis::TemplateAndSize | Basis::Template => format!("usually {span}"),
        Basis::All => format!("usually {span}, as other templates"),
    }
}

/// How long it usually takes and how many are before it: `Usually about 1–2 minutes, 2 ahead of you`.
pub(crate) fn foreseen(usual: Option<&Estimate>, ahead: u32) -> String {
    let usual = match usual {
        Some(estimate) => {
            let usually = usually_takes(estimate);
            format!("U{}", &usually[1..])
        }
        None => "No estimate yet: nobody has built this template before".to_owned(),
    };
    match ahead {
        0 => usual,
        ahead => format!("{usual}, {ahead} ahead of you"),
    }
}

/// How a finished request compares: `Faster than 80 % of 40 earlier ones from this template`.
pub(crate) fn compared(rank: Rank) -> String {
    let Rank { percent, runs } = rank;
    match percent {
        0 => format!("Slower than all {runs} earlier ones from this template"),
        100 => format!("Faster than all {runs} earlier ones from this template"),
        percent => format!("Faster than {percent} % of {runs} earlier ones from this template"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(low_ms: u64, high_ms: u64, basis: Basis) -> Estimate {
        let (low_ms, high_ms) = (Some(low_ms), Some(high_ms));
        Estimate { remaining_ms: 100_000, low_ms, high_ms, samples: 40, basis, late: None }
    }

    #[test]
    fn before_it_is_asked_for_it_says_how_long_and_behind_how_many() {
        let usual = estimate(185_000, 290_000, Basis::Template);
        assert_eq!(foreseen(Some(&usual), 2), "Usually about 3–5 minutes, 2 ahead of you");
        assert_eq!(foreseen(Some(&usual), 0), "Usually about 3–5 minutes");
        let of_others = estimate(40_000, 40_000, Basis::All);
        assert_eq!(usually_takes(&of_others), "usually about 40 s, as other templates");
        let none = "No estimate yet: nobody has built this template before";
        assert_eq!(foreseen(None, 0), none);
    }

    #[test]
    fn a_finished_one_is_compared() {
        let said = |percent| compared(Rank { percent, runs: 40 });
        assert_eq!(said(80), "Faster than 80 % of 40 earlier ones from this template");
        assert_eq!(said(100), "Faster than all 40 earlier ones from this template");
        assert_eq!(said(0), "Slower than all 40 earlier ones from this template");
    }
}
