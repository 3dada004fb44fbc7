//! What all requests together say: on the page, and for those who run the server.

use std::time::Duration;

use app::api::{Estimate, Status};
use uuid::Uuid;

use crate::support::server::TEMPLATE;
use crate::support::{Frame, TestServer, World};

/// The value of a metric.
async fn metric(server: &TestServer, name: &str) -> Option<f64> {
    let reply = server.get("/metrics").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let line = reply.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap_or_else(|error| panic!("{name} {value}: {error}")))
}

/// What was told when each stage of a request was entered, and how long it then took, from its stream.
async fn told(server: &TestServer, id: Uuid) -> Vec<(Estimate, u64)> {
    let frames: Vec<_> = server.all_events(id).await.iter().map(Frame::stage_event).collect();
    let end = frames.last().expect("its end").at.0;
    let entered = |kind: &str| kind == "VmRequested" || kind == "VmProvisioningProgressUpdated";
    frames
        .iter()
        .filter(|frame| entered(&frame.kind))
        .filter_map(|frame| {
            let left = u64::try_from((end - frame.at.0).num_milliseconds()).expect("time passes");
            Some((frame.progress.estimate.clone()?, left))
        })
        .collect()
}

#[tokio::test]
async fn the_estimates_are_judged_by_what_came_of_them() {
    let world = World::with_delay(Duration::from_millis(10)).await;
    let server = world.server().await;
    assert_eq!(metric(&server, "stagewatch_estimates_judged").await, Some(0.0));
    assert_eq!(metric(&server, "stagewatch_estimate_coverage_ratio").await, None);
    let mut judged = Vec::new();
    for number in 0..4 {
        let id = server.ask(&format!("vm-{number}"), TEMPLATE).await.id;
        assert_eq!(server.ended(id).await.status, Status::Ready);
        judged.extend(told(&server, id).await);
    }
    let failed = server.ask("fails", "demo-fails-configuring").await.id;
    let failure = server.ended(failed).await.failure.expect("why");

    // The first was told nothing; each other one five times, and the failed one does not count.
    assert_eq!(judged.len(), 15);
    let held = judged
        .iter()
        .filter(|(told, left)| {
            (told.low_ms.expect("a range")..=told.high_ms.expect("a range")).contains(left)
        })
        .count();
    let coverage = f64::from(u32::try_from(held).expect("few")) / 15.0;
    assert_eq!(metric(&server, "stagewatch_estimates_judged").await, Some(15.0));
    assert_eq!(metric(&server, "stagewatch_estimate_coverage_ratio").await, Some(coverage));
    let mut off: Vec<u64> =
        judged.iter().map(|(told, left)| told.remaining_ms.abs_diff(*left)).collect();
    off.sort_unstable();
    let seconds = f64::from(u32::try_from(off[7]).expect("some milliseconds")) / 1_000.0;
    assert_eq!(metric(&server, "stagewatch_estimate_error_seconds").await, Some(seconds));
    assert!(metric(&server, "stagewatch_plain_average_error_seconds").await.is_some());

    assert_eq!(failure.code, "vcenter_rejected");
    let page = server.get("/insights").await;
    assert_eq!(page.status, 200);
    let said = "15 estimates of the last 4 finished requests";
    for words in [said, TEMPLATE, "Cloning from template", "Refused by vCenter", "<svg"] {
        assert!(page.body.contains(words), "{words} is not on the page");
    }
}

#[tokio::test]
async fn requests_and_streams_are_counted() {
    let world = World::new().await;
    let server = world.server().await;
    let id = server.ask("a", TEMPLATE).await.id;
    server.ended(id).await;
    for (status, count) in [("ready", 1.0), ("failed", 0.0), ("needs_attention", 0.0)] {
        let name = format!("stagewatch_requests{{status=\"{status}\"}}");
        assert_eq!(metric(&server, &name).await, Some(count));
    }
    let _pause =
        world.script().pause_at(server::infrastructure::vsphere::simulated::Operation::Clone);
    let running = server.ask("b", TEMPLATE).await.id;
    let mut stream = server.stream(running).await;
    stream.until_event("snapshot").await;
    assert_eq!(metric(&server, "stagewatch_streams_open").await, Some(1.0));
    let reply = server.get("/metrics").await;
    let kind = reply.headers.get("content-type").and_then(|kind| kind.to_str().ok());
    assert_eq!(kind, Some("text/plain; version=0.0.4; charset=utf-8"));
    let owner = "local";
    assert!(!reply.body.contains(owner) && !reply.body.contains(TEMPLATE), "nobody is named");
}

#[tokio::test]
async fn before_anything_has_finished_the_page_says_so() {
    let world = World::new().await;
    let server = world.server().await;
    let page = server.get("/insights").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Nothing has finished yet"), "{}", page.body);
}
