//! The journal's rows in words.

use serde::Deserialize;
use serde_json::Value;

use super::stage::stage_label;
use crate::api::{HistoryItem, Stage, Timestamp};

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

/// A row of the journal in words.
pub(crate) fn history_row(item: HistoryItem) -> HistoryRow {
    let mut details = Vec::new();
    flatten(&item.payload, "", &mut details);
    details.truncate(DETAILS_MAX);
    HistoryRow {
        seq: item.seq,
        at: item.recorded_at,
        event: match entered(&item.payload) {
            Some(stage) => format!("Entered: {}", stage_label(stage)),
            None => event_words(&item.kind).to_owned(),
        },
        kind: item.kind,
        details,
    }
}

/// The stage that an event entered, if it did.
fn entered(payload: &Value) -> Option<Stage> {
    Stage::deserialize(payload.get("currentStage")?).ok()
}

fn event_words(kind: &str) -> &str {
    match kind {
        "VmRequested" => "Asked for",
        "VmProvisioningStarted" => "A worker started",
        "VmProvisioningTryFailed" => "A try failed and will be repeated",
        "VmProvisioningResumed" => "Went on after an interruption",
        "VmProvisioned" => "Ready",
        "VmProvisioningUndoStarted" => "Failed, undoing what was made",
        "VmProvisioningStepUndone" => "A step was undone",
        "VmProvisioningFailed" => "Failed",
        "VmProvisioningCancelled" => "Cancelled",
        "VmProvisioningNeedsAttention" => "Needs attention",
        later => later,
    }
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

    fn row(kind: &str, payload: serde_json::Value) -> HistoryRow {
        history_row(HistoryItem {
            seq: 3,
            kind: kind.to_owned(),
            schema_version: 1,
            recorded_at: sample::at(0),
            payload,
        })
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
