//! What became of a request, as text to hand to whoever looks after the service. Plain, with no secret in
//! it, and nothing that a terminal or a mail program takes for more than text.

use std::fmt::Write as _;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};

use crate::domain::event::Failure;
use crate::domain::ports::progress::StoredEvent;
use crate::domain::stage::VmProvisioningStage as Stage;
use crate::domain::timeline::{FailedTries, StageState, StageTimes, Timeline, Undo};
use crate::http::error::ApiError;
use crate::http::guard::Asking;
use crate::http::requests::request_id;
use crate::http::ui::JOURNAL_EVENTS_MAX;
use crate::http::{AppState, in_time};

/// `GET /requests/{id}/report`
pub(super) async fn report(
    State(state): State<AppState>,
    Asking(viewer): Asking,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    state.ready_or_503()?;
    let id = request_id(&id)?;
    let read = async {
        let progress = state.query.progress(&viewer, id).await?;
        let events = state.query.history(&viewer, id, 0, JOURNAL_EVENTS_MAX).await?;
        Ok::<_, ApiError>(progress.zip(events))
    };
    let (progress, events) = in_time(read).await??.ok_or_else(ApiError::no_such_request)?;
    let text = text(&progress.timeline, &events, progress.now, &state.vcenter_name);
    let name = format!("inline; filename=\"stagewatch-{id}.txt\"");
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, text).into_response())
}

/// Lines of a label and what it says.
struct Lines(String);

impl Lines {
    fn add(&mut self, label: &str, text: &str) {
        let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        // Writing to a String cannot fail.
        writeln!(self.0, "{}", format!("{label:<16}{clean}").trim_end()).ok();
    }

    fn title(&mut self, title: &str) {
        writeln!(self.0, "\n{title}").ok();
    }

    fn stages(&mut self, stages: &[StageTimes; 6]) {
        for stage in Stage::ALL {
            let times = &stages[stage.index()];
            let state = match times.state {
                StageState::Pending => continue,
                StageState::Active => "in progress",
                StageState::Done => "done",
                StageState::Failed => "failed",
                StageState::Skipped => "skipped",
                StageState::Undone => "undone",
            };
            let from = times.entered.map(|mark| format!(", from {}", moment(mark.at)));
            let took = times.duration_ms().map(|ms| format!(", {ms} ms"));
            let (from, took) = (from.unwrap_or_default(), took.unwrap_or_default());
            self.add("", &format!("{}: {state}{from}{took}", stage.label()));
        }
    }

    fn tries(&mut self, tries: &FailedTries) {
        if tries.before > 0 {
            self.add("Tries", &format!("{} more before these", tries.before));
        }
        for failed in &tries.newest {
            let (stage, at) = (failed.stage.label(), moment(failed.at));
            let pause = (failed.next_at - failed.at).num_milliseconds();
            let told = format!("{} in {stage}, {at}, pause {pause} ms", failed.number);
            self.add("Failed try", &format!("{told}: {}", failed.reason));
        }
    }

    fn undo(&mut self, undo: &[Undo], left: &[String]) {
        for undo in undo {
            let how = if undo.done { "undone" } else { "could not be undone" };
            self.add("Undo", &format!("{}: {how}, {}", undo.step, moment(undo.at)));
        }
        for left in left {
            self.add("Left behind", left);
        }
    }

    fn failure(&mut self, failure: &Failure) {
        self.add("Failed in", failure.stage.label());
        self.add("Code", &failure.code);
        self.add("Reason", &failure.reason);
        self.add("Worth a retry", if failure.retryable { "yes" } else { "no" });
    }
}

fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn span(from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> String {
    let or_not = |at: Option<DateTime<Utc>>| at.map_or_else(|| "not".to_owned(), moment);
    format!("started {}, ended {}", or_not(from), or_not(to))
}

fn text(
    timeline: &Timeline,
    events: &[StoredEvent],
    now: DateTime<Utc>,
    vcenter_name: &str,
) -> String {
    let mut lines = Lines(String::new());
    lines.add("Stagewatch", concat!(env!("CARGO_PKG_VERSION"), ", report of one request"));
    lines.add("As of", &moment(now));
    lines.add("Request", &timeline.request.to_string());
    lines.add("Name", &timeline.spec.name);
    lines.add("Template", &timeline.spec.template);
    lines.add("Size", &timeline.spec.size());
    if let Some(name) = timeline.spec.network.as_ref().and_then(|network| network.name.as_ref()) {
        lines.add("Network", name);
    }
    lines.add("Asked by", &timeline.owner.0);
    lines.add("Asked at", &moment(timeline.requested_at));
    let vcenter = timeline.vcenter.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
    lines.add("vCenter", &format!("{vcenter_name}{vcenter}"));
    lines.add("Status", timeline.status.as_str());
    for attempt in &timeline.attempts {
        lines.title(&format!("Attempt {}: {}", attempt.number, attempt.outcome.as_str()));
        lines.add("", &span(attempt.started_at, attempt.ended_at));
        lines.stages(&attempt.stages);
        lines.tries(&attempt.tries);
        if let Some(failure) = &attempt.failure {
            lines.failure(failure);
        }
        lines.undo(&attempt.undo, &attempt.left);
    }
    lines.title(&format!("Attempt {}: {}", timeline.attempt, timeline.status.as_str()));
    lines.add("", &span(timeline.started_at, timeline.ended_at));
    lines.stages(&timeline.stages);
    lines.tries(&timeline.tries);
    if let Some(failure) = &timeline.failure {
        lines.failure(failure);
    }
    lines.undo(&timeline.undo, &timeline.left);
    if let Some(vm) = &timeline.vm {
        let place = format!("{}, {}, {}", vm.moref, vm.instance_uuid, vm.ip_address);
        lines.add("VM", &place);
    }
    lines.title("Journal");
    for event in events {
        let when = moment(event.recorded_at);
        lines.add("", &format!("{:>4}  {when}  {}", event.seq, event.type_name));
    }
    let more = events.last().map_or(0, |last| timeline.seq.saturating_sub(last.seq));
    if more > 0 {
        lines.add("", &format!("and {more} more, in the API's history"));
    }
    lines.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::VmEvent;
    use crate::domain::ids::RequestId;
    use crate::domain::vm::tests_support::{journal, requested};

    #[test]
    fn it_names_what_support_needs_and_no_line_is_drawn_by_others() {
        let failure = Failure {
            stage: Stage::Cloning,
            code: "vcenter_rejected".to_owned(),
            reason: "no space\r\nStatus          ready\u{1b}[2J".to_owned(),
            retryable: true,
        };
        let failed_try = VmEvent::VmProvisioningTryFailed {
            stage: Stage::Cloning,
            failed_try: 1,
            reason: "vCenter is not answering".to_owned(),
            next_at: DateTime::from_timestamp_millis(1_500).expect("a moment"),
        };
        let events = journal(&[requested(), failed_try, VmEvent::VmProvisioningFailed { failure }]);
        let timeline = Timeline::replay(RequestId(uuid::Uuid::nil()), &events).expect("a request");
        let stored = StoredEvent {
            seq: 1,
            type_name: "VmRequested".to_owned(),
            schema_version: 1,
            recorded_at: events[0].recorded_at,
            payload: "{}".to_owned(),
        };
        let text = text(&timeline, &[stored], events[2].recorded_at, "vCenter vc.example.com");
        for line in [
            "Request         00000000-0000-0000-0000-000000000000",
            "Name            build-agent-07",
            "vCenter         vCenter vc.example.com",
            "Attempt 1: failed",
            "Failed try      1 in Cloning from template, 1970-01-01T00:00:00.200Z, pause 1300 ms: \
             vCenter is not answering",
            "Code            vcenter_rejected",
            "                   1  1970-01-01T00:00:00.100Z  VmRequested",
            "                and 2 more, in the API's history",
        ] {
            assert!(text.lines().any(|told| told == line), "{line:?} in\n{text}");
        }
        assert!(text.contains("Reason          no space  Status          ready [2J"), "{text}");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    }
}
