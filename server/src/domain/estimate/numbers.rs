//! Small numerics that the parts share.

/// The middle value, or the mean of both middle ones; 0 of nothing.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let Some(&upper) = sorted.get(middle) else { return 0.0 };
    if sorted.len() % 2 == 1 {
        return upper;
    }
    0.5 * (upper + sorted[middle - 1])
}

/// How likely a standard normal value is beyond `z`. Abramowitz and Stegun 7.1.26: off by less than 1e-6.
pub(super) fn normal_beyond(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let polynomial = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592]
        .iter()
        .fold(0.0, |sum, coefficient| (sum + coefficient) * t);
    let beyond = 0.5 * polynomial * (-x * x).exp();
    if z >= 0.0 { beyond } else { 1.0 - beyond }
}

/// Exact for counts below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of runs and points are small")]
pub(super) fn as_f64(count: usize) -> f64 {
    count as f64
}

/// Exact for durations below 285,000 years.
#[expect(clippy::cast_precision_loss, reason = "durations in milliseconds are far below 2^53")]
pub(super) fn ms_as_f64(ms: u64) -> f64 {
    ms as f64
}

/// The longest time that is told, in milliseconds: a year. What would be longer is known no better.
const LONGEST_MS: f64 = 31_536_000_000.0;

/// Rounded to whole milliseconds, a year at most; what is below 0 or no number is 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to integer cast saturates, and makes 0 of what is no number"
)]
pub(super) fn whole_ms(ms: f64) -> u64 {
    ms.round().min(LONGEST_MS) as u64
}

/// The logarithm of a duration; what took no millisecond counts as one.
pub(super) fn log_ms(ms: u64) -> f64 {
    ms_as_f64(ms.max(1)).ln()
}
