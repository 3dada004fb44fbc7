//! Stages and their states in words.

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

/// The stage in a person's words, where no server says it.
#[cfg(feature = "ssr")]
pub(crate) fn stage_label(stage: Stage) -> &'static str {
    match stage {
        Stage::Created => "Created",
        Stage::Cloning => "Cloning from template",
        Stage::Configuring => "Apply configuration",
        Stage::PoweringOn => "Start VM",
        Stage::WaitingForNetwork => "Wait for network",
        Stage::Ready => "Ready",
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

/// The label as the stepper shows it: with three dots only while the stage is active.
pub(crate) fn step_label(stage: &StageProgress) -> String {
    let dots = if stage.state == StageState::Active { "..." } else { "" };
    format!("{}{dots}", stage.label)
}

/// The glyph and what a screen reader says after the label.
pub(crate) fn state_words(stage: Stage, state: StageState) -> (&'static str, &'static str) {
    match state {
        StageState::Pending => ("○", ""),
        StageState::Active if stage == Stage::Created => ("●", "(queued)"),
        StageState::Active => ("●", "(in progress)"),
        StageState::Done => ("✓", "(done)"),
        StageState::Failed => ("✗", "(failed)"),
        StageState::Skipped => ("–", "(skipped)"),
        StageState::Undone => ("↺", "(undone)"),
    }
}

/// What is spoken when the stage or the status has changed; `None` between two stages.
pub(crate) fn announcement(progress: &Progress) -> Option<String> {
    let current = progress.stages.iter().find(|stage| stage.stage == progress.current_stage);
    let label = current.map_or("", |stage| stage.label.as_str());
    Some(match progress.status {
        Status::Provisioning => {
            current.filter(|stage| stage.state == StageState::Active)?;
            format!("{label}: in progress")
        }
        Status::Undoing => "Undoing what was made".to_owned(),
        Status::Failed | Status::NeedsAttention => format!("{}: {label}", progress.status.label()),
        Status::Queued | Status::Ready | Status::Cancelled => progress.status.label().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn only_an_active_stage_has_three_dots() {
        let progress = sample::progress();
        let labels: Vec<_> = progress.stages.iter().map(step_label).collect();
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
        assert_eq!(state_words(Stage::Created, StageState::Active), ("●", "(queued)"));
        assert_eq!(state_words(Stage::Cloning, StageState::Active), ("●", "(in progress)"));
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
        let spoken = announcement(&progress);
        assert_eq!(spoken.as_deref(), Some("Apply configuration: in progress"));
        progress.stages[2].state = StageState::Done;
        assert_eq!(announcement(&progress), None);
        progress.status = Status::Failed;
        assert_eq!(announcement(&progress).as_deref(), Some("Failed: Apply configuration"));
    }
}
