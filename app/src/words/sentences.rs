//! The sentences of the pages that hold a number, a name or a choice.

use super::{Words, elapsed};
use crate::api::{Attempt, WaitingFor};

impl Words {
    /// Why nothing moves, as a title.
    pub(crate) fn why_it_waits(self, waiting_for: WaitingFor) -> &'static str {
        match waiting_for {
            WaitingFor::Vcenter => self.pick("vCenter is not answering", "vCenter antwortet nicht"),
            WaitingFor::Database => {
                self.pick("The database is not answering", "Die Datenbank antwortet nicht")
            }
            WaitingFor::Retry | WaitingFor::Worker => {
                self.pick("The last try failed", "Der letzte Anlauf ist fehlgeschlagen")
            }
        }
    }

    /// An earlier attempt and what became of it: `Attempt 1: Failed`.
    pub(crate) fn attempt_name(self, attempt: &Attempt) -> String {
        let (number, outcome) = (attempt.attempt, self.status(attempt.outcome));
        say!(self, "Attempt {number}: {outcome}", "Versuch {number}: {outcome}")
    }

    /// Its lane.
    pub(crate) fn stages_of_attempt(self, number: u32) -> String {
        say!(self, "Stages of attempt {number}", "Stufen von Versuch {number}")
    }

    /// How far vCenter says that its task is.
    pub(crate) fn task_percent(self, percent: u8) -> String {
        say!(self, "vCenter's task is at {percent} %", "Die Aufgabe in vCenter ist bei {percent} %")
    }

    /// `usually 6.1 s`.
    pub(crate) fn usually(self, ms: u64) -> String {
        say!(self, "usually {}", "meist {}", self.duration(ms))
    }

    /// `48 s so far`.
    pub(crate) fn so_far(self, ms: u64) -> String {
        say!(self, "{} so far", "bisher {}", elapsed(ms))
    }

    /// `after 5 min`.
    pub(crate) fn after(self, ms: u64) -> String {
        say!(self, "after {}", "nach {}", self.duration(ms))
    }

    /// New requests that wait to be shown; `and_more` when there are more than are counted.
    pub(crate) fn new_requests(self, count: usize, and_more: bool) -> String {
        match (count, and_more) {
            (1, false) => self.pick("1 new request", "1 neue Anforderung").to_owned(),
            (count, false) => {
                say!(self, "{count} new requests", "{count} neue Anforderungen")
            }
            (count, true) => {
                say!(self, "More than {count} new requests", "Mehr als {count} neue Anforderungen")
            }
        }
    }

    /// How many fields of the form are wrong, as a title.
    pub(crate) fn fields_are_wrong(self, count: usize) -> String {
        match count {
            0 => self
                .pick("It could not be asked for", "Die Anforderung konnte nicht gestellt werden")
                .to_owned(),
            1 => self
                .pick("One field needs another value", "Ein Feld braucht einen anderen Wert")
                .to_owned(),
            count => say!(
                self,
                "{count} fields need another value",
                "{count} Felder brauchen einen anderen Wert"
            ),
        }
    }

    /// A word in the address that is no status.
    #[cfg(feature = "ssr")]
    pub(crate) fn no_status_called(self, word: &str) -> String {
        say!(self, "There is no status called “{word}”.", "Es gibt keinen Status namens „{word}“.")
    }

    /// The title of a page in the browser's tab.
    #[cfg(feature = "ssr")]
    pub(crate) fn page_title(self, what: &str) -> String {
        say!(self, "{what} · Stagewatch", "{what} · Stagewatch")
    }

    /// Said of a name while it is typed.
    pub(crate) fn taken(self, by_whom: &str) -> String {
        say!(self, "Taken: {}.", "Vergeben: {}.", self.told(by_whom))
    }
}
