//! What a row says at one moment.

use std::borrow::Cow;

use crate::{
    api::{Progress, StageState, Status, Timestamp, Waiting, WaitingFor},
    backend::ListedRequest,
    measure,
    words::{Tone, Words},
};

/// What a row says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RowView {
    /// Where the request stands.
    pub(crate) status: Status,
    /// What it does, or what became of it.
    pub(crate) doing: String,
    /// The colour that goes with those words.
    pub(crate) tone: Tone,
    /// How far it is: the stages as one picture, in the words of the style sheet.
    pub(crate) bar: String,
    /// How long it will still take, or when it ended.
    pub(crate) when: When,
}

/// The time that a row tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum When {
    /// A span, in words.
    Span(String),
    /// A moment.
    At(Timestamp),
}

impl RowView {
    /// What this row says at `now_ms` of the server's clock.
    pub(crate) fn of(words: Words, listed: &ListedRequest, now_ms: i64) -> Self {
        let ListedRequest { request, progress } = listed;
        let progress = &*without_due_retry(progress, now_ms);
        let (doing, tone) = words.summary(request, progress, now_ms);
        let as_of_ms = progress.server_time.map_or(now_ms, Timestamp::epoch_ms);
        let is_running = matches!(progress.status, Status::Provisioning | Status::Undoing);
        let remaining = (progress.status == Status::Provisioning)
            .then(|| words.remaining_briefly(&measure::outlook(progress, as_of_ms, now_ms)))
            .flatten();
        let so_far = || {
            let elapsed_ms = measure::elapsed_ms(progress, now_ms).filter(|_| is_running)?;
            Some(words.so_far(elapsed_ms))
        };
        let when = match remaining.or_else(so_far) {
            Some(span) => When::Span(span),
            None => When::At(progress.ended_at.unwrap_or(request.created_at)),
        };
        let bar = bar(&measure::segments(progress, now_ms), tone);
        Self { status: progress.status, doing, tone, bar, when }
    }
}

/// A try that is due is under way again, whether or not anything was said of it since.
fn without_due_retry(progress: &Progress, now_ms: i64) -> Cow<'_, Progress> {
    let is_due = |waiting: &Waiting| {
        waiting.waiting_for == WaitingFor::Retry
            && waiting.next_at.is_some_and(|at| at.epoch_ms() <= now_ms)
    };
    if progress.waiting.as_ref().is_some_and(is_due) {
        Cow::Owned(Progress { waiting: None, ..progress.clone() })
    } else {
        Cow::Borrowed(progress)
    }
}

/// One picture with a segment for each stage, all equally wide, so that rows of different templates stand
/// below each other. One element and one attribute: a list may have thousands.
fn bar(segments: &[measure::Segment], tone: Tone) -> String {
    let count = segments.len().max(1);
    let mut stops = String::from("--fills:linear-gradient(90deg");
    let mut end = 0;
    for (index, segment) in segments.iter().enumerate() {
        let (from, to) = (thousandths(index, count), thousandths(index + 1, count));
        let colour = match (segment.state, segment.filled, tone) {
            (StageState::Pending | StageState::Skipped, _, _) => continue,
            (StageState::Done, _, _) => "done",
            (StageState::Failed, _, _) => "bad",
            (StageState::Undone, _, _) => "edge",
            (StageState::Active, _, Tone::Slow) => "slow",
            // Nothing is known of how long it takes, so no length is pretended.
            (StageState::Active, None, _) => "go-half",
            (StageState::Active, Some(_), _) => "go",
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a part of 1,000 thousandths"
        )]
        let until = from + ((to - from) as f64 * segment.filled.unwrap_or(1.0)).round() as usize;
        if from > end {
            stops.push_str(&format!(",var(--sunk) {} {}", percent(end), percent(from)));
        }
        stops.push_str(&format!(",var(--{colour}) {} {}", percent(from), percent(until)));
        end = until;
    }
    stops.push_str(&format!(",var(--sunk) {} 100%)", percent(end)));
    stops
}

fn thousandths(part: usize, of: usize) -> usize {
    1_000 * part / of
}

fn percent(thousandths: usize) -> String {
    format!("{}.{}%", thousandths / 10, thousandths % 10)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sample;

    fn row() -> ListedRequest {
        let progress = sample::progress();
        let request = serde_json::from_value(json!({
            "id": progress.request_id, "name": "a", "template": "debian-12", "cpus": 1,
            "memoryMib": 1024, "network": null, "status": "provisioning", "requestedBy": "local",
            "createdAt": sample::at(-812), "vm": null,
            "links": { "self": "", "progress": "", "events": "", "page": "" }
        }));
        ListedRequest { request: request.unwrap(), progress }
    }

    #[test]
    fn a_row_that_runs_counts_down_from_when_its_estimate_was_made() {
        let row = row();
        let at = |now_ms| RowView::of(Words::ENGLISH, &row, now_ms).when;
        assert_eq!(at(sample::NOW_MS), When::Span("~50 s left".to_owned()));
        assert_eq!(at(sample::NOW_MS + 10_000), When::Span("~40 s left".to_owned()));
    }

    #[test]
    fn without_an_estimate_it_says_how_long_it_has_taken() {
        let mut row = row();
        row.progress.estimate = None;
        let view = RowView::of(Words::ENGLISH, &row, sample::NOW_MS);
        assert_eq!(view.when, When::Span("45 s so far".to_owned()));
    }

    #[test]
    fn a_row_waits_for_its_next_try_until_that_is_due() {
        let mut row = row();
        row.progress.waiting = Some(Waiting {
            waiting_for: WaitingFor::Retry,
            ahead: None,
            next_try: Some(2),
            next_at: Some(sample::at(50_000)),
            reason: None,
        });
        let due_ms = sample::at(50_000).epoch_ms();
        let doing = |now_ms| RowView::of(Words::ENGLISH, &row, now_ms).doing;
        assert_eq!(doing(due_ms - 1), "Waiting to try again, try 2");
        assert_eq!(doing(due_ms), "Apply configuration");
    }

    #[test]
    fn a_row_that_has_ended_says_when_and_moves_no_more() {
        let mut row = row();
        row.progress.status = Status::Failed;
        row.progress.ended_at = Some(sample::at(60_000));
        let view = RowView::of(Words::ENGLISH, &row, sample::NOW_MS);
        assert_eq!(view.when, When::At(sample::at(60_000)));
        assert_eq!(view.tone, Tone::Bad);
    }

    #[test]
    fn a_slow_row_is_amber_and_says_so() {
        let view = RowView::of(Words::ENGLISH, &row(), sample::STARTED_MS + 600_000);
        assert_eq!((view.tone, view.doing.as_str()), (Tone::Slow, "Apply configuration, slow"));
        assert!(
            view.bar.contains("var(--slow)") && !view.bar.contains("var(--go)"),
            "{}",
            view.bar
        );
    }

    #[test]
    fn the_bar_is_one_picture_of_all_stages() {
        let mut row = row();
        // Half of its usual 6.1 s.
        let bar =
            |row: &ListedRequest| RowView::of(Words::ENGLISH, row, sample::STARTED_MS + 44_083).bar;
        assert_eq!(
            bar(&row),
            "--fills:linear-gradient(90deg,var(--done) 0.0% 16.6%,var(--done) 16.6% 33.3%,\
             var(--go) 33.3% 41.7%,var(--sunk) 41.7% 100%)"
        );
        row.progress.stages[2].typical_ms = None;
        assert!(bar(&row).contains("var(--go-half) 33.3% 50.0%"), "{}", bar(&row));
        row.progress.stages[2].state = StageState::Failed;
        assert!(bar(&row).contains("var(--bad) 33.3% 50.0%"), "{}", bar(&row));
    }
}
