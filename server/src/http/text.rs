//! The stream in words, for people at a terminal: one line an event, with glyphs that also read well
//! without colour. No markup and no control characters, whatever vCenter or a user wrote.

use std::fmt::Write;

use chrono::{DateTime, Utc};

use super::convert::SLOW_MESSAGE;
use crate::application::breaker::VcenterOutage;
use crate::domain::estimate::{Estimate, Late};
use crate::domain::event::{Failure, RecordedEvent, VmEvent};
use crate::domain::ports::event_store::Outage;
use crate::domain::ports::vsphere::UndoneStep;
use crate::domain::stage::VmProvisioningStage as Stage;
use crate::domain::timeline::{Resumption, StageState, Timeline};

/// The lines of one event: what it completed, then what it began.
pub fn lines(timeline: &Timeline, recorded: &RecordedEvent) -> String {
    let mut lines = Lines { at: recorded.recorded_at, text: String::new() };
    match &recorded.event {
        VmEvent::VmRequested { .. } => lines.add("● Created...  (queued)"),
        VmEvent::VmProvisioningStarted { .. } => lines.completed(timeline, recorded.seq),
        VmEvent::VmProvisioningProgressUpdated { current_stage, details } => {
            lines.completed(timeline, recorded.seq);
            let details = details.as_ref().map(|details| format!("  {details}"));
            let remaining = timeline.told.estimate.map(|told| format!(", {}", left(&told)));
            lines.add(&format!(
                "● {}...  (in progress{}){}",
                current_stage.label(),
                remaining.unwrap_or_default(),
                details.unwrap_or_default()
            ));
        }
        VmEvent::VmProvisioningTryFailed { stage, failed_try, reason, next_at } => {
            lines.add(&format!(
                "! {}: try {failed_try} failed: {reason}; trying again at {}",
                stage.label(),
                clock(*next_at)
            ));
        }
        VmEvent::VmProvisioningResumed { .. } => {
            let words = timeline.resumption.map(Resumption::words).unwrap_or_default();
            let mut letters = words.chars();
            let first = letters.next().unwrap_or_default().to_uppercase();
            lines.add(&format!("● {first}{}", letters.as_str()));
        }
        VmEvent::VmProvisioned { vm } => {
            lines.completed_before_ready(timeline, recorded.seq);
            let took = duration(timeline.elapsed_ms(recorded.recorded_at));
            lines.add(&format!("✓ Ready (in {took}, address {})", vm.ip_address));
        }
        VmEvent::VmProvisioningUndoStarted { failure } => {
            lines.failed(failure);
            lines.add("↺ Undoing what was made");
        }
        VmEvent::VmProvisioningStepUndone { step } => lines.add(match step {
            UndoneStep::CloneCancelled => "↺ Cloning from template (undone)  clone cancelled",
            UndoneStep::PoweredOff => "↺ Start VM (undone)  powered off",
            UndoneStep::Destroyed => "↺ Cloning from template (undone)  VM deleted",
        }),
        VmEvent::VmProvisioningFailed { failure } => {
            // After an undo its beginning has told the failure already.
            let told = timeline.stages[failure.stage.index()].left;
            if told.is_some_and(|mark| mark.seq == recorded.seq) {
                lines.failed(failure);
            }
            lines.add("✗ Failed. Nothing was left behind.");
        }
        VmEvent::VmProvisioningCancelRequested { by } => {
            lines.add(&format!("↺ Cancelled by {}, undoing what was made", by.0));
        }
        VmEvent::VmProvisioningCancelled => lines.add("– Cancelled. Nothing was left behind."),
        VmEvent::VmProvisioningRetryRequested { attempt, by } => {
            lines.add(&format!("● Attempt {attempt}, asked for by {}...  (queued)", by.0));
        }
        VmEvent::VmProvisioningNeedsAttention { reason, left, .. } => {
            let left = left.join(", ");
            lines.add(&format!("✗ Needs attention. Left behind: {left}. {reason}"));
        }
    }
    lines.text
}

/// The line that says that it takes longer than usual.
pub fn slow_line(at: DateTime<Utc>) -> String {
    let mut lines = Lines { at, text: String::new() };
    lines.add(&format!("! {SLOW_MESSAGE}"));
    lines.text
}

/// The line that says that nobody can know how far it is just now, or that one can again.
pub fn outage_line(at: DateTime<Utc>, outage: Option<Outage>) -> String {
    let mut lines = Lines { at, text: String::new() };
    match outage {
        Some(outage) => lines.add(&format!("! {outage}; what follows may come late")),
        None => lines.add("! PostgreSQL is back"),
    }
    lines.text
}

/// Says that vCenter is away, and when it is asked again.
pub fn vcenter_outage(outage: &VcenterOutage, now: DateTime<Utc>) -> String {
    let again = match u64::try_from((outage.next_at - now).num_milliseconds()) {
        Ok(ms @ 1..) => format!("in {} s", ms.div_ceil(1_000)),
        Ok(0) | Err(_) => "now".to_owned(),
    };
    format!("vCenter is not answering, trying again {again}")
}

/// The line that says that vCenter is away, or that it is back.
pub fn vcenter_line(away: Option<&VcenterOutage>, at: DateTime<Utc>) -> String {
    let mut lines = Lines { at, text: String::new() };
    match away {
        Some(away) => lines.add(&format!("! {} ({})", vcenter_outage(away, at), away.reason)),
        None => lines.add("● vCenter answers again"),
    }
    lines.text
}

/// The line that says that what the reader knows is not this journal.
pub fn reset_line(at: DateTime<Utc>) -> String {
    let mut lines = Lines { at, text: String::new() };
    lines.add("! The journal is another one than before; from its beginning:");
    lines.text
}

/// Whether a character changes how a terminal or a program shows a line: Unicode's controls, its own
/// ends of line and paragraph, and what turns the direction of writing.
fn is_control(c: char) -> bool {
    let is_separator = matches!(c, '\u{2028}' | '\u{2029}');
    let is_direction = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || is_separator || is_direction
}

struct Lines {
    at: DateTime<Utc>,
    text: String,
}

impl Lines {
    fn add(&mut self, line: &str) {
        let clean: String = line.chars().map(|c| if is_control(c) { ' ' } else { c }).collect();
        // Writing to a String cannot fail.
        writeln!(self.text, "{}  {clean}", clock(self.at)).ok();
    }

    /// The stages that this event completed.
    fn completed(&mut self, timeline: &Timeline, seq: u32) {
        for stage in Stage::ALL {
            let times = &timeline.stages[stage.index()];
            let now =
                times.state == StageState::Done && times.left.is_some_and(|mark| mark.seq == seq);
            if now {
                let took = times.duration_ms().map(|ms| format!(" ({})", duration(ms)));
                self.add(&format!("✓ {}{}", stage.label(), took.unwrap_or_default()));
            }
        }
    }

    fn completed_before_ready(&mut self, timeline: &Timeline, seq: u32) {
        let mut before = timeline.clone();
        before.stages[Stage::Ready.index()].left = None;
        self.completed(&before, seq);
    }

    fn failed(&mut self, failure: &Failure) {
        self.add(&format!("✗ {} (failed): {}", failure.stage.label(), failure.reason));
    }
}

fn clock(at: DateTime<Utc>) -> String {
    at.format("%H:%M:%SZ").to_string()
}

/// A duration as a person says it: `0.8 s`, `41 s`, `1 min 52 s`, `2 h 5 min`.
fn duration(ms: u64) -> String {
    let seconds = ms.saturating_add(500) / 1000;
    match seconds {
        0..10 => format!("{}.{} s", (ms + 50) / 1000, (ms + 50) % 1000 / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// The time that is left, no more exactly than it is known: `about 1-2 min left`.
fn left(told: &Estimate) -> String {
    let low_ms = told.low_ms.unwrap_or(told.remaining_ms);
    let high_ms = told.high_ms.unwrap_or(told.remaining_ms);
    let (unit_ms, unit) = match high_ms {
        0..90_000 => (1_000, "s"),
        90_000..5_400_000 => (60_000, "min"),
        _ => (3_600_000, "h"),
    };
    // Outwards, to numbers that a glance understands.
    let step = unit_ms
        * match (unit, high_ms) {
            ("s", 10_000..30_000) => 5,
            ("s", 30_000..) => 10,
            _ => 1,
        };
    let high = high_ms.div_ceil(step).max(1).saturating_mul(step) / unit_ms;
    let low = (low_ms / step * step / unit_ms).max(1);
    if low >= high {
        format!("about {high} {unit} left")
    } else {
        format!("about {low}-{high} {unit} left")
    }
}

/// That a stage takes longer than it usually does at most.
pub fn late_words(late: &Late) -> String {
    let (stage, now) = (late.stage.label(), duration(late.elapsed_ms));
    match late.slower_than {
        Some(runs) => format!("{stage} takes {now} now, slower than all {runs} earlier runs"),
        None => {
            format!("{stage} usually takes up to {}, now {now}", duration(late.up_to_ms))
        }
    }
}

/// The line that says so, and what is left now.
pub fn late_line(at: DateTime<Utc>, told: &Estimate) -> String {
    let mut lines = Lines { at, text: String::new() };
    if let Some(late) = &told.late {
        lines.add(&format!("! {}; {}", late_words(late), left(told)));
    }
    lines.text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::estimate::Basis;
    use crate::domain::ids::RequestId;
    use crate::domain::vm::tests_support::{journal, requested};

    #[test]
    fn durations_are_said_as_people_say_them() {
        for (ms, said) in [
            (0, "0.0 s"),
            (812, "0.8 s"),
            (9_499, "9.5 s"),
            (41_033, "41 s"),
            (112_000, "1 min 52 s"),
            (7_500_000, "2 h 5 min"),
        ] {
            assert_eq!(duration(ms), said);
        }
    }

    fn told(low_ms: u64, remaining_ms: u64, high_ms: u64) -> Estimate {
        Estimate {
            remaining_ms,
            low_ms: Some(low_ms),
            high_ms: Some(high_ms),
            samples: 42,
            basis: Basis::Template,
            average_ms: None,
            late: None,
        }
    }

    #[test]
    fn the_time_that_is_left_is_said_as_a_range_and_never_as_nothing() {
        for (low, middle, high, said) in [
            (62_000, 100_000, 118_000, "about 1-2 min left"),
            (21_000, 34_000, 66_000, "about 20-70 s left"),
            (4_100, 6_000, 8_200, "about 4-9 s left"),
            (12_000, 17_000, 24_000, "about 10-25 s left"),
            (0, 1, 1, "about 1 s left"),
            (0, 1_000, 300_000, "about 1-5 min left"),
            (3_700_000, 5_000_000, 6_900_000, "about 1-2 h left"),
            (3_700_000, 5_000_000, u64::MAX, "about 1-5124095576030 h left"),
        ] {
            assert_eq!(left(&told(low, middle, high)), said);
        }
        // Told before there were ranges.
        let point = Estimate { low_ms: None, high_ms: None, ..told(0, 42_000, 0) };
        assert_eq!(left(&point), "about 40-50 s left");
    }

    #[test]
    fn a_late_stage_says_what_is_usual_and_whether_it_was_ever_slower() {
        let late =
            Late { stage: Stage::Cloning, elapsed_ms: 58_000, up_to_ms: 41_000, slower_than: None };
        let usual = "Cloning from template usually takes up to 41 s, now 58 s";
        assert_eq!(late_words(&late), usual);
        let beyond = Late { slower_than: Some(40), ..late };
        let slower = "Cloning from template takes 58 s now, slower than all 40 earlier runs";
        assert_eq!(late_words(&beyond), slower);
        let told = Estimate { late: Some(late), ..told(10_000, 20_000, 60_000) };
        let line = late_line(DateTime::UNIX_EPOCH, &told);
        assert_eq!(line, format!("00:00:00Z  ! {usual}; about 10-60 s left\n"));
    }

    #[test]
    fn an_interruption_and_what_a_person_did_have_lines() {
        let by = crate::domain::ids::Owner::local;
        let resumed = VmEvent::VmProvisioningResumed {
            stage: Stage::PoweringOn,
            worker: "other".to_owned(),
            task: Some("task-7".to_owned()),
        };
        let events = journal(&[
            requested(),
            resumed,
            VmEvent::VmProvisioningCancelRequested { by: by() },
            VmEvent::VmProvisioningStepUndone { step: UndoneStep::CloneCancelled },
            VmEvent::VmProvisioningCancelled,
            VmEvent::VmProvisioningRetryRequested { by: by(), attempt: 2 },
        ]);
        let mut said = String::new();
        for upto in 2..=events.len() {
            let request = RequestId(uuid::Uuid::nil());
            let timeline = Timeline::replay(request, &events[..upto]).expect("a request");
            said.push_str(&lines(&timeline, &events[upto - 1]));
        }
        let said: Vec<&str> = said.lines().map(|line| &line[11..]).collect();
        let expected = [
            "● The service restarted, resumed at Start VM, same vCenter task",
            "↺ Cancelled by local, undoing what was made",
            "↺ Cloning from template (undone)  clone cancelled",
            "– Cancelled. Nothing was left behind.",
            "● Attempt 2, asked for by local...  (queued)",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn nothing_of_others_can_draw_on_the_terminal() {
        let evil = VmEvent::VmProvisioningProgressUpdated {
            current_stage: Stage::Cloning,
            details: Some("\u{1b}[2J\r\nfake line\u{7}\u{2028}more \u{202e}desrever".to_owned()),
        };
        let events = journal(&[requested(), evil]);
        let timeline = Timeline::replay(RequestId(uuid::Uuid::nil()), &events).expect("a request");
        let text = lines(&timeline, &events[1]);
        assert_eq!(text.lines().count(), 2, "{text:?}");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert!(!text.contains(['\u{2028}', '\u{202e}']), "{text:?}");
    }
}
