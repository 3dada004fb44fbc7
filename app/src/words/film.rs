//! The replay in words.

/// What is moved.
pub(crate) const FILM: &str = "Replay";
/// The scrubber.
pub(crate) const FILM_PLACE: &str = "Moment";
/// The group of speeds.
pub(crate) const FILM_SPEED: &str = "Speed";
/// Lets it run.
pub(crate) const FILM_PLAY: &str = "Play";
/// Stops it.
pub(crate) const FILM_PAUSE: &str = "Pause";
/// One event back.
pub(crate) const FILM_BACK: &str = "Event before";
/// One event on.
pub(crate) const FILM_ON: &str = "Next event";
/// What the page is for.
#[cfg(feature = "ssr")]
pub(crate) const FILM_MEANING: &str =
    "This provisioning as it went, event by event, with what was told of the time left at each.";
/// The list of events.
#[cfg(feature = "ssr")]
pub(crate) const FILM_EVENTS: &str = "Events";

/// `12:04:31 · event 3 of 7 · About 40 s left`.
pub(crate) fn film_moment(at: &str, number: usize, count: usize, headline: &str) -> String {
    format!("{at} · event {number} of {count} · {headline}")
}

/// `×10`.
pub(crate) fn film_speed(times: u32) -> String {
    format!("×{times}")
}
