//! Durations of which only the least is known (Kaplan and Meier).
//!
//! A stage that failed or was cancelled after 40 s says that it would have taken longer than 40 s. Its
//! weight goes to all that took longer, so it makes nothing shorter and is not dropped either.

/// What is known of one duration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Observed {
    /// The duration's logarithm, or the logarithm of the least it would have been.
    pub(super) log: f64,
    /// Whether only the least is known.
    pub(super) censored: bool,
    /// How much it counts.
    pub(super) weight: f64,
    /// The group (template or size) that it belongs to.
    pub(super) group: u32,
}

/// Less weight than this is what is left over by rounding, or by a change long ago.
const NOTHING: f64 = 1e-6;

/// What lasted longer than everything else, and was not completed, is taken to have needed a third more:
/// this as a logarithm.
const BEYOND: f64 = 0.3;

/// The same knowledge in completed durations only, in ascending order. The total weight stays.
///
/// What counts for nothing is not in it: far from all others it would set the scale for them.
pub(super) fn completed(mut observed: Vec<Observed>) -> Vec<Observed> {
    observed.retain(|one| one.weight > NOTHING);
    // At the same duration the completed ones come first: the censored one lasted longer.
    observed.sort_unstable_by(|a, b| {
        a.log.total_cmp(&b.log).then(a.censored.cmp(&b.censored)).then(a.group.cmp(&b.group))
    });
    let mut left: f64 = observed.iter().map(|one| one.weight).sum();
    let mut factor = 1.0;
    let mut done = Vec::with_capacity(observed.len());
    for one in observed {
        left -= one.weight;
        if !one.censored {
            done.push(Observed { weight: one.weight * factor, ..one });
        } else if left > NOTHING {
            // Everything longer counts that much more.
            factor *= 1.0 + one.weight / left;
        } else {
            let log = one.log + BEYOND;
            done.push(Observed { log, censored: false, weight: one.weight * factor, ..one });
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn observed(log: f64, censored: bool) -> Observed {
        Observed { log, censored, weight: 1.0, group: 0 }
    }

    /// How much lies beyond.
    fn beyond(completed: &[Observed], log: f64) -> f64 {
        completed.iter().filter(|one| one.log > log).map(|one| one.weight).sum()
    }

    #[test]
    fn the_weight_of_what_was_broken_off_goes_to_what_took_longer() {
        let known =
            completed(vec![observed(1.0, false), observed(2.0, true), observed(3.0, false)]);
        let found: Vec<_> = known.iter().map(|one| (one.log, one.weight)).collect();
        assert_eq!(found, [(1.0, 1.0), (3.0, 2.0)]);
    }

    #[test]
    fn what_was_broken_off_last_lies_beyond_all() {
        let known = completed(vec![observed(1.0, false), observed(2.0, true), observed(3.0, true)]);
        let found: Vec<_> = known.iter().map(|one| (one.log, one.weight)).collect();
        assert_eq!(found, [(1.0, 1.0), (3.0 + BEYOND, 2.0)]);
    }

    proptest! {
        #[test]
        fn censoring_never_shortens(
            logs in prop::collection::vec((0.0_f64..10.0, any::<bool>()), 1..20),
            which in any::<prop::sample::Index>(),
        ) {
            let mut all: Vec<_> = logs.iter().map(|(log, cut)| observed(*log, *cut)).collect();
            let one = which.index(all.len());
            all[one].censored = false;
            let as_whole = completed(all.clone());
            all[one].censored = true;
            let as_cut = completed(all.clone());
            for log in logs.iter().map(|(log, _)| *log).chain([0.0, 10.2]) {
                prop_assert!(beyond(&as_cut, log) >= beyond(&as_whole, log) - 1e-9);
            }
            let total: f64 = as_cut.iter().map(|one| one.weight).sum();
            prop_assert!((total - f64::from(u32::try_from(all.len()).unwrap())).abs() < 1e-9);
        }
    }
}
