//! The one answer in the largest type, and the document's title.

use super::{
    Remaining, duration, remaining, remaining::once_begun, remaining_in_title, what_happened,
    what_was_undone,
};
use crate::{
    api::{Basis, Progress, Stage, Status, WaitingFor},
    measure,
};

/// The answer to "how long still?", or what became of it.
pub(crate) fn headline(progress: &Progress, as_of_ms: i64, now_ms: i64) -> Remaining {
    let took = || duration(measure::elapsed_ms(progress, now_ms).unwrap_or(progress.elapsed_ms));
    let text = match progress.status {
        Status::Queued | Status::Provisioning => match (waits_for(progress), progress.status) {
            (Some(waits_for), _) => waits_for.to_owned(),
            (None, Status::Queued) => {
                let note = once_begun(&measure::outlook(progress, as_of_ms, now_ms));
                return Remaining { text: queued(progress), note };
            }
            (None, _) => return remaining(&measure::outlook(progress, as_of_ms, now_ms)),
        },
        Status::Undoing => "Undoing what was made".to_owned(),
        Status::Ready => format!("Ready in {}", took()),
        Status::Failed => failed(progress),
        Status::Cancelled if progress.started_at.is_none() => {
            "Cancelled before it began".to_owned()
        }
        Status::Cancelled => format!("Cancelled after {}", took()),
        Status::NeedsAttention => "Something was left behind".to_owned(),
    };
    // With a failure this is said beside it.
    let note = what_was_undone(progress).filter(|_| progress.failure.is_none());
    Remaining { text, note }
}

/// What a request waits for, when it is something else than a free worker.
pub(crate) fn waits_for(progress: &Progress) -> Option<&'static str> {
    match progress.waiting.as_ref()?.waiting_for {
        WaitingFor::Vcenter => Some("Waiting for vCenter"),
        WaitingFor::Database => Some("Waiting for the database"),
        WaitingFor::Retry => Some("Waiting to try again"),
        WaitingFor::Worker => None,
    }
}

fn queued(progress: &Progress) -> String {
    match progress.waiting.as_ref().and_then(|waiting| waiting.ahead) {
        Some(0) => "Queued, next in line".to_owned(),
        Some(ahead) => format!("Queued, {ahead} ahead of you"),
        None => "Queued, waiting for a worker".to_owned(),
    }
}

fn failed(progress: &Progress) -> String {
    progress.failure.as_ref().map_or_else(|| "Failed".to_owned(), what_happened)
}

/// What the estimate is learned from: `from 42 earlier runs of this template`.
pub(crate) fn source_of_estimate(progress: &Progress) -> Option<String> {
    let estimate = progress.estimate.as_ref().filter(|_| waits_for(progress).is_none())?;
    let runs = match estimate.samples {
        1 => "1 earlier run".to_owned(),
        samples => format!("{samples} earlier runs"),
    };
    Some(match estimate.basis {
        Basis::TemplateAndSize => format!("from {runs} of this template and size"),
        Basis::Template => format!("from {runs} of this template"),
        Basis::All => format!("from {runs} of all templates"),
    })
}

/// `3/6 Apply configuration, about 1 min · build-agent-07 · Stagewatch`, or the status in place of the
/// stage. The estimate was made at `as_of_ms`.
pub(crate) fn document_title(
    progress: &Progress,
    name: &str,
    as_of_ms: i64,
    now_ms: i64,
) -> String {
    let position = Stage::ALL.iter().position(|&stage| stage == progress.current_stage);
    let current = progress.stages.iter().find(|stage| stage.stage == progress.current_stage);
    let where_it_is = match (progress.status, position, current) {
        (Status::Provisioning, Some(position), Some(stage)) => {
            let place = format!("{}/{}", position + 1, Stage::ALL.len());
            let left = || remaining_in_title(&measure::outlook(progress, as_of_ms, now_ms));
            match (waits_for(progress), left()) {
                (Some(waits_for), _) => format!("{place} {waits_for}"),
                (None, Some(left)) => format!("{place} {}, {left}", stage.label),
                (None, None) => format!("{place} {}", stage.label),
            }
        }
        (Status::Queued, _, _) => {
            waits_for(progress).map_or_else(|| queued(progress), str::to_owned)
        }
        (status, _, _) => status.label().to_owned(),
    };
    format!("{where_it_is} · {name} · Stagewatch")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{Failure, Waiting},
        sample,
    };

    fn said(progress: &Progress) -> String {
        headline(progress, sample::NOW_MS, sample::NOW_MS).text
    }

    fn waiting(waiting_for: WaitingFor, ahead: Option<u32>) -> Option<Waiting> {
        Some(Waiting { waiting_for, ahead, next_try: None, next_at: None, reason: None })
    }

    #[test]
    fn while_it_runs_the_answer_is_how_long_still() {
        assert_eq!(said(&sample::progress()), "About 20–70 s left");
    }

    #[test]
    fn while_nothing_runs_the_answer_is_what_it_waits_for() {
        let mut progress = sample::progress();
        progress.waiting = waiting(WaitingFor::Vcenter, None);
        assert_eq!(said(&progress), "Waiting for vCenter");
        progress.waiting = waiting(WaitingFor::Retry, None);
        assert_eq!(said(&progress), "Waiting to try again");
        progress.status = Status::Queued;
        progress.waiting = waiting(WaitingFor::Worker, Some(2));
        assert_eq!(said(&progress), "Queued, 2 ahead of you");
        progress.waiting = waiting(WaitingFor::Worker, Some(0));
        assert_eq!(said(&progress), "Queued, next in line");
    }

    #[test]
    fn after_the_end_the_answer_is_what_became_of_it() {
        let mut progress = sample::progress();
        progress.ended_at = Some(sample::at(112_000));
        progress.status = Status::Ready;
        assert_eq!(said(&progress), "Ready in 1 min 52 s");
        progress.status = Status::Cancelled;
        assert_eq!(said(&progress), "Cancelled after 1 min 52 s");
        let note = |progress: &Progress| headline(progress, sample::NOW_MS, sample::NOW_MS).note;
        assert_eq!(note(&progress).as_deref(), Some("Nothing was left behind."));
        progress.status = Status::NeedsAttention;
        progress.left = vec!["VM a".to_owned()];
        assert_eq!(said(&progress), "Something was left behind");
        assert_eq!(note(&progress).as_deref(), Some("Left behind in vCenter: VM a."));
        progress.left.clear();
        progress.status = Status::Failed;
        progress.failure = Some(Failure {
            stage: Stage::WaitingForNetwork,
            code: "no_address".to_owned(),
            reason: "no address within 5 min".to_owned(),
            retryable: true,
        });
        assert_eq!(said(&progress), "The VM got no address");
    }

    #[test]
    fn the_title_names_the_stage_by_its_place_or_the_outcome() {
        let mut progress = sample::progress();
        let title = |progress: &Progress, name| {
            document_title(progress, name, sample::NOW_MS, sample::NOW_MS)
        };
        assert_eq!(
            title(&progress, "build-agent-07"),
            "3/6 Apply configuration, about 50 s · build-agent-07 · Stagewatch"
        );
        progress.estimate = None;
        assert_eq!(title(&progress, "a"), "3/6 Apply configuration · a · Stagewatch");
        progress.waiting = waiting(WaitingFor::Retry, None);
        assert_eq!(title(&progress, "a"), "3/6 Waiting to try again · a · Stagewatch");
        progress.status = Status::Failed;
        assert_eq!(title(&progress, "a"), "Failed · a · Stagewatch");
        progress.status = Status::Queued;
        progress.waiting = waiting(WaitingFor::Worker, Some(2));
        assert_eq!(title(&progress, "a"), "Queued, 2 ahead of you · a · Stagewatch");
    }

    #[test]
    fn an_estimate_says_what_it_is_learned_from() {
        let mut progress = sample::progress();
        let from = source_of_estimate(&progress);
        assert_eq!(from.as_deref(), Some("from 42 earlier runs of this template"));
        let estimate = progress.estimate.as_mut().unwrap();
        (estimate.samples, estimate.basis) = (1, Basis::All);
        let from = source_of_estimate(&progress);
        assert_eq!(from.as_deref(), Some("from 1 earlier run of all templates"));
    }
}
