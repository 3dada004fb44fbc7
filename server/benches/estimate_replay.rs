//! How good estimates are: generated histories through ours, a plain average, and the formulas of Coder
//! and Argo, side by side, at the moment a stage is entered, at its half and at its 95th percentile.
//!
//! Beside them stands one who knows how each world was made and only not what chance will bring: no
//! estimate can be better than that.
//!
//! Printed is a table for the seeds that ours was tuned on, and one for seeds that nobody has looked at
//! while tuning. With a file of recorded runs as argument (one a line, newest last, comma separated:
//! template, size, and the milliseconds of the five stages) these are replayed as well.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench that cannot measure ends with the reason; its output is what was asked for"
)]
#![allow(missing_docs, unreachable_pub, dead_code, reason = "a bench is nobody's interface")]

#[path = "estimate_replay/chance.rs"]
mod chance;
#[path = "estimate_replay/forecasters.rs"]
mod forecasters;
#[path = "estimate_replay/histories.rs"]
mod histories;
#[path = "estimate_replay/score.rs"]
mod score;

use histories::{Scenario, TrueRun};
use score::{ALL_KNOWING, KINDS, NAMES, Score};

/// Runs of one world.
const RUNS: u32 = 240;

/// The seeds that the estimator was tuned on, and those that were kept for the end.
const TUNED: std::ops::Range<u64> = 1..11;
const HELD_OUT: std::ops::Range<u64> = 1_001..1_011;

/// How many ways to go on the one who knows the world looks at.
const DRAWS: usize = 301;

fn main() {
    for (what, seeds) in [("seeds tuned on", TUNED), ("seeds held out", HELD_OUT)] {
        println!("\n{what}, {} worlds of {RUNS} runs each:\n", seeds.end - seeds.start);
        head();
        let mut all = Score::default();
        for scenario in Scenario::ALL {
            let mut of_scenario = Score::default();
            for seed in seeds.clone() {
                of_scenario.add(Score::replay(&histories::runs(scenario, seed, RUNS), DRAWS));
            }
            line(scenario.label(), (&of_scenario, 0), None);
            line("- the best possible", (&of_scenario, ALL_KNOWING), None);
            all.add(of_scenario);
        }
        let kinds =
            KINDS.iter().enumerate().map(|(kind, name)| (format!("all, {name}"), Some(kind)));
        for (label, kind) in std::iter::once(("all".to_owned(), None)).chain(kinds) {
            line(&label, (&all, 0), kind);
            line("- the best possible", (&all, ALL_KNOWING), kind);
        }
    }
    let recorded = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    if let Some(file) = recorded {
        let text = std::fs::read_to_string(&file).expect("the recorded runs");
        let runs: Vec<TrueRun> = text.lines().map(recorded_run).collect();
        println!("\nrecorded in {file}:\n");
        head();
        line("recorded", (&Score::replay(&runs, 0), 0), None);
    }
}

/// A line of a file of recorded runs.
fn recorded_run(line: &str) -> TrueRun {
    let fields: Vec<u64> =
        line.split(',').map(|field| field.trim().parse().expect("a number")).collect();
    let [template, size, stages_ms @ ..] = &fields[..] else {
        panic!("{line:?} has too few fields")
    };
    let stages_ms = stages_ms.try_into().expect("five stages");
    let number = |field: &u64| u32::try_from(*field).expect("a small number");
    TrueRun::recorded(number(template), number(size), stages_ms)
}

fn head() {
    let others = NAMES[1..].iter().map(|name| format!(" error, pinball against {name} |"));
    println!(
        "| world | cases | 10-90 % held | median error | pinball |{}",
        others.collect::<String>()
    );
    println!("|---|---|---|---|---|---|---|---|");
}

/// The figures of forecaster `who` as they are, and as a part of each of the others'.
fn line(label: &str, (score, who): (&Score, usize), kind: Option<usize>) {
    let ours = score.figures(who, kind);
    let others: String = (1..NAMES.len())
        .map(|who| {
            let other = score.figures(who, kind);
            let (error, pinball) =
                (ours.error_ms / other.error_ms, ours.pinball_ms / other.pinball_ms);
            format!(" {error:.2}, {pinball:.2} |")
        })
        .collect();
    println!(
        "| {label} | {} | {:.1} % | {:.1} s | {:.1} s |{others}",
        ours.cases,
        100.0 * ours.coverage,
        ours.error_ms / 1_000.0,
        ours.pinball_ms / 1_000.0
    );
}
