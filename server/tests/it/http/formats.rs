//! The form of everything that is said: names, times, durations.

use std::time::Duration;

use app::api::Progress;
use chrono::{DateTime, Utc};
use serde_json::Value;
use server::infrastructure::vsphere::simulated::Operation;

use crate::support::server::TEMPLATE;
use crate::support::{World, in_time};

/// Fails on a field that is not in camel case, and on a time in another form than RFC 3339 in UTC with
/// milliseconds. Returns how many times there were.
fn check(path: &str, value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| {
                let plain = key.chars().all(|c| c.is_ascii_alphanumeric());
                let small = key.starts_with(|c: char| c.is_ascii_lowercase());
                assert!(plain && small, "{path}.{key}");
                let is_time = key.ends_with("At") || key == "at" || key == "serverTime";
                assert!(
                    !is_time || value.is_null() || is_timestamp(value),
                    "{path}.{key}: {value}"
                );
                check(&format!("{path}.{key}"), value)
            })
            .sum(),
        Value::Array(items) => items.iter().map(|item| check(&format!("{path}[]"), item)).sum(),
        Value::String(text) => {
            let like_a_time = text.parse::<DateTime<Utc>>().is_ok();
            assert!(!like_a_time || is_timestamp(value), "{path}: {text}");
            usize::from(like_a_time)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// As in `2026-11-22T12:04:31.250Z`.
fn is_timestamp(value: &Value) -> bool {
    let Some(text) = value.as_str() else { return false };
    let form = "dddd-dd-ddTdd:dd:dd.dddZ";
    text.len() == form.len()
        && text.chars().zip(form.chars()).all(|(c, form)| match form {
            'd' => c.is_ascii_digit(),
            other => c == other,
        })
}

#[test]
fn other_forms_of_a_time_would_be_found() {
    assert!(is_timestamp(&Value::from("2026-11-22T12:04:31.250Z")));
    for wrong in [
        "2026-11-22T12:04:31Z",
        "2026-11-22T12:04:31.250+00:00",
        "2026-11-22T12:04:31.250123Z",
        "2026-11-22 12:04:31.250Z",
    ] {
        assert!(!is_timestamp(&Value::from(wrong)), "{wrong}");
    }
}

/// The fields of an object, sorted.
fn fields(value: &Value) -> Vec<&str> {
    let mut fields: Vec<&str> =
        value.as_object().expect("an object").keys().map(String::as_str).collect();
    fields.sort_unstable();
    fields
}

#[tokio::test]
async fn every_answer_is_in_camel_case_with_times_in_utc_and_milliseconds() {
    let world = World::new().await;
    let server = world.server_with(&["--vsphere-network-timeout", "100ms"]).await;
    let mut times = 0;
    for (name, template) in
        [("a", TEMPLATE), ("b", "demo-flaky"), ("c", "demo-no-address"), ("d", TEMPLATE)]
    {
        let request = server.ask(name, template).await;
        for frame in server.stream(request.id).await.rest().await {
            if frame.data.is_some() {
                times += check(name, &frame.json());
            }
        }
        for path in [
            request.links.this,
            request.links.progress,
            format!("/api/requests/{}/history", request.id),
        ] {
            times += check(&path, &server.get(&path).await.json());
        }
    }
    for path in ["/api/requests", "/api/templates", "/healthz", "/readyz"] {
        let reply = server.get(path).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, "application/json"),
            "{path}"
        );
        times += check(path, &reply.json());
    }
    assert!(times > 200, "{times} times were seen");
}

#[tokio::test]
async fn the_progress_has_the_fields_of_the_protocol_and_no_other() {
    let world = World::new().await;
    let mut pause = world.script().pause_at(Operation::PowerOn);
    let server = world.server().await;
    let request = server.ask("a", TEMPLATE).await;
    in_time("the pause", pause.reached()).await;
    let progress = server.get(&request.links.progress).await.json();
    assert_eq!(
        fields(&progress),
        [
            "attempt",
            "attempts",
            "currentStage",
            "details",
            "elapsedMs",
            "endedAt",
            "estimate",
            "failure",
            "left",
            "message",
            "requestId",
            "seq",
            "serverTime",
            "slow",
            "slowAfterMs",
            "stages",
            "startedAt",
            "status",
            "undo",
            "waiting",
        ]
    );
    let stages = progress["stages"].as_array().expect("stages");
    let told: Vec<(&str, &str, &str)> = stages
        .iter()
        .map(|stage| {
            assert_eq!(
                fields(stage),
                ["completedAt", "durationMs", "label", "stage", "startedAt", "state", "typicalMs"]
            );
            let text = |field: &str| stage[field].as_str().expect("text");
            (text("stage"), text("label"), text("state"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("CREATED", "Created", "done"),
            ("CLONING", "Cloning from template", "done"),
            ("CONFIGURING", "Apply configuration", "done"),
            ("POWERING_ON", "Start VM", "active"),
            ("WAITING_FOR_NETWORK", "Wait for network", "pending"),
            ("READY", "Ready", "pending"),
        ]
    );
    assert_eq!(progress["status"], "provisioning");
    assert_eq!(progress["currentStage"], "POWERING_ON");
    assert_eq!((&progress["attempt"], &progress["slowAfterMs"]), (&1.into(), &600_000.into()));
}

#[tokio::test]
async fn a_request_has_the_fields_of_the_protocol_and_no_other() {
    let world = World::new().await;
    let server = world.server().await;
    let request = server.ask("a", TEMPLATE).await;
    let row = server.get(&request.links.this).await.json();
    assert_eq!(
        fields(&row),
        [
            "cpus",
            "createdAt",
            "id",
            "links",
            "memoryMib",
            "name",
            "network",
            "requestedBy",
            "status",
            "template",
            "vm",
        ]
    );
    assert_eq!(fields(&row["links"]), ["events", "page", "progress", "self"]);
}

#[tokio::test]
async fn durations_are_the_differences_of_the_times_beside_them() {
    let world = World::with_delay(Duration::from_millis(40)).await;
    let server = world.server().await;
    let request = server.ask("a", TEMPLATE).await;
    let mut stream = server.stream(request.id).await;
    let mut seen: Vec<Progress> = Vec::new();
    while let Some(frame) = stream.next().await {
        if frame.name() == "snapshot" {
            seen.push(frame.progress());
        } else if frame.is_numbered() {
            let event = frame.stage_event();
            let elapsed = event.progress.started_at.map_or(0, |start| ms(start.0, event.at.0));
            assert_eq!(event.progress.elapsed_ms, elapsed, "{frame:?}");
            seen.push(event.progress);
            seen.push(server.progress(request.id).await);
        }
    }
    seen.push(server.progress(request.id).await);
    for progress in seen {
        for stage in &progress.stages {
            let both = stage.started_at.zip(stage.completed_at);
            assert_eq!(stage.duration_ms, both.map(|(from, to)| ms(from.0, to.0)), "{stage:?}");
        }
        if let (Some(from), Some(to)) =
            (progress.started_at, progress.ended_at.or(progress.server_time))
        {
            assert_eq!(progress.elapsed_ms, ms(from.0, to.0), "{progress:?}");
        }
    }
    let end = server.progress(request.id).await;
    assert!(end.elapsed_ms > 0 && end.stages.iter().all(|stage| stage.duration_ms.is_some()));
}

fn ms(from: DateTime<Utc>, to: DateTime<Utc>) -> u64 {
    u64::try_from((to - from).num_milliseconds()).unwrap_or(0)
}
