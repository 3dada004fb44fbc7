//! A request's events as a film: which moment is shown at which place of the film.
//!
//! Pure. The film runs as fast as the events came, only that the pause after an attempt that had ended,
//! which may last for days, is cut short, and that each event is seen, if others came in the same instant.

use crate::api::StageEvent;

/// How long a pause between two attempts is shown, in milliseconds.
const PAUSE_SHOWN_MS: u64 = 3_000;
/// How long an event is shown at least: to be seen, and to be gone to.
const SHOWN_MIN_MS: u64 = 100;
/// How long the end is shown.
const END_MS: u64 = 1_000;
/// The finest step of the scrubber, and in how many steps at most it goes through the film.
const STEP_MIN_MS: u64 = 100;
const STEPS_MAX: u64 = 200;

/// One scene: an event, until the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    /// Where in the film it begins, in milliseconds.
    begins_ms: u64,
    /// How long it is shown, and how long it lasted.
    shown_ms: u64,
    lasted_ms: u64,
    /// When it began, in milliseconds since 1970.
    at_ms: i64,
}

/// The film.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Film {
    cuts: Vec<Cut>,
}

/// What is seen at one place of the film.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scene {
    /// Which event was the newest, counted from 0.
    pub(crate) index: usize,
    /// The moment, in milliseconds since 1970.
    pub(crate) now_ms: i64,
}

impl Film {
    /// The film of these events.
    pub(crate) fn new(events: &[StageEvent]) -> Self {
        let mut begins_ms = 0;
        let mut cuts = Vec::with_capacity(events.len());
        for (index, event) in events.iter().enumerate() {
            let at_ms = event.at.epoch_ms();
            let next = events.get(index + 1).map(|next| next.at.epoch_ms() - at_ms);
            let lasted_ms = next.map_or(END_MS, |ms| u64::try_from(ms).unwrap_or(0));
            let is_pause = event.progress.status.has_ended();
            let shown_ms = if is_pause { lasted_ms.min(PAUSE_SHOWN_MS) } else { lasted_ms };
            let shown_ms = shown_ms.max(SHOWN_MIN_MS);
            cuts.push(Cut { begins_ms, shown_ms, lasted_ms, at_ms });
            begins_ms += shown_ms;
        }
        Self { cuts }
    }

    /// How long it is, in milliseconds.
    pub(crate) fn length_ms(&self) -> u64 {
        self.cuts.last().map_or(0, |cut| cut.begins_ms + cut.shown_ms)
    }

    /// How far one step of the scrubber goes.
    pub(crate) fn step_ms(&self) -> u64 {
        (self.length_ms() / STEPS_MAX).max(STEP_MIN_MS)
    }

    /// Where an event comes.
    pub(crate) fn begin_of(&self, index: usize) -> u64 {
        self.cuts.get(index).map_or(0, |cut| cut.begins_ms)
    }

    /// What is seen at a place.
    pub(crate) fn at(&self, place_ms: u64) -> Scene {
        let later = self.cuts.partition_point(|cut| cut.begins_ms <= place_ms);
        let index = later.saturating_sub(1);
        let Some(cut) = self.cuts.get(index) else { return Scene { index: 0, now_ms: 0 } };
        let into_ms = (place_ms - cut.begins_ms).min(cut.shown_ms);
        let passed_ms = if cut.shown_ms == cut.lasted_ms {
            into_ms
        } else {
            into_ms.saturating_mul(cut.lasted_ms) / cut.shown_ms.max(1)
        };
        Scene { index, now_ms: cut.at_ms + i64::try_from(passed_ms).unwrap_or(i64::MAX) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{api::Status, sample};

    fn event(seq: u32, after_ms: i64, status: Status) -> StageEvent {
        let mut progress = sample::progress();
        progress.status = status;
        serde_json::from_value(json!({
            "seq": seq, "type": "x", "stage": "CLONING", "state": "active",
            "at": sample::at(after_ms), "details": null, "progress": progress,
        }))
        .unwrap()
    }

    fn film() -> Film {
        Film::new(&[
            event(1, 0, Status::Queued),
            event(2, 800, Status::Provisioning),
            event(3, 800, Status::Provisioning),
            event(4, 10_800, Status::Failed),
            event(5, 3_610_800, Status::Queued),
            event(6, 3_620_800, Status::Ready),
        ])
    }

    fn seen(film: &Film, place_ms: u64) -> (usize, i64) {
        let scene = film.at(place_ms);
        (scene.index, scene.now_ms - sample::STARTED_MS)
    }

    #[test]
    fn it_runs_as_fast_as_the_events_came() {
        let film = film();
        assert_eq!(seen(&film, 0), (0, 0));
        assert_eq!(seen(&film, 799), (0, 799));
        assert_eq!(seen(&film, 800), (1, 800), "of two at one moment each is seen");
        assert_eq!(seen(&film, 900), (2, 800));
        assert_eq!(seen(&film, 5_900), (2, 5_800));
    }

    #[test]
    fn a_pause_between_attempts_is_cut_short() {
        let film = film();
        assert_eq!(seen(&film, 10_900), (3, 10_800));
        assert_eq!(seen(&film, 12_400), (3, 10_800 + 1_800_000), "half of it");
        assert_eq!(seen(&film, 13_900), (4, 3_610_800));
        assert_eq!(film.length_ms(), 10_900 + 3_000 + 10_000 + 1_000);
    }

    #[test]
    fn beyond_the_end_the_end_is_seen() {
        let film = film();
        assert_eq!(seen(&film, u64::MAX), (5, 3_621_800));
        assert_eq!(film.begin_of(4), 13_900);
        assert_eq!(film.step_ms(), 124);
        assert_eq!(Film::new(&[]).at(7), Scene { index: 0, now_ms: 0 });
    }
}
