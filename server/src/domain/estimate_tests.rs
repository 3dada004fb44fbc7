use proptest::prelude::*;

use super::*;

fn run(stages_ms: [u64; TIMED]) -> Run {
    let stages = stages_ms.map(|ms| Some(Spent { ms, censored: false }));
    Run { template: Run::ASKED, size: Run::ASKED, ready: true, stages }
}

/// A run that was broken off in `stage` after so many milliseconds.
fn broken_off(mut run: Run, stage: Stage, ms: u64) -> Run {
    run.ready = false;
    run.stages[stage.index()] = Some(Spent { ms, censored: true });
    for later in &mut run.stages[stage.index() + 1..] {
        *later = None;
    }
    run
}

fn learned(runs: impl IntoIterator<Item = Run>) -> Learned {
    Learned::from_history(&History { runs: runs.into_iter().collect() })
}

fn told(learned: &Learned, stage: Stage, elapsed_ms: u64) -> Estimate {
    learned.tell(Position::In(stage, elapsed_ms)).estimate.expect("an estimate")
}

/// Durations around `middle_ms`, evenly spread over a factor of 1.2 each way.
fn spread(middle_ms: f64, count: u32) -> Vec<u64> {
    (0..count)
        .map(|index| {
            // By the golden ratio: evenly, and neighbours lie apart as they do in life.
            let place = (f64::from(index) * 0.618_034).fract() * 2.0 - 1.0;
            numbers::whole_ms(middle_ms * 1.2_f64.powf(place))
        })
        .collect()
}

fn last_stage_only(ms: u64) -> Run {
    run([1, 1, 1, 1, ms])
}

fn about(value: u64, expected: u64) -> bool {
    let (value, expected) = (numbers::ms_as_f64(value), numbers::ms_as_f64(expected));
    (0.85..1.18).contains(&(value / expected))
}

#[test]
fn nothing_is_told_without_anything_to_learn_from() {
    let told = Learned::nothing().tell(Position::In(Stage::Cloning, 5));
    assert_eq!(told, Told::default());
    // What was broken off is nothing to go by when nothing ever came to its end.
    let failed = broken_off(run([5; TIMED]), Stage::Cloning, 40_000);
    assert_eq!(learned([failed]).tell(Position::In(Stage::Cloning, 5)).estimate, None);
}

#[test]
fn nothing_is_told_after_the_end() {
    assert_eq!(learned([run([5; TIMED])]).tell(Position::Ended).estimate, None);
}

#[test]
fn usual_is_where_most_runs_ended_and_not_known_of_what_nobody_did() {
    assert_eq!(Learned::nothing().usual_ms(), [None; TIMED]);
    let learned = learned(spread(60_000.0, 101).into_iter().map(last_stage_only));
    let (low, high) = learned.usual_ms()[Stage::WaitingForNetwork.index()].expect("a range");
    assert!(about(low, 52_000) && about(high, 69_500), "{low} to {high}");
}

#[test]
fn typical_is_the_median_and_the_samples_are_those_that_became_ready() {
    let runs = [run([1, 7, 1, 1, 1]), run([9, 2, 1, 1, 1]), run([3, 9, 1, 1, 1])];
    let failed = broken_off(run([4, 1, 1, 1, 1]), Stage::Configuring, 900);
    let learned = learned(runs.into_iter().chain([failed]));
    let told = learned.tell(Position::Before(Stage::Cloning));
    assert_eq!(told.typical_ms, [Some(3), Some(4), Some(1), Some(1), Some(1)]);
    assert_eq!(told.estimate.map(|told| (told.samples, told.basis)), Some((3, Basis::Template)));
}

#[test]
fn the_middle_and_the_range_are_those_of_the_earlier_runs() {
    let learned = learned(spread(60_000.0, 101).into_iter().map(last_stage_only));
    let told = told(&learned, Stage::WaitingForNetwork, 0);
    assert!(about(told.remaining_ms, 60_000), "{told:?}");
    // Of a factor of 1.2 each way: the 10th and the 90th percentile.
    assert!(
        about(told.low_ms.unwrap(), 52_000) && about(told.high_ms.unwrap(), 69_500),
        "{told:?}"
    );
    assert_eq!((told.samples, told.basis), (101, Basis::TemplateAndSize));
}

#[test]
fn one_run_is_enough_for_a_wide_range() {
    let learned = learned([run([800, 40_000, 9_000, 5_000, 30_000])]);
    let told = told(&learned, Stage::Created, 0);
    assert!(about(told.remaining_ms, 85_000), "{told:?}");
    let (low, high) = (told.low_ms.unwrap(), told.high_ms.unwrap());
    assert!(low < 70_000 && high > 100_000 && high < 400_000, "{told:?}");
}

#[test]
fn what_it_has_taken_already_is_taken_into_account() {
    // Half take 20 s, half take 100 s.
    let runs = (0..40).map(|index| last_stage_only(if index % 2 == 0 { 20_000 } else { 100_000 }));
    let learned = learned(runs);
    let early = told(&learned, Stage::WaitingForNetwork, 0);
    assert!(early.low_ms.unwrap() < 25_000 && early.high_ms.unwrap() > 80_000, "{early:?}");
    // After 50 s it is one of the long ones.
    let later = told(&learned, Stage::WaitingForNetwork, 50_000);
    assert!(about(later.remaining_ms, 50_000), "{later:?}");
}

#[test]
fn a_datastore_that_became_slow_is_followed_within_a_few_runs() {
    let (slow, before) = (spread(90_000.0, 4), spread(30_000.0, 100));
    let learned = learned(slow.into_iter().chain(before).map(last_stage_only));
    let told = told(&learned, Stage::WaitingForNetwork, 0);
    assert!((75_000..110_000).contains(&told.remaining_ms), "{told:?}");
    // But one run that hung is not a slow datastore.
    let one = std::iter::once(90_000).chain(spread(30_000.0, 100)).map(last_stage_only);
    let learned = self::learned(one);
    assert!(about(self::told(&learned, Stage::WaitingForNetwork, 0).remaining_ms, 30_000));
}

#[test]
fn what_failed_early_does_not_make_a_stage_short() {
    let whole = || spread(60_000.0, 20).into_iter().map(last_stage_only);
    let failed = (0..20).map(|_| broken_off(last_stage_only(1), Stage::WaitingForNetwork, 1_000));
    let learned = learned(whole().zip(failed).flat_map(|(whole, failed)| [failed, whole]));
    assert!(about(told(&learned, Stage::WaitingForNetwork, 0).remaining_ms, 60_000));
    // And what was given up after long makes it longer.
    let given_up =
        (0..20).map(|_| broken_off(last_stage_only(1), Stage::WaitingForNetwork, 300_000));
    let learned = self::learned(whole().zip(given_up).flat_map(|(whole, failed)| [failed, whole]));
    let told = told(&learned, Stage::WaitingForNetwork, 60_000);
    assert!(told.remaining_ms > 120_000, "{told:?}");
}

#[test]
fn a_size_that_takes_longer_speaks_for_itself() {
    let size = |size: u32, ms: u64| Run { size, ..last_stage_only(ms) };
    let small = spread(10_000.0, 30).into_iter().map(|ms| size(1, ms));
    let large = spread(40_000.0, 30).into_iter().map(|ms| size(Run::ASKED, ms));
    let learned = learned(small.zip(large).flat_map(|(small, large)| [small, large]));
    assert!(about(told(&learned, Stage::WaitingForNetwork, 0).remaining_ms, 40_000));
}

#[test]
fn a_template_that_nobody_has_built_leans_on_the_others() {
    let other = |template: u32, ms: u64| Run { template, size: template, ..last_stage_only(ms) };
    let runs = [10_000.0, 40_000.0, 160_000.0].into_iter().zip(1..);
    let runs =
        runs.flat_map(|(ms, template)| spread(ms, 10).into_iter().map(move |ms| (template, ms)));
    let learned = learned(runs.map(|(template, ms)| other(template, ms)));
    let told = told(&learned, Stage::WaitingForNetwork, 0);
    assert_eq!((told.samples, told.basis), (30, Basis::All));
    assert!(told.low_ms.unwrap() < 20_000 && told.high_ms.unwrap() > 100_000, "{told:?}");
}

#[test]
fn a_stage_is_late_past_its_95th_percentile_and_then_past_all() {
    let learned = learned(spread(60_000.0, 40).into_iter().map(last_stage_only));
    let late = |elapsed_ms| told(&learned, Stage::WaitingForNetwork, elapsed_ms).late;
    let from_ms = learned.late_from_ms(Stage::WaitingForNetwork).unwrap();
    assert!((66_000..80_000).contains(&from_ms), "{from_ms}");
    assert_eq!(late(from_ms - 1), None);
    let (stage, up_to_ms) = (Stage::WaitingForNetwork, from_ms - 1);
    let beyond = Late { stage, elapsed_ms: 200_000, up_to_ms, slower_than: Some(40) };
    assert_eq!(late(200_000), Some(beyond));
    // Of few runs nobody can say what is usual.
    let few = self::learned([last_stage_only(5), last_stage_only(5)]);
    assert_eq!(told(&few, Stage::WaitingForNetwork, 200_000).late, None);
}

fn any_run() -> impl Strategy<Value = Run> {
    let stages = prop::array::uniform5(prop_oneof![
        4 => (0_u64..10_000_000).prop_map(|ms| Some(Spent { ms, censored: false })),
        1 => (0_u64..10_000_000).prop_map(|ms| Some(Spent { ms, censored: true })),
        1 => Just(None),
        1 => Just(Some(Spent { ms: u64::MAX, censored: false })),
    ]);
    (0_u32..3, 0_u32..3, any::<bool>(), stages).prop_map(|(template, size, ready, stages)| Run {
        template,
        size,
        ready,
        stages,
    })
}

fn any_stage() -> impl Strategy<Value = Stage> {
    prop::sample::select(&Stage::TIMED[..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_was_learned_what_is_told_makes_sense(
        runs in prop::collection::vec(any_run(), 0..30),
        stage in any_stage(),
        elapsed in prop_oneof![0_u64..20_000_000, Just(u64::MAX)],
    ) {
        let learned = learned(runs.clone());
        for position in [Position::In(stage, elapsed), Position::Before(stage)] {
            let told = learned.tell(position);
            prop_assert_eq!(told.estimate.is_some(), runs.iter().any(|run| run.ready));
            let Some(told) = told.estimate else { continue };
            let (low, high) = (told.low_ms.unwrap(), told.high_ms.unwrap());
            prop_assert!(low <= told.remaining_ms && told.remaining_ms <= high, "{:?}", told);
            prop_assert!(told.remaining_ms >= 1 && told.samples >= 1);
        }
    }

    /// The longer a stage takes, the later it all ends: waiting never makes the end come nearer.
    #[test]
    fn the_end_never_comes_nearer_by_waiting(
        runs in prop::collection::vec(prop::array::uniform5(1_u64..1_000_000), 1..20),
        stage in any_stage(),
        elapsed in 0_u64..2_000_000,
        more in 1_u64..1_000_000,
    ) {
        let learned = learned(runs.into_iter().map(run));
        let (early, late) = (told(&learned, stage, elapsed), told(&learned, stage, elapsed + more));
        let ends = |told: Estimate, elapsed: u64| {
            [told.low_ms.unwrap(), told.remaining_ms, told.high_ms.unwrap()].map(|ms| ms + elapsed)
        };
        for (early, late) in ends(early, elapsed).into_iter().zip(ends(late, elapsed + more)) {
            // Each is rounded to whole milliseconds, and is a millisecond at least.
            prop_assert!(early <= late + 2, "{} {}", early, late);
        }
    }

    /// What has one stage less before it is sooner at its end.
    #[test]
    fn a_stage_less_to_come_is_never_more_time(
        runs in prop::collection::vec(prop::array::uniform5(1_u64..1_000_000), 1..20),
    ) {
        let learned = learned(runs.into_iter().map(run));
        let ends = Stage::TIMED.map(|stage| {
            learned.tell(Position::Before(stage)).estimate.unwrap().remaining_ms
        });
        prop_assert!(ends.is_sorted_by(|earlier, later| earlier >= later), "{:?}", ends);
    }
}

/// What counts for nearly nothing any more, since the pace has changed since, must not set the scale.
#[test]
fn old_runs_that_lie_far_from_what_is_so_now_do_not_spoil_it() {
    let cut = |template, ms| {
        let one = broken_off(last_stage_only(1), Stage::WaitingForNetwork, ms);
        Run { template, ..one }
    };
    let whole = |ms| Run { template: 1, ..last_stage_only(ms) };
    let runs = [cut(1, 7_000), cut(0, 7_000), cut(1, 7_000), cut(0, 300), whole(403), whole(798)];
    let learned = learned(runs);
    let (low, high) = learned.usual_ms()[Stage::WaitingForNetwork.index()].unwrap();
    assert!((500..10_000).contains(&low) && (7_000..60_000).contains(&high), "{low} {high}");
    let told = told(&learned, Stage::WaitingForNetwork, 316);
    assert!((1_000..30_000).contains(&told.remaining_ms), "{told:?}");
    assert!((7_000..60_000).contains(&told.high_ms.unwrap()), "{told:?}");
}

/// However long a stage takes that has always taken the same, what is left is told in its proportion.
#[test]
fn what_is_left_stays_in_proportion_far_beyond_all() {
    let learned = learned((0..20).map(|_| last_stage_only(500)));
    for elapsed_ms in [5_000, 500_000, 50_000_000] {
        let told = told(&learned, Stage::WaitingForNetwork, elapsed_ms);
        assert!(told.remaining_ms <= elapsed_ms, "{elapsed_ms}: {told:?}");
        assert!(told.high_ms.unwrap() <= 4 * elapsed_ms, "{elapsed_ms}: {told:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Nothing is told that is out of all proportion to what was ever seen, and to how long it takes now.
    #[test]
    fn what_is_told_is_in_proportion_to_what_was_seen(
        seen in prop::collection::vec((0_u32..3, 0_u32..2, 0_u32..3, 20_u64..2_000), 2..20),
        times in prop::sample::select(vec![1_u64, 100]),
        elapsed in prop::sample::select(vec![1_u64, 500, 50_000, 5_000_000]),
    ) {
        let runs = seen.iter().map(|&(template, size, cut, ms)| {
            // As far apart as a VM without an address and one that has it at once.
            let ms = if cut == 0 { ms * times } else { ms };
            let whole = Run { template, size, ..last_stage_only(ms) };
            if cut == 0 { broken_off(whole, Stage::WaitingForNetwork, ms) } else { whole }
        });
        let told = learned(runs).tell(Position::In(Stage::WaitingForNetwork, elapsed));
        let longest = seen.iter().map(|(_, _, _, ms)| ms * times).max().unwrap().max(elapsed);
        if let Some(told) = told.estimate {
            prop_assert!(told.high_ms.unwrap() <= 10_000 * longest, "{:?}", told);
        }
    }
}
