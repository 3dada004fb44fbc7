//! The chart of the stages, and the attempts before, in words.

use super::{Words, elapsed};
use crate::api::{Attempt, Progress, Timestamp};
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

    /// When the next try begins: `Trying again in 12 s (try 3).`
    pub(crate) fn next_try(self, number: Option<u32>, in_ms: Option<u64>) -> String {
        let number = number
            .map(|number| say!(self, " (try {number})", " (Versuch {number})"))
            .unwrap_or_default();
        match in_ms {
            // Rounded up: it never says 0 s before it begins.
            Some(ms) if ms > 0 => say!(
                self,
                "Trying again in {}{number}.",
                "Nächster Versuch in {}{number}.",
                elapsed(ms + 999)
            ),
            Some(_) => say!(self, "Trying again now{number}.", "Nächster Versuch beginnt{number}."),
            None => {
                say!(self, "It goes on by itself{number}.", "Es geht von selbst weiter{number}.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api::Status, sample};

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
            failure: None,
        }];
        let facts = EN.attempt_facts(&progress, &progress.attempts[0]);
        assert_eq!(facts, ["took 59 s", "tried again after 1 min"]);
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
