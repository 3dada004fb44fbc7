//! The server's own sentences in the page's language.
//!
//! What the API says is English. A page knows most of it by kind or code; what comes as a sentence only
//! is known here by its text. What is not known stays as it is: those are vCenter's own words.

mod of_vcenter;

use super::{Words, capitalised};
use crate::{api::Stage, language::Language};

/// Sentences and their parts; `{}` is what changes, and is looked up likewise.
const KNOWN: &[(&str, &str)] = &[
    // Why the server cannot see the journal.
    ("PostgreSQL is not answering", "PostgreSQL antwortet nicht"),
    ("PostgreSQL is read-only just now", "PostgreSQL nimmt gerade keine Änderungen an"),
    ("PostgreSQL's disk is full", "die Platte von PostgreSQL ist voll"),
    // Steps of the undo.
    ("cancel clone", "Klonen abbrechen"),
    ("power off", "ausschalten"),
    ("delete VM", "VM löschen"),
    ("clone cancelled", "Klonen abgebrochen"),
    ("powered off", "ausgeschaltet"),
    ("VM deleted", "VM gelöscht"),
    // What is wrong with a field.
    ("must be a whole number", "muss eine ganze Zahl sein"),
    ("give the VM a name", "geben Sie der VM einen Namen"),
    (
        "may only have small letters a-z, digits and hyphens",
        "darf nur Kleinbuchstaben a-z, Ziffern und Bindestriche enthalten",
    ),
    ("must not begin or end with a hyphen", "darf nicht mit einem Bindestrich beginnen oder enden"),
    ("must not have control characters", "darf keine Steuerzeichen enthalten"),
    ("choose a template", "wählen Sie eine Vorlage"),
    ("choose a network", "wählen Sie ein Netzwerk"),
    ("must be an IPv4 address", "muss eine IPv4-Adresse sein"),
    (
        "must be an IPv4 address with its prefix length, as 10.20.30.40/24",
        "muss eine IPv4-Adresse mit Präfixlänge sein, wie 10.20.30.40/24",
    ),
    ("must have a prefix length of 1 to 30", "muss eine Präfixlänge von 1 bis 30 haben"),
    (
        "must be an address that a guest can have",
        "muss eine Adresse sein, die ein Gastsystem haben kann",
    ),
    (
        "is the network's own or its broadcast address",
        "ist die Adresse des Netzes selbst oder seine Broadcast-Adresse",
    ),
    ("must not be the VM's own address", "darf nicht die Adresse der VM selbst sein"),
    (
        "goes with a fixed address: give network.ipAddress too",
        "gehört zu einer festen Adresse: geben Sie auch diese an",
    ),
    (
        "another request that is not finished has this name",
        "eine andere laufende Anforderung hat diesen Namen",
    ),
    ("a VM in vCenter's folder has this name", "eine VM im Ordner von vCenter hat diesen Namen"),
    (
        "what stands in this form now has not been asked for; send it again to ask for another VM",
        "was jetzt im Formular steht, ist noch nicht angefordert; senden Sie es noch einmal für eine weitere VM",
    ),
    // Why a page cannot be shown.
    (
        "the database is not answering; try again in a moment",
        "Die Datenbank antwortet nicht; versuchen Sie es gleich noch einmal",
    ),
    (
        "the database takes no changes just now, since it is read-only; try again in a moment",
        "Die Datenbank nimmt gerade keine Änderungen an; versuchen Sie es gleich noch einmal",
    ),
    (
        "the database takes no changes just now, since its disk is full; try again later",
        "Die Datenbank nimmt gerade keine Änderungen an, weil ihre Platte voll ist; versuchen Sie es \
         später noch einmal",
    ),
    (
        "something went wrong in the server; it has been logged",
        "Im Server ist etwas schiefgegangen; es wurde protokolliert",
    ),
    ("there is no such request", "Diese Anforderung gibt es nicht"),
    ("This page of the list does not exist.", "Diese Seite der Liste gibt es nicht."),
    ("simulated vCenter", "simuliertes vCenter"),
    ("may have at most {} characters", "darf höchstens {} Zeichen haben"),
    ("must be a multiple of {} MiB", "muss ein Vielfaches von {} MiB sein"),
    ("must be in the network of {}", "muss im Netz von {} liegen"),
    ("this name is taken: {}", "dieser Name ist vergeben: {}"),
];

impl Words {
    /// A sentence of the server, or a stage's label.
    pub(crate) fn told(self, text: &str) -> String {
        match self.language() {
            Language::English => text.to_owned(),
            Language::German => self.in_german(text).unwrap_or_else(|| text.to_owned()),
        }
    }

    fn in_german(self, text: &str) -> Option<String> {
        if let Some(stage) = stage_called(text) {
            return Some(self.stage_label(stage).to_owned());
        }
        // A range: `must be 1 to 64`, `must be 256 to 1048576 MiB`.
        let range = text.strip_prefix("must be ").and_then(|range| range.split_once(" to "));
        if let Some((least, most)) = range.filter(|(least, _)| least.parse::<u32>().is_ok()) {
            return Some(format!("muss {least} bis {most} sein"));
        }
        // What is seen of a guest is a list, and told part by part; whose parts are not all known is
        // somebody else's sentence, perhaps within one of ours.
        let one = |part: &str| {
            self.by_pattern(part, |inside| !inside.contains(", ") && !inside.contains("; "))
        };
        let some = |list: &str| {
            let parts: Option<Vec<_>> = list.split(", ").map(one).collect();
            parts.map(|parts| parts.join(", "))
        };
        let lists = || {
            let lists: Option<Vec<_>> = text.split("; ").map(some).collect();
            lists.map(|lists| lists.join("; "))
        };
        one(text).or_else(lists).or_else(|| self.by_pattern(text, |_| true))
    }

    /// By the first form that fits and has nothing inside that `may_hold` refuses.
    fn by_pattern(self, text: &str, may_hold: fn(&str) -> bool) -> Option<String> {
        KNOWN.iter().chain(of_vcenter::KNOWN).find_map(|(english, german)| {
            let inside = filled(english, text)?;
            if !inside.iter().all(|inside| may_hold(inside)) {
                return None;
            }
            let mut inside = inside.into_iter();
            let mut parts = german.split("{}");
            let first = parts.next().unwrap_or_default().to_owned();
            Some(parts.fold(first, |told, part| {
                told + &self.told(inside.next().unwrap_or_default()) + part
            }))
        })
    }

    /// How the work went on after an interruption: `The service restarted, resumed at Start VM`.
    pub(crate) fn resumption(self, text: &str) -> String {
        let parts = text.split(", ").map(|part| match self.language() {
            Language::English => part.to_owned(),
            Language::German => match part {
                "the work was interrupted" => "die Arbeit wurde unterbrochen".to_owned(),
                "the service restarted" => "der Dienst wurde neu gestartet".to_owned(),
                "the undo goes on" => "die Rücknahme geht weiter".to_owned(),
                "same vCenter task" => "gleiche vCenter-Aufgabe".to_owned(),
                part => match part.strip_prefix("resumed at ") {
                    Some(stage) => format!("fortgesetzt bei {}", self.told(stage)),
                    None => part.to_owned(),
                },
            },
        });
        capitalised(&parts.collect::<Vec<_>>().join(", "))
    }
}

/// What stands at each `{}` of a pattern, if the text is of that form.
fn filled<'a>(pattern: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut parts = pattern.split("{}");
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut inside = Vec::new();
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        // The last part is at the end, wherever else it may be.
        let at = if parts.peek().is_none() {
            rest.len().checked_sub(part.len()).filter(|_| rest.ends_with(part))?
        } else {
            rest.find(part)?
        };
        inside.push(&rest[..at]);
        rest = &rest[at + part.len()..];
    }
    rest.is_empty().then_some(inside)
}

fn stage_called(label: &str) -> Option<Stage> {
    Stage::ALL.into_iter().find(|&stage| Words::ENGLISH.stage_label(stage) == label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_is_translated_where_it_is_known() {
        for (said, german) in [
            ("Cloning from template", "Klonen aus Vorlage"),
            ("must be 1 to 64", "muss 1 bis 64 sein"),
            ("must be 256 to 1048576 MiB", "muss 256 bis 1048576 MiB sein"),
            ("may have at most 63 characters", "darf höchstens 63 Zeichen haben"),
            ("must be in the network of 10.0.0.1/24", "muss im Netz von 10.0.0.1/24 liegen"),
            (
                "this name is taken: a VM in vCenter's folder has this name",
                "dieser Name ist vergeben: eine VM im Ordner von vCenter hat diesen Namen",
            ),
            ("The host is out of memory.", "The host is out of memory."),
        ] {
            assert_eq!(Words::GERMAN.told(said), german);
            assert_eq!(Words::ENGLISH.told(said), said);
        }
    }

    #[test]
    fn how_it_went_on_is_told_part_by_part() {
        let said = "the service restarted, resumed at Start VM, same vCenter task";
        assert_eq!(
            Words::ENGLISH.resumption(said),
            "The service restarted, resumed at Start VM, same vCenter task"
        );
        assert_eq!(
            Words::GERMAN.resumption(said),
            "Der Dienst wurde neu gestartet, fortgesetzt bei VM starten, gleiche vCenter-Aufgabe"
        );
    }
}
