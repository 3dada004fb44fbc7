//! The replay of `benches/estimate_replay`, small, as a test of its bounds. No clock and no chance is in
//! it: the same seeds give the same figures.
#![allow(dead_code, unreachable_pub, reason = "the bench uses more of it")]

#[path = "../../benches/estimate_replay/chance.rs"]
mod chance;
#[path = "../../benches/estimate_replay/forecasters.rs"]
mod forecasters;
#[path = "../../benches/estimate_replay/histories.rs"]
mod histories;
#[path = "../../benches/estimate_replay/score.rs"]
mod score;

use histories::Scenario;
use score::{KINDS, NAMES, Score};

const RUNS: u32 = 100;
const SEEDS: [u64; 2] = [1, 2];

#[test]
fn the_range_holds_and_nobody_elses_estimate_is_nearly_as_good() {
    let mut all = Score::default();
    for scenario in Scenario::ALL {
        let mut of_scenario = Score::default();
        for seed in SEEDS {
            of_scenario.add(Score::replay(&histories::runs(scenario, seed, RUNS), 0));
        }
        let held = of_scenario.figures(0, None).coverage;
        assert!((0.70..0.88).contains(&held), "{}: the range held in {held}", scenario.label());
        all.add(of_scenario);
    }
    let held = all.figures(0, None).coverage;
    assert!((0.75..0.85).contains(&held), "the range held in {held}");
    for (kind, moment) in KINDS.iter().enumerate() {
        for (who, name) in NAMES.iter().enumerate().skip(1) {
            let (ours, other) = (all.figures(0, Some(kind)), all.figures(who, Some(kind)));
            let pinball = ours.pinball_ms / other.pinball_ms;
            assert!(pinball < 0.8, "{moment}: pinball loss against {name}: {pinball}");
            let error = ours.error_ms / other.error_ms;
            // A single stage's average is hard to beat where nothing changes: see the bench's table.
            let bound = if who == 1 { 1.0 } else { 0.8 };
            assert!(error < bound, "{moment}: error against {name}: {error}");
        }
    }
}
