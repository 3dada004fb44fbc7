//! What the page says, as pure functions: durations, moments, headlines, failures.
//!
//! Nothing here touches the DOM, a clock or a locale, so the server's first render and the browser's
//! are equal by construction, and every sentence is covered by a native test.

mod duration;
mod failure;
mod film;
mod headline;
#[cfg(feature = "ssr")]
mod history;
#[cfg(feature = "ssr")]
mod insights;
mod labels;
mod liveness;
mod moment;
mod notification;
mod query;
mod remaining;
mod size;
mod stage;
mod summary;
mod timeline;
mod tone;
mod usual;

pub(crate) use duration::{duration, elapsed};
pub(crate) use failure::{
    NOT_UNDONE, UNDONE, advice, brief, end_of_undo, what_happened, what_was_undone,
};
pub(crate) use film::{
    FILM, FILM_BACK, FILM_ON, FILM_PAUSE, FILM_PLACE, FILM_PLAY, FILM_SPEED, film_moment,
    film_speed,
};
#[cfg(feature = "ssr")]
pub(crate) use film::{FILM_EVENTS, FILM_MEANING};
pub(crate) use headline::{document_title, headline, source_of_estimate, waits_for};
#[cfg(feature = "ssr")]
pub(crate) use history::{HistoryRow, event_name, history_rows};
#[cfg(feature = "ssr")]
pub(crate) use insights::{
    SHOULD_HOLD, against_average, counted, judged, over_time, range, range_held,
};
pub(crate) use labels::{
    ACTIONS, ASKED_AT, CANCEL, CANCEL_QUESTION, CANCEL_YES, EARLIER_ATTEMPTS, HISTORY,
    INTERRUPTIONS, PROGRESS, REMOVE, REMOVE_QUESTION, REMOVE_YES, SLOW, SLOW_MEANING, STAGES,
    TRY_AGAIN, after, attempt_name, so_far, stages_of_attempt, task_percent, usually, why_it_waits,
};
pub(crate) use liveness::{Said, liveness, liveness_meaning, liveness_spoken};
pub(crate) use moment::{utc, utc_full};
#[cfg(feature = "hydrate")]
pub(crate) use notification::{Notice, notice};
pub(crate) use notification::{TELL_ME, WILL_TELL};
pub(crate) use query::in_query;
pub(crate) use remaining::{
    Remaining, capitalised, remaining, remaining_briefly, remaining_in_title,
};
pub(crate) use size::{cpus, memory, with_thousands};
pub(crate) use stage::{announcement, stage_key, state_key, state_words, step_label};
pub(crate) use summary::summary;
pub(crate) use timeline::{
    NOT_KNOWN, TIMELINE, TIMELINE_STAGE, TIMELINE_TOOK, TIMELINE_USUALLY, WATCH_AGAIN,
    attempt_facts, next_try,
};
pub(crate) use tone::{Tone, tone};
pub(crate) use usual::{compared, foreseen, usually_takes};
