//! The icon of the browser's tab: a ring that fills, in the colour of the status.
//!
//! A pure function of the progress, so that the first icon is the server's and the same as the
//! browser's. It fills in steps, so that it is drawn anew seldom and never flickers.

use crate::{
    api::{Progress, Status},
    measure,
    words::{Tone, tone, waits_for},
};

/// The icon's element, which the browser finds again to move it on.
pub(crate) const ICON_ID: &str = "icon-of-request";
/// In how many steps the ring fills.
const STEPS: u8 = 24;
/// The ring's circumference: its radius is 9.
const AROUND: f64 = 56.55;

/// What the icon shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Icon {
    /// Steps of the ring that are filled.
    steps: u8,
    tone: Tone,
    /// Nothing more happens by itself, and that needs no ring.
    has_ended: bool,
}

/// The icon of a request at `now_ms` of the server's clock.
pub(crate) fn icon(progress: &Progress, now_ms: i64) -> Icon {
    let status = progress.status;
    let is_slow = measure::is_slow(progress, now_ms) || waits_for(progress).is_some();
    let tone = if is_slow { Tone::Slow } else { tone(status) };
    let steps = match status {
        Status::Queued => 0,
        Status::Ready | Status::Failed | Status::Cancelled | Status::NeedsAttention => STEPS,
        Status::Provisioning | Status::Undoing => steps(measure::completed(progress, now_ms)),
    };
    Icon { steps, tone, has_ended: status.has_ended() }
}

/// Begun is never nothing, and not ended is never full.
fn steps(part: f64) -> u8 {
    let whole = (part * f64::from(STEPS)).floor().clamp(1.0, f64::from(STEPS - 1));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let whole = whole as u8;
    whole
}

impl Icon {
    /// The icon as an address, so that it needs no file.
    pub(crate) fn address(self) -> String {
        // Legible on the light and on the dark strip of tabs.
        let colour = match self.tone {
            Tone::Idle => "8a91a0",
            Tone::Go => "5a7bd8",
            Tone::Slow => "c98a1b",
            Tone::Done => "2f9e6e",
            Tone::Bad => "d9534a",
        };
        let drawing = if self.has_ended {
            let sign = match self.tone {
                Tone::Done => "m7.2 12.4 3.2 3.2 6.4-6.8",
                Tone::Idle => "M8 12h8",
                Tone::Bad | Tone::Go | Tone::Slow => "M12 6.8v6.4m0 3.4v.1",
            };
            format!(
                "%3Ccircle cx='12' cy='12' r='11' fill='%23{colour}'/%3E\
                 %3Cpath d='{sign}' fill='none' stroke='white' stroke-width='2.8' \
                 stroke-linecap='round' stroke-linejoin='round'/%3E"
            )
        } else {
            let filled = AROUND * f64::from(self.steps) / f64::from(STEPS);
            format!(
                "%3Cg fill='none' stroke='%23{colour}' stroke-width='5'%3E\
                 %3Ccircle cx='12' cy='12' r='9' opacity='.3'/%3E\
                 %3Ccircle cx='12' cy='12' r='9' stroke-dasharray='{filled:.1} {AROUND}' \
                 transform='rotate(-90 12 12)'/%3E%3C/g%3E"
            )
        };
        format!(
            "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E\
             {drawing}%3C/svg%3E"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_ring_fills_with_what_is_done() {
        let progress = sample::progress();
        let now = sample::NOW_MS;
        let filled = |now| icon(&progress, now).steps;
        assert!((10..=14).contains(&filled(now)), "{}", filled(now));
        assert!(filled(now + 3_000) >= filled(now));
        assert!(filled(now + 3_600_000) < STEPS, "never full before the end");
    }

    #[test]
    fn the_colour_is_that_of_the_status() {
        let mut progress = sample::progress();
        let tone = |progress: &Progress, now| icon(progress, now).tone;
        assert_eq!(tone(&progress, sample::NOW_MS), Tone::Go);
        assert_eq!(tone(&progress, sample::NOW_MS + 3_600_000), Tone::Slow);
        progress.status = Status::Ready;
        assert_eq!(tone(&progress, sample::NOW_MS), Tone::Done);
        progress.status = Status::Failed;
        assert_eq!(icon(&progress, 0), Icon { steps: STEPS, tone: Tone::Bad, has_ended: true });
    }

    #[test]
    fn an_address_has_nothing_in_it_that_ends_it() {
        let mut progress = sample::progress();
        for status in Status::ALL {
            progress.status = status;
            let address = icon(&progress, sample::NOW_MS).address();
            assert!(!address.contains(['<', '>', '#', '"', '\n']), "{address}");
        }
    }
}
