//! Which earlier durations still speak of today.
//!
//! A template that was rebuilt or a datastore that became slow makes what was before it misleading.
//! For every place between two runs it is asked how much better the durations are explained by two
//! levels than by one; a run weighs as much as it is likely that nothing has changed since. Where
//! nothing has, each still weighs slightly less than the next newer one.

/// How likely a change is between one run and the next, before anything is known.
const CHANGE_LIKELY: f64 = 0.01;

/// How far levels lie apart where there is a change: the standard deviation of the logarithm. 1 is a
/// factor of 2.7.
const LEVELS_APART: f64 = 1.0;

/// A deviation of more than so many standard deviations counts as so many: one run that hung is no
/// change.
const DEVIATION_MAX: f64 = 3.0;

/// A run weighs this much less than the one after it, even where nothing has changed.
const FADING: f64 = 0.995;

/// How much each of these logarithms of durations (newest first) still says, 0 to 1.
pub(super) fn weights(logs: &[f64]) -> Vec<f64> {
    let count = logs.len();
    let faded = |index: usize| FADING.powi(i32::try_from(index).unwrap_or(i32::MAX));
    let noise = noise(logs);
    if count < 3 || noise <= 0.0 {
        return (0..count).map(faded).collect();
    }
    let middle = super::numbers::median(logs);
    let scaled: Vec<f64> = logs
        .iter()
        .map(|log| ((log - middle) / noise).clamp(-DEVIATION_MAX, DEVIATION_MAX))
        .collect();
    let newer_is_apart = likelihoods(&scaled, LEVELS_APART / noise);
    let total: f64 = 1.0 + newer_is_apart.iter().sum::<f64>();
    let mut unchanged = 1.0;
    (0..count)
        .map(|index| {
            // A change right before run `index` (older than it by one) takes all older ones away.
            let weight = unchanged;
            unchanged -= newer_is_apart.get(index).copied().unwrap_or(0.0) / total;
            faded(index) * weight.max(0.0)
        })
        .collect()
}

/// For each number of newest runs, how much better two levels explain all of them than one does,
/// times how likely that is beforehand. By the place of the oldest run of the newer level.
fn likelihoods(scaled: &[f64], apart: f64) -> Vec<f64> {
    let count = scaled.len();
    let evidence = |sum: f64, number: usize| {
        let spread = apart * apart;
        let with = 1.0 + super::numbers::as_f64(number) * spread;
        0.5 * (sum * sum * spread / with - with.ln())
    };
    let all: f64 = scaled.iter().sum();
    let as_one = evidence(all, count);
    let mut newer = 0.0;
    (1..count)
        .map(|number| {
            newer += scaled[number - 1];
            let older = all - newer;
            let gain = evidence(newer, number) + evidence(older, count - number) - as_one;
            CHANGE_LIKELY * gain.min(200.0).exp()
        })
        .collect()
}

/// The standard deviation without the changes of level: from the differences of neighbours.
fn noise(logs: &[f64]) -> f64 {
    let steps: Vec<f64> = logs.windows(2).map(|pair| (pair[0] - pair[1]).abs()).collect();
    // The median of |x| is 0.6745 of a normal x's deviation; a difference has twice the variance.
    super::numbers::median(&steps) / 0.6745 / std::f64::consts::SQRT_2
}
