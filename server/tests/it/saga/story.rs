//! The story's own test: a VM is asked for and built, and every stage is in PostgreSQL.

use app::api::{HistoryItem, StageState, Status};
use serde_json::Value;
use server::infrastructure::vsphere::simulated::Operation;
use uuid::Uuid;

use crate::support::server::TEMPLATE;
use crate::support::{World, in_time};

/// What an ordinary request records, in order, with the stage that each progress event enters.
pub(crate) const STORY: [(&str, Option<&str>); 7] = [
    ("VmRequested", None),
    ("VmProvisioningStarted", None),
    ("VmProvisioningProgressUpdated", Some("CLONING")),
    ("VmProvisioningProgressUpdated", Some("CONFIGURING")),
    ("VmProvisioningProgressUpdated", Some("POWERING_ON")),
    ("VmProvisioningProgressUpdated", Some("WAITING_FOR_NETWORK")),
    ("VmProvisioned", None),
];

/// The rows of the journal that tell the story, without those that tell of interruptions.
pub(crate) fn story_of(history: &[HistoryItem]) -> Vec<(String, Option<String>)> {
    let interruptions = ["VmProvisioningResumed", "VmProvisioningTryFailed"];
    let told = history.iter().filter(|item| !interruptions.contains(&item.kind.as_str()));
    told.map(|item| {
        let stage = item.payload.get("currentStage").and_then(Value::as_str);
        (item.kind.clone(), stage.map(str::to_owned))
    })
    .collect()
}

/// Asserts that the journal tells the whole story once, in order, with no hole in its numbers.
pub(crate) fn assert_story(history: &[HistoryItem]) {
    let expected: Vec<_> =
        STORY.iter().map(|(name, stage)| ((*name).to_owned(), stage.map(str::to_owned))).collect();
    assert_eq!(story_of(history), expected);
    assert_numbered_in_order(history);
}

/// Asserts that the numbers have no hole and time does not go back.
pub(crate) fn assert_numbered_in_order(history: &[HistoryItem]) {
    let numbers: Vec<u32> = history.iter().map(|item| item.seq).collect();
    assert_eq!(numbers, (1..).take(history.len()).collect::<Vec<u32>>());
    assert!(history.is_sorted_by_key(|item| item.recorded_at), "{history:#?}");
}

/// The stage in the progress row of the only request; `None` when there is no row.
async fn progress_row(world: &World) -> Option<String> {
    let rows: Vec<String> = sqlx::query_scalar("select stage from provisioning_progress")
        .fetch_all(&world.database.pool)
        .await
        .expect("the rows");
    assert!(rows.len() <= 1, "{rows:?}");
    rows.into_iter().next()
}

#[tokio::test]
async fn every_stage_is_recorded_in_order_and_the_progress_row_follows_and_goes() {
    let world = World::new().await;
    let script = world.script();
    let pauses = [
        ("CREATED", script.pause_at(Operation::Vcenter)),
        ("CLONING", script.pause_at(Operation::Clone)),
        ("CONFIGURING", script.pause_at(Operation::Reconfigure)),
        ("POWERING_ON", script.pause_at(Operation::PowerOn)),
        ("WAITING_FOR_NETWORK", script.pause_at(Operation::WaitForGuest)),
    ];
    let server = world.server().await;
    let request = server.ask("build-agent-07", TEMPLATE).await;
    assert_eq!(request.status, Status::Queued);
    let mut recorded = Vec::new();
    for (stage, mut pause) in pauses {
        in_time(stage, pause.reached()).await;
        assert_eq!(progress_row(&world).await.as_deref(), Some(stage));
        recorded.push(server.history(request.id).await.len());
        pause.release();
    }
    let progress = server.ended(request.id).await;
    let history = server.history(request.id).await;

    assert_eq!(recorded, [1, 3, 4, 5, 6], "each stage is recorded before its work begins");
    assert_story(&history);
    assert_eq!(progress_row(&world).await, None);
    assert_eq!(progress.status, Status::Ready);
    assert!(progress.stages.iter().all(|stage| stage.state == StageState::Done), "{progress:#?}");
    assert!(progress.stages.iter().all(|stage| stage.completed_at.is_some()), "{progress:#?}");
}

#[tokio::test]
async fn the_vm_is_there_as_it_was_asked_for() {
    let world = World::new().await;
    let server = world.server().await;
    let asked = server.ask("build-agent-07", TEMPLATE).await;
    server.ended(asked.id).await;

    let request = server.request(asked.id).await;
    let told = request.vm.expect("the VM");
    let [vm] = &world.vms_of(asked.id)[..] else { panic!("{:?}", world.script().vms()) };
    assert_eq!((vm.name.as_str(), vm.cpus, vm.memory_mib), ("build-agent-07", 2, 4096));
    assert!(vm.powered_on);
    assert_eq!((told.moref, told.instance_uuid), (vm.moref.0.clone(), vm.instance_uuid));
    assert_eq!((told.hostname.as_str(), request.status), ("build-agent-07", Status::Ready));
    assert!(told.ip_address.parse::<std::net::Ipv4Addr>().is_ok(), "{}", told.ip_address);
}

#[tokio::test]
async fn what_each_stage_took_is_kept_to_learn_from() {
    let world = World::with_delay(std::time::Duration::from_millis(20)).await;
    let server = world.server().await;
    let request = server.ask("build-agent-07", TEMPLATE).await;
    let progress = server.ended(request.id).await;

    let kept: Vec<(String, i64)> =
        sqlx::query_as("select stage, duration_ms from stage_durations where request_id = $1")
            .bind(request.id)
            .fetch_all(&world.database.pool)
            .await
            .expect("the durations");
    assert_eq!(kept.len(), 5, "READY takes no time: {kept:?}");
    for (stage, duration_ms) in kept {
        let of_stage = |wanted: &Value| *wanted == Value::String(stage.clone());
        let told = progress.stages.iter().find(|told| of_stage(&serde_json::json!(told.stage)));
        let told = told.unwrap_or_else(|| panic!("{stage} is not told")).duration_ms;
        assert_eq!(told, u64::try_from(duration_ms).ok(), "{stage}");
    }
}

/// The journal holds discrete stages only, whatever vCenter reported of its tasks meanwhile.
#[tokio::test]
async fn no_stored_event_has_a_percentage() {
    let world = World::with_delay(std::time::Duration::from_millis(150)).await;
    let server = world.server_with(&["--vsphere-network-timeout", "100ms"]).await;
    let requests = [
        server.ask("a", TEMPLATE).await,
        server.ask("b", "demo-fails-configuring").await,
        server.ask("c", "demo-no-address").await,
    ];
    let mut percentages = 0;
    for request in requests {
        let frames = server.stream(request.id).await.rest().await;
        let live = frames.iter().filter(|frame| frame.name() == "live");
        percentages += live.filter(|frame| !frame.json()["percent"].is_null()).count();
    }
    let payloads: Vec<Value> = sqlx::query_scalar("select payload from events")
        .fetch_all(&world.database.pool)
        .await
        .expect("the payloads");
    assert!(percentages > 0, "vCenter's percentages were told live");
    assert!(payloads.len() > 20, "{payloads:#?}");
    for payload in payloads {
        assert_eq!(percentage_in(&payload), None);
    }
}

/// The first thing in a payload that looks like a percentage.
pub(crate) fn percentage_in(value: &Value) -> Option<String> {
    let in_words = |text: &str| {
        let lower = text.to_lowercase();
        ["%", "percent", "pct"].iter().any(|word| lower.contains(word)).then(|| text.to_owned())
    };
    match value {
        Value::Object(fields) => {
            fields.iter().find_map(|(key, value)| in_words(key).or_else(|| percentage_in(value)))
        }
        Value::Array(items) => items.iter().find_map(percentage_in),
        Value::String(text) => in_words(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

#[test]
fn a_percentage_would_be_found() {
    for payload in [
        serde_json::json!({ "currentStage": "CLONING", "percent": 40 }),
        serde_json::json!({ "details": "copying disks, 40 % done" }),
        serde_json::json!({ "told": [{ "donePct": 1 }] }),
    ] {
        assert!(percentage_in(&payload).is_some(), "{payload}");
    }
    assert_eq!(percentage_in(&serde_json::json!({ "details": "2 CPUs, 4096 MiB" })), None);
}

/// Only to say in one place which events a request has when it was never interrupted.
pub(crate) async fn assert_uninterrupted(api: &crate::support::Api, request: Uuid) {
    let history = api.history(request).await;
    assert_story(&history);
    assert_eq!(history.len(), STORY.len(), "{history:#?}");
}
