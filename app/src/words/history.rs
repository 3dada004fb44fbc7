//! The journal's rows in words.

use serde::Deserialize;
use serde_json::Value;

use super::Words;
use crate::api::{HistoryItem, Stage, StageEvent, Timestamp};

/// One row of the history page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HistoryRow {
    /// The event's number.
    pub(crate) seq: u32,
    /// When it was recorded.
    pub(crate) at: Timestamp,
    /// What happened, in words.
    pub(crate) event: String,
    /// The event's stored name, for those who look for it in the API.
    pub(crate) kind: String,
    /// What the event says, as names and values.
    pub(crate) details: Vec<(String, String)>,
}

/// At most so many values of one event are listed: a payload has about ten.
const DETAILS_MAX: usize = 24;
/// A value longer than this is cut, so that one row cannot fill the page.
const VALUE_CHARS_MAX: usize = 300;

impl Words {
    /// The rows of a journal in words. An interruption is told by who went on: another worker than
    /// before is a service that was restarted, or another server.
    pub(crate) fn history_rows(self, items: Vec<HistoryItem>) -> Vec<HistoryRow> {
        let (mut worker, mut undoing) = (None, false);
        let mut rows = Vec::with_capacity(items.len());
        for item in items {
            let now = item.payload.get("worker").and_then(Value::as_str).map(str::to_owned);
            let is_same = now.is_some() && now == worker;
            worker = now.or(worker);
            undoing = match item.kind.as_str() {
                "VmProvisioningUndoStarted" | "VmProvisioningCancelRequested" => true,
                "VmProvisioningRetryRequested" => false,
                _ => undoing,
            };
            rows.push(self.history_row(item, is_same, undoing));
        }
        rows
    }

    /// Said below a journal that is longer than its page.
    pub(crate) fn more_events(self, more: u32) -> String {
        say!(
            self,
            "And {more} more, in the API's history.",
            "Und {more} weitere, im Verlauf der API."
        )
    }

    fn history_row(self, item: HistoryItem, is_same_worker: bool, undoing: bool) -> HistoryRow {
        let mut details = Vec::new();
        flatten(&item.payload, "", &mut details);
        details.truncate(DETAILS_MAX);
        HistoryRow {
            seq: item.seq,
            at: item.recorded_at,
            event: match (entered(&item.payload), item.kind.as_str()) {
                (Some(stage), _) => {
                    let label = self.stage_label(stage);
                    say!(self, "Entered: {label}", "Begonnen: {label}")
                }
                (None, "VmProvisioningResumed") => {
                    self.resumed(&item.payload, is_same_worker, undoing)
                }
                (None, kind) => self.event_words(kind).to_owned(),
            },
            kind: item.kind,
            details,
        }
    }

    /// An event of the stream in a few words.
    pub(crate) fn event_name(self, event: &StageEvent) -> String {
        match event.kind.as_str() {
            "VmProvisioningProgressUpdated" => self.stage_label(event.stage).to_owned(),
            "VmProvisioningResumed" => event
                .details
                .as_deref()
                .map_or_else(String::new, |details| self.resumption(details)),
            kind => self.event_words(kind).to_owned(),
        }
    }

    /// Who went on after an interruption, where, and whether with the same task.
    fn resumed(self, payload: &Value, is_same_worker: bool, undoing: bool) -> String {
        let who = if is_same_worker {
            self.pick("The work was interrupted", "Die Arbeit wurde unterbrochen")
        } else {
            self.pick("The service restarted", "Der Dienst wurde neu gestartet")
        };
        let stage = payload.get("stage").and_then(|stage| Stage::deserialize(stage).ok());
        let at = match stage.map(|stage| self.stage_label(stage)) {
            _ if undoing => {
                self.pick(", the undo goes on", ", die Rücknahme geht weiter").to_owned()
            }
            Some(stage) => say!(self, ", resumed at {stage}", ", fortgesetzt bei {stage}"),
            None => String::new(),
        };
        let same_task = payload.get("task").is_some_and(Value::is_string);
        let task = self.pick(", same vCenter task", ", gleiche vCenter-Aufgabe");
        format!("{who}{at}{}", if same_task { task } else { "" })
    }

    fn event_words(self, kind: &str) -> &str {
        match kind {
            "VmRequested" => self.pick("Asked for", "Angefordert"),
            "VmProvisioningStarted" => self.pick("A worker started", "Arbeit begonnen"),
            "VmProvisioningTryFailed" => self.pick(
                "A try failed and will be repeated",
                "Ein Anlauf ist fehlgeschlagen und wird wiederholt",
            ),
            "VmProvisioned" => self.pick("Ready", "Bereit"),
            "VmProvisioningUndoStarted" => self.pick(
                "Failed, undoing what was made",
                "Fehlgeschlagen, Angelegtes wird zurückgenommen",
            ),
            "VmProvisioningStepUndone" => {
                self.pick("A step was undone", "Ein Schritt wurde zurückgenommen")
            }
            "VmProvisioningFailed" => self.pick("Failed", "Fehlgeschlagen"),
            "VmProvisioningCancelRequested" => {
                self.pick("A person cancelled it", "Von einer Person abgebrochen")
            }
            "VmProvisioningCancelled" => {
                self.pick("Cancelled, nothing left behind", "Abgebrochen, nichts zurückgeblieben")
            }
            "VmProvisioningRetryRequested" => {
                self.pick("A person had it tried again", "Von einer Person erneut gestartet")
            }
            "VmProvisioningNeedsAttention" => {
                self.pick("Needs attention", "Braucht Aufmerksamkeit")
            }
            later => later,
        }
    }
}

/// The stage that an event entered, if it did.
fn entered(payload: &Value) -> Option<Stage> {
    Stage::deserialize(payload.get("currentStage")?).ok()
}

/// Lists the values of a payload under their own names; what is nested needs no more to be understood.
fn flatten(value: &Value, name: &str, into: &mut Vec<(String, String)>) {
    let text = match value {
        Value::Null => return,
        Value::Object(fields) => {
            for (field, value) in fields {
                flatten(value, &words_of(field), into);
            }
            return;
        }
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => value.to_string(),
    };
    into.push((name.to_owned(), text.chars().take(VALUE_CHARS_MAX).collect()));
}

/// `memoryMib` and `memory_mib` as `memory mib`.
fn words_of(field: &str) -> String {
    let mut words = String::with_capacity(field.len() + 4);
    for letter in field.chars() {
        if letter.is_ascii_uppercase() {
            words.push(' ');
        }
        words.push(if letter == '_' { ' ' } else { letter.to_ascii_lowercase() });
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sample;

    const EN: Words = Words::ENGLISH;

    fn item(kind: &str, payload: serde_json::Value) -> HistoryItem {
        HistoryItem {
            seq: 3,
            kind: kind.to_owned(),
            schema_version: 1,
            recorded_at: sample::at(0),
            payload,
        }
    }

    fn row(kind: &str, payload: serde_json::Value) -> HistoryRow {
        EN.history_rows(vec![item(kind, payload)]).remove(0)
    }

    #[test]
    fn a_payload_is_listed_by_name() {
        let payload = json!({ "currentStage": "CLONING", "details": null,
                              "spec": { "memory_mib": 4096, "cpus": 2 } });
        let row = row("VmProvisioningProgressUpdated", payload);
        assert_eq!(row.event, "Entered: Cloning from template");
        let expected = [("cpus", "2"), ("current stage", "CLONING"), ("memory mib", "4096")];
        let mut details = row.details;
        details.sort();
        assert_eq!(details, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn an_interruption_is_told_by_who_went_on_and_with_what() {
        let resumed = |worker: &str, task: Option<&str>| {
            let payload = json!({ "stage": "POWERING_ON", "worker": worker, "task": task });
            item("VmProvisioningResumed", payload)
        };
        let started = item("VmProvisioningStarted", json!({ "attempt": 1, "worker": "one" }));
        let entered =
            item("VmProvisioningProgressUpdated", json!({ "currentStage": "POWERING_ON" }));
        let rows = EN.history_rows(vec![
            started,
            entered,
            resumed("other", Some("task-7")),
            resumed("other", None),
            resumed("one", None),
            item("VmProvisioningCancelRequested", json!({ "by": "local" })),
            resumed("third", None),
        ]);
        let said: Vec<_> = rows[2..].iter().map(|row| row.event.as_str()).collect();
        let expected = [
            "The service restarted, resumed at Start VM, same vCenter task",
            "The work was interrupted, resumed at Start VM",
            "The service restarted, resumed at Start VM",
            "A person cancelled it",
            "The service restarted, the undo goes on",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn what_a_person_did_is_told() {
        let wished = |kind| row(kind, json!({ "by": "local" }));
        assert_eq!(wished("VmProvisioningCancelRequested").event, "A person cancelled it");
        let retried = wished("VmProvisioningRetryRequested");
        assert_eq!(retried.event, "A person had it tried again");
        assert_eq!(retried.details, [("by".to_owned(), "local".to_owned())]);
    }

    #[test]
    fn an_event_of_a_later_version_keeps_its_own_name() {
        assert_eq!(row("VmProvisioningPaused", json!({})).event, "VmProvisioningPaused");
    }

    #[test]
    fn a_payload_cannot_fill_the_page() {
        let many: serde_json::Map<_, _> =
            (0..100).map(|n| (format!("f{n}"), json!("x".repeat(10_000)))).collect();
        let row = row("VmRequested", many.into());
        assert_eq!(row.details.len(), DETAILS_MAX);
        assert!(row.details.iter().all(|(_, value)| value.chars().count() == VALUE_CHARS_MAX));
    }
}
