//! Stages and their states in words.

use super::Words;
use crate::api::{Progress, Stage, StageProgress, StageState, Status};

/// The stage's stable name, as on the wire.
pub(crate) fn stage_key(stage: Stage) -> &'static str {
    match stage {
        Stage::Created => "CREATED",
        Stage::Cloning => "CLONING",
        Stage::Configuring => "CONFIGURING",
        Stage::PoweringOn => "POWERING_ON",
        Stage::WaitingForNetwork => "WAITING_FOR_NETWORK",
        Stage::Ready => "READY",
    }
}

/// The state's stable name, as on the wire.
pub(crate) fn state_key(state: StageState) -> &'static str {
    match state {
        StageState::Pending => "pending",
        StageState::Active => "active",
        StageState::Done => "done",
        StageState::Failed => "failed",
        StageState::Skipped => "skipped",
        StageState::Undone => "undone",
    }
}

/// The state as a character.
pub(crate) fn state_sign(state: StageState) -> &'static str {
    match state {
        StageState::Pending => "○",
        StageState::Active => "●",
        StageState::Done => "✓",
        StageState::Failed => "✗",
        StageState::Skipped => "–",
        StageState::Undone => "↺",
    }
}

impl Words {
    /// The stage in a person's words.
    pub(crate) fn stage_label(self, stage: Stage) -> &'static str {
        match stage {
            Stage::Created => self.pick("Created", "Angelegt"),
            Stage::Cloning => self.pick("Cloning from template", "Klonen aus Vorlage"),
            Stage::Configuring => self.pick("Apply configuration", "Konfiguration anwenden"),
            Stage::PoweringOn => self.pick("Start VM", "VM starten"),
            Stage::WaitingForNetwork => self.pick("Wait for network", "Auf Netzwerk warten"),
            Stage::Ready => self.pick("Ready", "Bereit"),
        }
    }

    /// The status in a person's words.
    pub(crate) fn status(self, status: Status) -> &'static str {
        self.pick(
            status.label(),
            match status {
                Status::Queued => "Wartet",
                Status::Provisioning => "Wird bereitgestellt",
                Status::Undoing => "Wird zurückgenommen",
                Status::Ready => "Bereit",
                Status::Failed => "Fehlgeschlagen",
                Status::Cancelled => "Abgebrochen",
                Status::NeedsAttention => "Braucht Aufmerksamkeit",
            },
        )
    }

    /// The label as the stepper shows it: with three dots only while the stage is active.
    pub(crate) fn step_label(self, stage: &StageProgress) -> String {
        let dots = if stage.state == StageState::Active { "..." } else { "" };
        format!("{}{dots}", self.stage_label(stage.stage))
    }

    /// What a screen reader says after the label.
    pub(crate) fn state_words(self, stage: &StageProgress) -> &'static str {
        match stage.state {
            StageState::Pending => "",
            StageState::Active if stage.stage == Stage::Created => {
                self.pick("(queued)", "(wartet)")
            }
            StageState::Active => self.pick("(in progress)", "(läuft)"),
            StageState::Done => self.pick("(done)", "(erledigt)"),
            StageState::Failed => self.pick("(failed)", "(fehlgeschlagen)"),
            StageState::Skipped => self.pick("(skipped)", "(übersprungen)"),
            StageState::Undone => self.pick("(undone)", "(zurückgenommen)"),
        }
    }

    /// What is spoken when the stage or the status has changed; `None` between two stages.
    pub(crate) fn announcement(self, progress: &Progress) -> Option<String> {
        let current = progress.stages.iter().find(|stage| stage.stage == progress.current_stage);
        let label = self.stage_label(progress.current_stage);
        let status = self.status(progress.status);
        Some(match progress.status {
            Status::Provisioning => {
                current.filter(|stage| stage.state == StageState::Active)?;
                say!(self, "{label}: in progress", "{label}: läuft")
            }
            Status::Undoing => self.undoing_what_was_made().to_owned(),
            Status::Failed | Status::NeedsAttention => format!("{status}: {label}"),
            Status::Queued | Status::Ready | Status::Cancelled => status.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    const EN: Words = Words::ENGLISH;

    #[test]
    fn only_an_active_stage_has_three_dots() {
        let progress = sample::progress();
        let labels: Vec<_> = progress.stages.iter().map(|stage| EN.step_label(stage)).collect();
        let expected = [
            "Created",
            "Cloning from template",
            "Apply configuration...",
            "Start VM",
            "Wait for network",
            "Ready",
        ];
        assert_eq!(labels, expected);
    }

    #[test]
    fn a_created_request_that_waits_is_queued() {
        let mut stages = sample::progress().stages;
        (stages[0].state, stages[1].state) = (StageState::Active, StageState::Active);
        assert_eq!(EN.state_words(&stages[0]), "(queued)");
        assert_eq!(EN.state_words(&stages[1]), "(in progress)");
    }

    #[test]
    fn keys_are_the_words_of_the_wire() {
        for stage in Stage::ALL {
            assert_eq!(serde_json::to_value(stage).unwrap(), stage_key(stage));
        }
        for state in [
            StageState::Pending,
            StageState::Active,
            StageState::Done,
            StageState::Failed,
            StageState::Skipped,
            StageState::Undone,
        ] {
            assert_eq!(serde_json::to_value(state).unwrap(), state_key(state));
        }
    }

    #[test]
    fn the_stage_or_the_outcome_is_spoken() {
        let mut progress = sample::progress();
        let spoken = EN.announcement(&progress);
        assert_eq!(spoken.as_deref(), Some("Apply configuration: in progress"));
        progress.stages[2].state = StageState::Done;
        assert_eq!(EN.announcement(&progress), None);
        progress.status = Status::Failed;
        assert_eq!(EN.announcement(&progress).as_deref(), Some("Failed: Apply configuration"));
    }
}
