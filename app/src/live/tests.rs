//! Folding the stream, message by message.

use serde_json::json;

use super::{message::EVENT_NAMES, *};
use crate::{
    api::{Request, Stage, StageState, Status},
    sample,
};

fn state() -> LiveState {
    let request: Request = serde_json::from_value(json!({
        "id": "019ab000-0000-7000-8000-000000000001", "name": "build-agent-07",
        "template": "ubuntu-24.04", "cpus": 2, "memoryMib": 4096, "network": null,
        "status": "provisioning", "requestedBy": "local", "createdAt": sample::at(-812),
        "vm": null, "links": { "self": "", "progress": "", "events": "", "page": "" }
    }))
    .unwrap();
    let progress = sample::progress();
    let last_event_id = "e1.4".to_owned();
    LiveState::new(&RequestDetail {
        request,
        progress,
        finished: None,
        last_event_id,
        degraded: None,
    })
}

/// The progress of the sample, one stage further.
fn starting(seq: u32) -> Progress {
    let mut progress = sample::progress();
    progress.seq = seq;
    progress.current_stage = Stage::PoweringOn;
    progress.stages[2].state = StageState::Done;
    progress.stages[3].state = StageState::Active;
    progress.server_time = None;
    progress
}

fn stage_event(name: &str, id: &str, progress: &Progress) -> Message {
    let data = json!({
        "seq": progress.seq, "type": "VmProvisioningProgressUpdated", "stage": progress.current_stage,
        "state": "active", "at": sample::at(48_000), "details": null, "progress": progress,
    });
    Message::parse(name, id, &data.to_string()).unwrap()
}

fn parse(name: &str, data: &serde_json::Value) -> Message {
    Message::parse(name, "", &data.to_string()).unwrap()
}

#[test]
fn the_next_event_moves_the_page_on() {
    let mut state = state();
    let outcome = state.apply(stage_event("stage", "e1.5", &starting(5)), 0);
    assert_eq!(outcome, Outcome::Taken);
    assert_eq!(state.progress.current_stage, Stage::PoweringOn);
    assert_eq!(state.last_event_id(), "e1.5");
    assert_eq!(state.estimate_as_of_ms, sample::at(48_000).epoch_ms());
}

#[test]
fn a_place_is_behind_a_later_one_and_one_of_another_journal() {
    let place = |text: &str| EventId::parse(text).unwrap();
    // The list's places are numbers of transactions, which need more than 32 bits.
    let own = place("e1.5000000000");
    assert_eq!(own.to_string(), "e1.5000000000");
    assert!(own.is_behind(&place("e1.5000000001")));
    assert!(own.is_behind(&place("e2.4")));
    assert!(!own.is_behind(&own));
    assert!(!own.is_behind(&place("e1.4999999999")));
}

#[test]
fn an_event_that_comes_twice_or_late_changes_nothing() {
    let mut state = state();
    state.apply(stage_event("stage", "e1.5", &starting(5)), 0);
    let before = state.clone();
    let mut other = starting(5);
    other.current_stage = Stage::Cloning;
    assert_eq!(state.apply(stage_event("stage", "e1.5", &other), 0), Outcome::Ignored);
    assert_eq!(state.apply(stage_event("stage", "e1.3", &other), 0), Outcome::Ignored);
    assert_eq!(state, before);
}

#[test]
fn what_is_usual_stays_as_it_was_told_last() {
    let mut told = sample::progress();
    (told.stages[1].low_ms, told.stages[1].high_ms) = (Some(20_000), Some(40_000));
    let mut state = state();
    let data = serde_json::to_string(&told).unwrap();
    state.apply(Message::parse("snapshot", "e1.4", &data).unwrap(), 0);
    assert_eq!(state.apply(stage_event("stage", "e1.5", &starting(5)), 0), Outcome::Taken);
    let clone = &state.progress.stages[1];
    assert_eq!((clone.low_ms, clone.high_ms), (Some(20_000), Some(40_000)));
}

#[test]
fn a_missing_event_is_noticed_and_nothing_is_taken() {
    let mut state = state();
    let before = state.clone();
    assert_eq!(state.apply(stage_event("stage", "e1.6", &starting(6)), 0), Outcome::Gap);
    assert_eq!(state, before);
}

#[test]
fn an_event_of_another_journal_is_not_taken() {
    let mut state = state();
    assert_eq!(state.apply(stage_event("stage", "e2.5", &starting(5)), 0), Outcome::Ignored);
}

#[test]
fn after_a_reset_only_the_snapshot_counts() {
    let mut state = state();
    state.apply(parse("reset", &json!({ "reason": "another journal" })), 0);
    assert_eq!(state.apply(stage_event("stage", "e1.5", &starting(5)), 0), Outcome::Ignored);
    let mut progress = sample::progress();
    progress.seq = 2;
    progress.current_stage = Stage::Cloning;
    let data = serde_json::to_string(&progress).unwrap();
    let snapshot = Message::parse("snapshot", "e2.2", &data).unwrap();
    assert_eq!(state.apply(snapshot, 0), Outcome::Taken);
    assert_eq!(state.last_event_id(), "e2.2");
    assert_eq!(state.progress.current_stage, Stage::Cloning);
    assert_eq!(state.apply(stage_event("stage", "e2.3", &starting(3)), 0), Outcome::Taken);
}

#[test]
fn an_older_snapshot_does_not_turn_the_page_back() {
    let mut state = state();
    let data = serde_json::to_string(&sample::progress()).unwrap();
    let snapshot = Message::parse("snapshot", "e1.3", &data).unwrap();
    assert_eq!(state.apply(snapshot, 0), Outcome::Ignored);
    assert_eq!(state.last_event_id(), "e1.4");
}

#[test]
fn what_vcenter_reports_is_kept_only_for_its_stage() {
    let mut state = state();
    let report =
        |stage: &str| parse("live", &json!({ "stage": stage, "percent": 43, "details": null }));
    assert_eq!(state.apply(report("CLONING"), 0), Outcome::Ignored);
    assert_eq!(state.apply(report("CONFIGURING"), 0), Outcome::Taken);
    assert_eq!(state.hint.as_ref().and_then(|hint| hint.percent), Some(43));
    state.apply(stage_event("stage", "e1.5", &starting(5)), 0);
    assert_eq!(state.hint, None);
}

#[test]
fn an_outage_of_vcenter_is_told_live_and_ends_with_the_next_report() {
    let mut state = state();
    let away = json!({
        "stage": "CONFIGURING", "percent": null,
        "details": "vCenter is not answering, trying again in 40 s",
        "waiting": { "for": "vcenter", "nextAt": sample::at(85_000), "reason": "refused" },
    });
    assert_eq!(state.apply(parse("live", &away), 0), Outcome::Taken);
    let waiting = state.progress.waiting.clone().unwrap();
    assert_eq!(waiting.waiting_for, WaitingFor::Vcenter);
    let report = json!({ "stage": "CONFIGURING", "percent": 43, "details": null });
    state.apply(parse("live", &report), 0);
    assert_eq!(state.progress.waiting, None);
    // What else it waits for is not taken back by a report.
    state.progress.waiting = Some(Waiting { waiting_for: WaitingFor::Retry, ..waiting });
    state.apply(parse("live", &report), 0);
    assert!(state.progress.waiting.is_some());
}

#[test]
fn slow_estimate_and_degraded_are_taken_as_they_come() {
    let mut state = state();
    state.apply(parse("slow", &json!({ "message": "Provisioning is taking longer than usual...", "elapsedMs": 5_000 })), 0);
    assert!(state.progress.slow);
    let estimate = json!({ "remainingMs": 9_000, "lowMs": null, "highMs": null, "samples": 3, "basis": "all" });
    state.apply(parse("estimate", &estimate), 77);
    assert_eq!(state.progress.estimate.as_ref().map(|told| told.remaining_ms), Some(9_000));
    assert_eq!(state.estimate_as_of_ms, 77);
    state.apply(parse("estimate", &json!(null)), 78);
    assert_eq!(state.progress.estimate, None);
    state.apply(parse("degraded", &json!({ "reason": "the database is away" })), 0);
    assert_eq!(state.degraded.as_deref(), Some("the database is away"));
    state.apply(parse("ping", &json!({ "serverTime": sample::at(0), "seq": 4 })), 0);
    assert_eq!(state.degraded, None);
}

#[test]
fn a_terminal_event_ends_it() {
    let mut state = state();
    assert!(!state.has_ended());
    let mut ready = starting(5);
    ready.status = Status::Ready;
    state.apply(stage_event("ready", "e1.5", &ready), 0);
    assert!(state.has_ended());
    let late = json!({ "message": "slow", "elapsedMs": 1 });
    state.apply(parse("slow", &late), 0);
    assert!(!state.progress.slow);
}

#[test]
fn unknown_and_unreadable_messages_are_ignored() {
    assert_eq!(Message::parse("party", "e1.5", "{}"), None);
    assert_eq!(Message::parse("stage", "e1.5", "{"), None);
    assert_eq!(Message::parse("stage", "five", "{}"), None);
}

#[test]
fn every_name_that_is_listened_for_is_understood() {
    let progress = serde_json::to_value(starting(5)).unwrap();
    let mut everything = progress.clone();
    let more = json!({
        "type": "x", "stage": "CLONING", "state": "done", "at": sample::at(0), "progress": progress,
        "percent": 1, "message": "m", "reason": "r", "remainingMs": 1, "samples": 1, "basis": "all",
    });
    everything.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    everything["serverTime"] = json!(sample::at(0));
    let data = everything.to_string();
    for name in EVENT_NAMES {
        assert!(Message::parse(name, "e1.5", &data).is_some(), "{name}");
    }
}

#[test]
fn only_snapshots_and_pings_tell_the_time() {
    let data = serde_json::to_string(&sample::progress()).unwrap();
    let snapshot = Message::parse("snapshot", "e1.4", &data).unwrap();
    assert_eq!(snapshot.server_time_ms(), Some(sample::NOW_MS));
    assert_eq!(stage_event("stage", "e1.5", &starting(5)).server_time_ms(), None);
}
