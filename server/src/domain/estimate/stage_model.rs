//! How long one stage takes, from what is known of it: the template's own size first, leaning on the
//! template's other sizes, and those on all templates, the more the fewer runs there are.
//!
//! Everything is a logarithm: stages take "twice as long" rather than "a second longer".

use super::censoring::{Observed, completed};
use super::change;
use super::curve::{Curve, Kernel};
use super::history::{Run, Spent};
use super::numbers::{as_f64, log_ms};

/// The spread of a stage's duration before anything is known, as the standard deviation of the
/// logarithm: two thirds lie within a third more or less.
const SPREAD: f64 = 0.35;

/// How many runs that is worth.
const SPREAD_RUNS: f64 = 3.0;

/// How far templates lie apart before anything is known (1: a factor of 2.7), and sizes of one template.
const TEMPLATES_APART: f64 = 1.0;
const SIZES_APART: f64 = 0.2;

/// How many groups each of those is worth.
const APART_GROUPS: f64 = 1.0;

/// How many runs the shapes of other templates' durations are worth.
const SHAPE_RUNS: f64 = 4.0;

/// A spread of less than this is an accident of few runs.
const SPREAD_MIN: f64 = 0.02;

/// How widely one run is smeared, in parts of the whole spread, with one run and with more.
const SMEAR: f64 = 1.0;
const SMEAR_EXPONENT: f64 = -0.35;

/// What was never seen: so much of a run is kept for durations that are this far from the middle, as the
/// standard deviation of the logarithm.
const UNSEEN_RUNS: f64 = 0.5;
const UNSEEN_SPREAD: f64 = 0.8;

/// How long the stage with this place takes; `None` when no attempt ever completed it.
pub(super) fn curve(runs: &[Run], stage: usize) -> Option<Curve> {
    let spent = |run: &Run| run.stages.get(stage).copied().flatten();
    let own = observations(runs.iter().filter(|run| run.is_of_template()), spent, |run| run.size);
    let all = observations(runs.iter(), spent, |run| run.template);
    if all.is_empty() {
        return None;
    }
    let wide = Level::of(&all, TEMPLATES_APART, (SPREAD, SPREAD_RUNS));
    let near = Level::of(&own, SIZES_APART, (wide.spread, SPREAD_RUNS));
    let spread = near.spread.max(SPREAD_MIN);
    // The template's middle leans on all templates, the size's on the template.
    let template = Middle::of(&own, |_| true);
    let (middle, doubt) = template.leaning_on(wide.middle, wide.apart, spread);
    let size = Middle::of(&own, |group| group == Run::ASKED);
    let (middle, doubt) = size.leaning_on(middle, near.apart.hypot(doubt), spread);
    let whole = spread.hypot(doubt);
    let residuals = residuals(&own, &all);
    Some(Curve::new(&kernels(&residuals, middle, whole)))
}

/// What is known of a stage, in completed durations, each weighed.
fn observations<'a>(
    runs: impl Iterator<Item = &'a Run>,
    spent: impl Fn(&Run) -> Option<Spent>,
    group: impl Fn(&Run) -> u32,
) -> Vec<Observed> {
    let seen: Vec<(Spent, u32)> = runs.filter_map(|run| Some((spent(run)?, group(run)))).collect();
    let logs: Vec<f64> = seen.iter().map(|(spent, _)| log_ms(spent.ms)).collect();
    let weights = change::weights(&centred(&logs, &seen));
    let observed = seen.iter().zip(&logs).zip(weights).map(|((&(spent, group), &log), weight)| {
        Observed { log, censored: spent.censored, weight, group }
    });
    completed(observed.collect())
}

/// The logarithms without what sets the groups apart, so that a change of group is no change of time.
fn centred(logs: &[f64], seen: &[(Spent, u32)]) -> Vec<f64> {
    let mean_of = |group: u32| {
        let of_group = logs.iter().zip(seen).filter(|(_, (_, other))| *other == group);
        let (sum, count) =
            of_group.fold((0.0, 0.0), |(sum, count), (log, _)| (sum + log, count + 1.0));
        sum / count
    };
    let mut means = std::collections::BTreeMap::new();
    logs.iter()
        .zip(seen)
        .map(|(log, (_, group))| log - *means.entry(*group).or_insert_with(|| mean_of(*group)))
        .collect()
}

/// The middle of some durations, and how many they are worth.
struct Middle {
    mean: f64,
    runs: f64,
}

impl Middle {
    fn of(observed: &[Observed], wanted: impl Fn(u32) -> bool) -> Self {
        let of_group = observed.iter().filter(|one| wanted(one.group));
        let (sum, weight, squares) =
            of_group.fold((0.0, 0.0, 0.0), |(sum, weight, squares), one| {
                (sum + one.weight * one.log, weight + one.weight, squares + one.weight * one.weight)
            });
        if weight <= 0.0 {
            return Self { mean: 0.0, runs: 0.0 };
        }
        Self { mean: sum / weight, runs: weight * weight / squares }
    }

    /// This middle, drawn towards a coarser one from which it usually lies `apart`; and how far it may
    /// still be off.
    fn leaning_on(&self, coarser: f64, apart: f64, spread: f64) -> (f64, f64) {
        let prior_runs = (spread / apart).powi(2);
        let runs = self.runs + prior_runs;
        let middle = (self.runs * self.mean + prior_runs * coarser) / runs;
        (middle, spread / runs.sqrt())
    }
}

/// What groups of runs have in common.
struct Level {
    /// The middle of the groups' middles.
    middle: f64,
    /// The spread within a group.
    spread: f64,
    /// How far groups lie apart.
    apart: f64,
}

impl Level {
    /// Analysis of variance by groups. What is believed beforehand counts as some runs and groups do.
    fn of(observed: &[Observed], apart: f64, (spread, spread_runs): (f64, f64)) -> Self {
        let groups = by_group(observed);
        let total: f64 = groups.iter().map(|group| group.runs).sum();
        let count = as_f64(groups.len());
        let within: f64 = observed
            .iter()
            .zip(group_means(observed, &groups))
            .map(|(one, mean)| one.weight * (one.log - mean).powi(2))
            .sum();
        let weight: f64 = observed.iter().map(|one| one.weight).sum();
        let scale = if weight > 0.0 { total / weight } else { 0.0 };
        let freedom = (total - count).max(0.0) + spread_runs;
        let variance = (within * scale + spread_runs * spread * spread) / freedom;
        let grand =
            groups.iter().map(|group| group.runs * group.mean).sum::<f64>() / total.max(1e-9);
        let between: f64 =
            groups.iter().map(|group| group.runs * (group.mean - grand).powi(2)).sum();
        let squares: f64 = groups.iter().map(|group| group.runs * group.runs).sum();
        let others = count - 1.0;
        // What is left of the groups' distances when the noise of their few runs is taken away.
        let apart_squared = if others >= 1.0 {
            let runs_each = ((total - squares / total) / others).max(1e-9);
            let seen = ((between / others - variance) / runs_each).max(0.0);
            (others * seen + APART_GROUPS * apart * apart) / (others + APART_GROUPS)
        } else {
            apart * apart
        };
        let trust = |group: &Group| 1.0 / (apart_squared + variance / group.runs.max(1e-9));
        let trusts: f64 = groups.iter().map(trust).sum();
        let middle =
            groups.iter().map(|group| trust(group) * group.mean).sum::<f64>() / trusts.max(1e-9);
        Self { middle, spread: variance.sqrt(), apart: apart_squared.sqrt().max(0.01) }
    }
}

struct Group {
    number: u32,
    mean: f64,
    runs: f64,
}

fn by_group(observed: &[Observed]) -> Vec<Group> {
    let numbers: std::collections::BTreeSet<u32> = observed.iter().map(|one| one.group).collect();
    numbers
        .into_iter()
        .map(|number| {
            let Middle { mean, runs } = Middle::of(observed, |group| group == number);
            Group { number, mean, runs }
        })
        .collect()
}

/// The mean of each one's group.
fn group_means<'a>(
    observed: &'a [Observed],
    groups: &'a [Group],
) -> impl Iterator<Item = f64> + 'a {
    observed.iter().map(|one| {
        let at = groups.binary_search_by_key(&one.group, |group| group.number);
        at.map_or(0.0, |at| groups[at].mean)
    })
}

/// How durations lie around the middle of their group: the template's own, and a few runs' worth of all.
fn residuals(own: &[Observed], all: &[Observed]) -> Vec<(f64, f64)> {
    let around = |observed: &[Observed]| -> Vec<(f64, f64)> {
        let groups = by_group(observed);
        let means = group_means(observed, &groups);
        observed.iter().zip(means).map(|(one, mean)| (one.log - mean, one.weight)).collect()
    };
    let mut residuals = around(own);
    let others = around(all);
    let weight: f64 = others.iter().map(|(_, weight)| weight).sum();
    let share = (SHAPE_RUNS / weight.max(1e-9)).min(1.0);
    residuals.extend(others.into_iter().map(|(residual, weight)| (residual, weight * share)));
    residuals
}

/// The residuals as a smooth curve around `middle` whose spread is `whole`, and a little for what was
/// never seen.
fn kernels(residuals: &[(f64, f64)], middle: f64, whole: f64) -> Vec<Kernel> {
    let weight: f64 = residuals.iter().map(|(_, weight)| weight).sum();
    let squares: f64 = residuals.iter().map(|(_, weight)| weight * weight).sum();
    let runs = weight * weight / squares.max(1e-9);
    let mean = residuals.iter().map(|(log, weight)| log * weight).sum::<f64>() / weight;
    let variance =
        residuals.iter().map(|(log, weight)| weight * (log - mean).powi(2)).sum::<f64>() / weight;
    let smear = (SMEAR * runs.powf(SMEAR_EXPONENT)).min(1.0);
    // As wide as is believed: the runs are drawn together, but never apart (one that lies far from all
    // others and counts for little would come to lie anywhere), and smeared over the rest.
    let scale = (((1.0 - smear * smear) / variance).sqrt() * whole).min(1.0);
    let width = (whole * whole - scale * scale * variance).max(0.0).sqrt();
    let seen = 1.0 / (1.0 + UNSEEN_RUNS / runs);
    let mut kernels: Vec<Kernel> = residuals
        .iter()
        .map(|(log, one)| Kernel {
            middle: middle + scale * (log - mean),
            width,
            weight: seen * one / weight,
        })
        .collect();
    let width = UNSEEN_SPREAD.max(2.0 * whole);
    kernels.push(Kernel { middle, width, weight: 1.0 - seen });
    kernels
}
