//! The chart of the stages, and the attempts before, in words.

use super::{duration, elapsed};
use crate::api::{Attempt, Progress, Timestamp};
use crate::measure;

/// The chart's title.
pub(crate) const TIMELINE: &str = "How long each stage took";
/// Its columns.
pub(crate) const TIMELINE_STAGE: &str = "Stage";
/// How long it took.
pub(crate) const TIMELINE_TOOK: &str = "Took";
/// How long it usually takes.
pub(crate) const TIMELINE_USUALLY: &str = "Usually";
/// Where nothing is known of that.
pub(crate) const NOT_KNOWN: &str = "not known yet";
/// The way to the replay.
pub(crate) const WATCH_AGAIN: &str = "Watch it again";

/// How long an earlier attempt took, and how long it was until the next one was asked for.
pub(crate) fn attempt_facts(progress: &Progress, attempt: &Attempt) -> Vec<String> {
    let took = attempt.started_at.zip(attempt.ended_at);
    let took = took.map(|(from, to)| {
        format!("took {}", duration(measure::since(from, Timestamp::epoch_ms(to))))
    });
    let next = progress.attempts.iter().find(|next| next.attempt == attempt.attempt + 1);
    let stages = next.map_or(&progress.stages, |next| &next.stages);
    let asked_again = stages.first().and_then(|created| created.started_at);
    let pause = attempt.ended_at.zip(asked_again).map(|(ended, again)| {
        let pause = elapsed(measure::since(ended, Timestamp::epoch_ms(again)));
        format!("tried again after {pause}")
    });
    took.into_iter().chain(pause).collect()
}

/// When the next try begins: `Trying again in 12 s (try 3).`
pub(crate) fn next_try(number: Option<u32>, in_ms: Option<u64>) -> String {
    let number = number.map(|number| format!(" (try {number})")).unwrap_or_default();
    match in_ms {
        // Rounded up: it never says 0 s before it begins.
        Some(ms) if ms > 0 => format!("Trying again in {}{number}.", elapsed(ms + 999)),
        Some(_) => format!("Trying again now{number}."),
        None => format!("It goes on by itself{number}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api::Status, sample};

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
        let facts = attempt_facts(&progress, &progress.attempts[0]);
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
            assert_eq!(next_try(Some(3), in_ms), words);
        }
        assert_eq!(next_try(None, None), "It goes on by itself.");
    }
}
