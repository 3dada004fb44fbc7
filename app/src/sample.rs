//! A progress for tests, as the server sends it: in the middle of its third stage.

use chrono::{DateTime, TimeDelta};
use serde_json::json;

use crate::api::{Late, Progress, Stage, Timestamp};

/// When the sample's attempt started, in milliseconds since 1970.
pub(crate) const STARTED_MS: i64 = 1_795_349_052_812;
/// The sample's `serverTime`.
pub(crate) const NOW_MS: i64 = STARTED_MS + 45_000;

/// This many milliseconds after the sample's attempt started.
pub(crate) fn at(after_ms: i64) -> Timestamp {
    let started = DateTime::from_timestamp_millis(STARTED_MS).unwrap();
    Timestamp(started + TimeDelta::milliseconds(after_ms))
}

/// Created and cloned, now configuring.
pub(crate) fn progress() -> Progress {
    let stage = |stage: &str, label: &str, typical: Option<u64>| {
        json!({ "stage": stage, "label": label, "state": "pending", "startedAt": null,
                "completedAt": null, "durationMs": null, "typicalMs": typical })
    };
    let mut stages = vec![
        stage("CREATED", "Created", Some(900)),
        stage("CLONING", "Cloning from template", Some(39_500)),
        stage("CONFIGURING", "Apply configuration", Some(6_100)),
        stage("POWERING_ON", "Start VM", Some(5_200)),
        stage("WAITING_FOR_NETWORK", "Wait for network", Some(30_000)),
        stage("READY", "Ready", None),
    ];
    for (index, from, to) in [(0, -812, 0), (1, 0, 41_033)] {
        stages[index]["state"] = json!("done");
        stages[index]["startedAt"] = json!(at(from));
        stages[index]["completedAt"] = json!(at(to));
        stages[index]["durationMs"] = json!(to - from);
    }
    stages[2]["state"] = json!("active");
    stages[2]["startedAt"] = json!(at(41_033));
    serde_json::from_value(json!({
        "requestId": "019ab000-0000-7000-8000-000000000001", "status": "provisioning", "seq": 4,
        "currentStage": "CONFIGURING", "details": "2 CPUs, 4096 MiB",
        "startedAt": at(0), "endedAt": null, "elapsedMs": 45_000,
        "serverTime": at(45_000), "stages": stages,
        "estimate": { "remainingMs": 34_000, "lowMs": 21_000, "highMs": 66_000, "samples": 42,
                      "basis": "template" },
        "slow": false, "slowAfterMs": 600_000, "message": null, "attempt": 1, "attempts": [],
        "waiting": null, "undo": [], "left": [], "failure": null
    }))
    .unwrap()
}

/// That a stage is late.
pub(crate) fn late(stage: Stage, slower_than: Option<u32>) -> Late {
    let message = "it takes longer than it usually does at most".to_owned();
    Late { stage, elapsed_ms: 10_000, up_to_ms: 9_000, slower_than, message }
}
