//! The stream in words, for people at a terminal: one line an event, with glyphs that also read well
//! without colour. No markup and no control characters, whatever vCenter or a user wrote.

use std::fmt::Write;

use chrono::{DateTime, Utc};

use super::convert::SLOW_MESSAGE;
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
            let remaining = timeline
                .told
                .estimate
                .map(|estimate| format!(", about {} left", roughly(estimate.remaining_ms)));
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
            UndoneStep::CloneCancelled => "↺ Cloning from template (undone: clone cancelled)",
            UndoneStep::PoweredOff => "↺ Start VM (undone: powered off)",
            UndoneStep::Destroyed => "↺ Cloning from template (undone: VM deleted)",
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

/// The line that says that what the reader knows is not this journal.
pub fn reset_line(at: DateTime<Utc>) -> String {
    let mut lines = Lines { at, text: String::new() };
    lines.add("! The journal is another one than before; from its beginning:");
    lines.text
}

struct Lines {
    at: DateTime<Utc>,
    text: String,
}

impl Lines {
    fn add(&mut self, line: &str) {
        let clean: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
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
    let seconds = (ms + 500) / 1000;
    match seconds {
        0..10 => format!("{}.{} s", (ms + 50) / 1000, (ms + 50) % 1000 / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A time to come, no more exactly than it is known.
fn roughly(ms: u64) -> String {
    let seconds = ms.div_ceil(1000).max(1);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..90 => "1 min".to_owned(),
        90..3600 => format!("{}-{} min", seconds / 60, seconds / 60 + 1),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        assert_eq!(roughly(100_000), "1-2 min");
        assert_eq!(roughly(0), "1 s");
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
            "↺ Cloning from template (undone: clone cancelled)",
            "– Cancelled. Nothing was left behind.",
            "● Attempt 2, asked for by local...  (queued)",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn nothing_of_others_can_draw_on_the_terminal() {
        let evil = VmEvent::VmProvisioningProgressUpdated {
            current_stage: Stage::Cloning,
            details: Some("\u{1b}[2J\r\nfake line\u{7}".to_owned()),
        };
        let events = journal(&[requested(), evil]);
        let timeline = Timeline::replay(RequestId(uuid::Uuid::nil()), &events).expect("a request");
        let text = lines(&timeline, &events[1]);
        assert_eq!(text.lines().count(), 2, "{text:?}");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    }
}
