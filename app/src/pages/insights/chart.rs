//! A small picture of durations over time: the median as a line, and a band that holds eight of ten.

use std::fmt::Write;

use leptos::prelude::*;

use crate::{backend::Spread, words::Words};

/// The picture's size in its own units; the style sheet makes it as wide as there is room.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 40.0;

/// Left free above and below, so that a line at the edge is whole.
const INSET: f64 = 2.0;

/// How durations went over time, oldest at the left. From 0 upwards, so that heights can be compared.
#[component]
pub(crate) fn Chart(
    /// Piece by piece, oldest first.
    pieces: Vec<Spread>,
) -> impl IntoView {
    let told = Words::of_page().over_time(&pieces);
    let (band, line) = drawn(&pieces);
    view! {
        <svg
            class="chart"
            viewBox=format!("0 0 {WIDTH} {HEIGHT}")
            preserveAspectRatio="none"
            role="img"
            aria-label=told
        >
            <path class="chart-band" d=band></path>
            <path class="chart-line" d=line></path>
        </svg>
    }
}

/// The outline of the band, and the line in it.
fn drawn(pieces: &[Spread]) -> (String, String) {
    let most = as_f64(pieces.iter().map(|piece| piece.high_ms).max().unwrap_or(0).max(1));
    let y = |ms: u64| HEIGHT - INSET - as_f64(ms) / most * (HEIGHT - 2.0 * INSET);
    let last = as_f64(u64::try_from(pieces.len()).unwrap_or(1)) - 1.0;
    // A single piece is as wide as the picture.
    let shown: Vec<(f64, &Spread)> = match pieces {
        [only] => vec![(0.0, only), (WIDTH, only)],
        many => many
            .iter()
            .zip(0_u32..)
            .map(|(piece, index)| (f64::from(index) / last.max(1.0) * WIDTH, piece))
            .collect(),
    };
    let path = |points: &mut dyn Iterator<Item = (f64, f64)>| {
        points.enumerate().fold(String::new(), |mut path, (index, (x, y))| {
            // Writing to a String cannot fail.
            write!(path, "{}{x:.1} {y:.1}", if index == 0 { "M" } else { "L" }).ok();
            path
        })
    };
    let above = shown.iter().map(|(x, piece)| (*x, y(piece.high_ms)));
    let below = shown.iter().rev().map(|(x, piece)| (*x, y(piece.low_ms)));
    let band = format!("{}Z", path(&mut above.chain(below)));
    let line = path(&mut shown.iter().map(|(x, piece)| (*x, y(piece.median_ms))));
    (band, line)
}

#[expect(clippy::cast_precision_loss, reason = "durations in milliseconds are far below 2^53")]
fn as_f64(ms: u64) -> f64 {
    ms as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(low_ms: u64, median_ms: u64, high_ms: u64) -> Spread {
        Spread { runs: 5, low_ms, median_ms, high_ms }
    }

    #[test]
    fn the_highest_is_at_the_top_and_nothing_is_at_the_bottom() {
        let (band, line) = drawn(&[piece(0, 50, 100), piece(0, 100, 100)]);
        assert_eq!(line, "M0.0 20.0L240.0 2.0");
        assert_eq!(band, "M0.0 2.0L240.0 2.0L240.0 38.0L0.0 38.0Z");
    }

    #[test]
    fn one_piece_is_a_level_and_no_time_at_all_is_no_trouble() {
        let (_, line) = drawn(&[piece(5, 10, 10)]);
        assert_eq!(line, "M0.0 2.0L240.0 2.0");
        let (_, line) = drawn(&[piece(0, 0, 0)]);
        assert_eq!(line, "M0.0 38.0L240.0 38.0");
        assert_eq!(drawn(&[]), ("Z".to_owned(), String::new()));
    }
}
