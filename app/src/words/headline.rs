//! The one answer in the largest type, and the document's title.

use super::{Remaining, Words};
use crate::{
    api::{Basis, Progress, Stage, Status, WaitingFor},
    measure,
};

/// What a request waits for, when it is something else than a free worker.
pub(crate) fn waits_for(progress: &Progress) -> Option<WaitingFor> {
    let waiting_for = progress.waiting.as_ref()?.waiting_for;
    (waiting_for != WaitingFor::Worker).then_some(waiting_for)
}

impl Words {
    /// The answer to "how long still?", or what became of it.
    pub(crate) fn headline(self, progress: &Progress, as_of_ms: i64, now_ms: i64) -> Remaining {
        let took =
            || self.duration(measure::elapsed_ms(progress, now_ms).unwrap_or(progress.elapsed_ms));
        let text = match progress.status {
            Status::Queued | Status::Provisioning => match (waits_for(progress), progress.status) {
                (Some(waits_for), _) => self.waiting_for(waits_for).to_owned(),
                (None, Status::Queued) => {
                    let note = self.once_begun(&measure::outlook(progress, as_of_ms, now_ms));
                    return Remaining { text: self.queued(progress), note };
                }
                (None, _) => {
                    return self.remaining(&measure::outlook(progress, as_of_ms, now_ms));
                }
            },
            Status::Undoing => self.undoing_what_was_made().to_owned(),
            Status::Ready => say!(self, "Ready in {}", "Bereit in {}", took()),
            Status::Failed => self.failed(progress),
            Status::Cancelled if progress.started_at.is_none() => {
                self.pick("Cancelled before it began", "Vor dem Beginn abgebrochen").to_owned()
            }
            Status::Cancelled => say!(self, "Cancelled after {}", "Abgebrochen nach {}", took()),
            Status::NeedsAttention => {
                self.pick("Something was left behind", "Etwas ist zurückgeblieben").to_owned()
            }
        };
        // With a failure this is said beside it.
        let note = self.what_was_undone(progress).filter(|_| progress.failure.is_none());
        Remaining { text, note }
    }

    /// What is waited for.
    pub(crate) fn waiting_for(self, waiting_for: WaitingFor) -> &'static str {
        match waiting_for {
            WaitingFor::Vcenter => self.pick("Waiting for vCenter", "Wartet auf vCenter"),
            WaitingFor::Database => {
                self.pick("Waiting for the database", "Wartet auf die Datenbank")
            }
            WaitingFor::Retry => {
                self.pick("Waiting to try again", "Wartet auf den nächsten Anlauf")
            }
            WaitingFor::Worker => {
                self.pick("Queued, waiting for a worker", "Wartet auf einen freien Platz")
            }
        }
    }

    fn queued(self, progress: &Progress) -> String {
        match progress.waiting.as_ref().and_then(|waiting| waiting.ahead) {
            Some(0) => self.pick("Queued, next in line", "Wartet, als Nächstes dran").to_owned(),
            Some(ahead) => {
                say!(self, "Queued, {ahead} ahead of you", "Wartet, {ahead} vor Ihnen")
            }
            None => self.waiting_for(WaitingFor::Worker).to_owned(),
        }
    }

    fn failed(self, progress: &Progress) -> String {
        let failed = || self.status(Status::Failed).to_owned();
        progress.failure.as_ref().map_or_else(failed, |failure| self.what_happened(failure))
    }

    /// What the estimate is learned from: `from 42 earlier runs of this template`.
    pub(crate) fn source_of_estimate(self, progress: &Progress) -> Option<String> {
        let estimate = progress.estimate.as_ref().filter(|_| waits_for(progress).is_none())?;
        let runs = match estimate.samples {
            1 => self.pick("1 earlier run", "1 früheren Durchlauf").to_owned(),
            samples => say!(self, "{samples} earlier runs", "{samples} früheren Durchläufen"),
        };
        Some(match estimate.basis {
            Basis::TemplateAndSize => say!(
                self,
                "from {runs} of this template and size",
                "aus {runs} dieser Vorlage und Größe"
            ),
            Basis::Template => {
                say!(self, "from {runs} of this template", "aus {runs} dieser Vorlage")
            }
            Basis::All => say!(self, "from {runs} of all templates", "aus {runs} aller Vorlagen"),
        })
    }

    /// `3/6 Apply configuration, about 1 min · build-agent-07 · Stagewatch`, or the status in place of
    /// the stage. The estimate was made at `as_of_ms`.
    pub(crate) fn document_title(
        self,
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
                let label = self.stage_label(stage.stage);
                let left =
                    || self.remaining_in_title(&measure::outlook(progress, as_of_ms, now_ms));
                match (waits_for(progress), left()) {
                    (Some(waits_for), _) => format!("{place} {}", self.waiting_for(waits_for)),
                    (None, Some(left)) => format!("{place} {label}, {left}"),
                    (None, None) => format!("{place} {label}"),
                }
            }
            (Status::Queued, _, _) => match waits_for(progress) {
                Some(waits_for) => self.waiting_for(waits_for).to_owned(),
                None => self.queued(progress),
            },
            (status, _, _) => self.status(status).to_owned(),
        };
        format!("{where_it_is} · {name} · Stagewatch")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{Failure, Waiting},
        sample,
    };

    const EN: Words = Words::ENGLISH;

    fn said(progress: &Progress) -> String {
        EN.headline(progress, sample::NOW_MS, sample::NOW_MS).text
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
        let note = |progress: &Progress| EN.headline(progress, sample::NOW_MS, sample::NOW_MS).note;
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
            EN.document_title(progress, name, sample::NOW_MS, sample::NOW_MS)
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
        let from = EN.source_of_estimate(&progress);
        assert_eq!(from.as_deref(), Some("from 42 earlier runs of this template"));
        let estimate = progress.estimate.as_mut().unwrap();
        (estimate.samples, estimate.basis) = (1, Basis::All);
        let from = EN.source_of_estimate(&progress);
        assert_eq!(from.as_deref(), Some("from 1 earlier run of all templates"));
    }
}
