//! The replay in words.

use super::Words;

impl Words {
    /// `12:04:31 · event 3 of 7 · About 40 s left`.
    pub(crate) fn film_moment(
        self,
        at: &str,
        number: usize,
        count: usize,
        headline: &str,
    ) -> String {
        say!(
            self,
            "{at} · event {number} of {count} · {headline}",
            "{at} · Ereignis {number} von {count} · {headline}"
        )
    }
}

/// `×10`.
pub(crate) fn film_speed(times: u32) -> String {
    format!("×{times}")
}
