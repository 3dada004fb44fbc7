//! The chart of the stages, and the attempts before, in words.

use super::{Words, elapsed};
use crate::api::{Attempt, Progress, Timestamp, Try};
use crate::measure;

impl Words {
    /// How long an earlier attempt took, and how long it was until the next one was asked for.
    pub(crate) fn attempt_facts(self, progress: &Progress, attempt: &Attempt) -> Vec<String> {
        let took = attempt.started_at.zip(attempt.ended_at);
        let took = took.map(|(from, to)| {
            let took = self.duration(measure::since(from, Timestamp::epoch_ms(to)));
            say!(self, "took {took}", "dauerte {took}")
        });
        let next = progress.attempts.iter().find(|next| next.attempt == attempt.attempt + 1);
        let stages = next.map_or(&progress.stages, |next| &next.stages);
        let asked_again = stages.first().and_then(|created| created.started_at);
        let pause = attempt.ended_at.zip(asked_again).map(|(ended, again)| {
            let pause = elapsed(measure::since(ended, Timestamp::epoch_ms(again)));
            say!(self, "tried again after {pause}", "erneut versucht nach {pause}")
        });
        took.into_iter().chain(pause).collect()
    }

    /// Which try failed, where and why, and how long it was until the next one was to begin: `Try 2,
    /// Cloning from template: the connection was lost (then a pause of 4 s)`.
    pub(crate) fn failed_try(self, failed: &Try) -> String {
        let (number, stage) = (failed.number, self.stage_label(failed.stage));
        let pause = self.duration(measure::since(failed.at, failed.next_at.epoch_ms()));
        let reason = self.told(&failed.reason);
        say!(
            self,
            "Try {number}, {stage}: {reason} (then a pause of {pause})",
            "Anlauf {number}, {stage}: {reason} (dann {pause} Pause)"
        )
    }

    /// That there were more failed tries than are shown.
    pub(crate) fn more_tries(self, before: u32) -> String {
        match before {
            1 => self
                .pick("1 more before these, in the history", "Davor 1 weiterer, siehe Verlauf")
                .to_owned(),
            before => say!(
                self,
                "{before} more before these, in the history",
                "Davor {before} weitere, siehe Verlauf"
            ),
        }
    }

    /// When the next try begins: `Trying again in 12 s (try 3).`
    pub(crate) fn next_try(self, number: Option<u32>, in_ms: Option<u64>) -> String {
        let number = number
            .map(|number| say!(self, " (try {number})", " (Anlauf {number})"))
            .unwrap_or_default();
        match in_ms {
            // Rounded up: it never says 0 s before it begins.
            Some(ms) if ms > 0 => say!(
                self,
                "Trying again in {}{number}.",
                "Nächster Anlauf in {}{number}.",
                elapsed(ms + 999)
            ),
            Some(_) => say!(self, "Trying again now{number}.", "Nächster Anlauf beginnt{number}."),
            None => {
                say!(self, "It goes on by itself{number}.", "Es geht von selbst weiter{number}.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{Stage, Status, UndoState, UndoStep},
        sample,
    };

    const EN: Words = Words::ENGLISH;

    #[test]
    fn an_attempt_keeps_its_time_and_the_pause_after_it() {
        let mut progress = sample::progress();
        progress.attempts = vec![Attempt {
            attempt: 1,
            started_at: Some(sample::at(-120_000)),
            ended_at: Some(sample::at(-60_812)),
            outcome: Status::Failed,
            stages: progress.stages.clone(),
            tries: Vec::new(),
            tries_before: 0,
            undo: Vec::new(),
            left: Vec::new(),
            failure: None,
        }];
        let facts = EN.attempt_facts(&progress, &progress.attempts[0]);
        assert_eq!(facts, ["took 59 s", "tried again after 1 min"]);
    }

    #[test]
    fn a_failed_try_says_where_it_was_and_how_long_the_pause_after_it_was() {
        let failed = Try {
            number: 2,
            stage: Stage::Cloning,
            at: sample::at(0),
            next_at: sample::at(4_200),
            reason: "vCenter is not answering".to_owned(),
        };
        let said = "Try 2, Cloning from template: vCenter is not answering (then a pause of 4.2 s)";
        assert_eq!(EN.failed_try(&failed), said);
        assert!(Words::GERMAN.failed_try(&failed).ends_with(" (dann 4,2 s Pause)"));
        assert_eq!(EN.more_tries(1), "1 more before these, in the history");
    }

    #[test]
    fn an_earlier_attempt_ends_with_what_was_undone_and_what_was_left() {
        let step = |step: &str, state| UndoStep { step: step.to_owned(), state, at: sample::at(0) };
        let mut attempt = Attempt {
            attempt: 1,
            started_at: None,
            ended_at: None,
            outcome: Status::Failed,
            stages: Vec::new(),
            tries: Vec::new(),
            tries_before: 0,
            undo: Vec::new(),
            left: Vec::new(),
            failure: None,
        };
        assert_eq!(EN.end_of_attempt(&attempt), None, "nothing was made");
        attempt.undo = vec![step("power off", UndoState::Done), step("delete VM", UndoState::Done)];
        let said = "Undone: power off, delete VM · Nothing left behind";
        assert_eq!(EN.end_of_attempt(&attempt), Some((true, said.to_owned())));
        attempt.undo[1] = step("delete VM: no permission", UndoState::Failed);
        attempt.left = vec!["VM web-7".to_owned()];
        let (is_clean, said) = EN.end_of_attempt(&attempt).unwrap();
        assert!(!is_clean && said.ends_with("no permission · Left behind: VM web-7"), "{said}");
    }

    #[test]
    fn the_next_try_is_counted_down_to() {
        for (in_ms, words) in [
            (Some(12_000), "Trying again in 12 s (try 3)."),
            (Some(11_001), "Trying again in 12 s (try 3)."),
            (Some(1), "Trying again in 1 s (try 3)."),
            (Some(0), "Trying again now (try 3)."),
            (None, "It goes on by itself (try 3)."),
        ] {
            assert_eq!(EN.next_try(Some(3), in_ms), words);
        }
        assert_eq!(EN.next_try(None, None), "It goes on by itself.");
    }
}
