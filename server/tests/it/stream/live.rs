//! What a reader sees while it happens.

use std::time::{Duration, Instant};

use app::api::{Live, Ping, StageState, Status};
use chrono::Utc;
use reqwest::Method;
use server::infrastructure::vsphere::simulated::Operation;

use super::{CLONING_SEQ, LAST_SEQ, held_at_clone, seqs};
use crate::support::client::events;
use crate::support::server::TEMPLATE;
use crate::support::sse::{Frame, numbered};
use crate::support::{World, eventually, in_time};

#[tokio::test]
async fn the_first_bytes_come_at_once_and_the_headers_are_those_of_the_protocol() {
    let world = World::new().await;
    let (server, id, _pause) = held_at_clone(&world, &[]).await;
    let mut stream = server.stream(id).await;
    assert_eq!(stream.status, 200);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(stream.headers[name], value, "{name}");
    }
    assert!(!stream.headers.contains_key("content-encoding"));
    let first = stream.next().await.expect("the first block");
    assert!(first.raw.starts_with("retry: "), "{first:?}");
    assert!((500..5_000).contains(&first.retry.expect("retry")), "{first:?}");
    assert_eq!((first.comments.len(), first.data), (1, None));
}

/// Nothing compresses it on the way, whatever the client would take.
#[tokio::test]
async fn a_stream_is_never_compressed() {
    let world = World::new().await;
    let (server, id, _pause) = held_at_clone(&world, &[]).await;
    for path in [events(id), format!("{}?format=text", events(id))] {
        let stream = server.stream_at(&path, &[("accept-encoding", "gzip, br")]).await;
        assert!(!stream.headers.contains_key("content-encoding"), "{path}");
    }
}

#[tokio::test]
async fn a_reader_gets_the_snapshot_and_then_every_event_as_it_happens() {
    let world = World::new().await;
    let (server, id, pause) = held_at_clone(&world, &[]).await;
    let mut stream = server.stream(id).await;
    let snapshot = stream.until_event("snapshot").await;
    assert_eq!(snapshot.seq(), Some(CLONING_SEQ));
    let progress = snapshot.progress();
    assert_eq!((progress.seq, progress.status), (CLONING_SEQ, Status::Provisioning));
    assert!(progress.server_time.is_some());
    let asked = server.progress(id).await;
    assert_eq!((asked.seq, asked.stages), (progress.seq, progress.stages));

    pause.release();
    let frames = numbered(&stream.rest().await);
    assert_eq!(seqs(&frames), (CLONING_SEQ + 1..=LAST_SEQ).collect::<Vec<_>>());
    let epoch = server.epoch(id).await;
    for frame in &frames {
        let event = frame.stage_event();
        assert_eq!(frame.id, Some(format!("{epoch}.{}", event.seq)));
        assert_eq!(frame.seq(), Some(event.progress.seq));
    }
    let last = frames.last().expect("the end").stage_event();
    assert_eq!((last.state, last.progress.status), (StageState::Done, Status::Ready));
    assert!((1..=16).contains(&epoch.len()), "{epoch}");
    assert!(epoch.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'), "{epoch}");
}

#[tokio::test]
async fn every_row_of_the_journal_is_one_frame_with_the_name_of_the_protocol() {
    let world = World::new().await;
    let server = world.server_with(&["--vsphere-network-timeout", "100ms"]).await;
    for (name, template, last) in [
        ("a", TEMPLATE, "ready"),
        ("b", "demo-flaky", "ready"),
        ("c", "demo-no-address", "failed"),
        ("d", "demo-fails-configuring", "failed"),
    ] {
        let id = server.ask(name, template).await.id;
        server.ended(id).await;
        let frames = server.all_events(id).await;
        let history = server.history(id).await;
        assert_eq!(frames.len(), history.len());
        for (frame, row) in frames.iter().zip(history) {
            let expected = match row.kind.as_str() {
                "VmRequested" | "VmProvisioningStarted" | "VmProvisioningProgressUpdated" => {
                    "stage"
                }
                "VmProvisioningTryFailed" => "retry",
                "VmProvisioned" => "ready",
                "VmProvisioningUndoStarted" | "VmProvisioningStepUndone" => "undo",
                "VmProvisioningFailed" => "failed",
                other => panic!("an event that this test does not expect: {other}"),
            };
            let event = frame.stage_event();
            assert_eq!(frame.name(), expected, "{frame:?}");
            assert_eq!((event.seq, event.kind, event.at), (row.seq, row.kind, row.recorded_at));
            let data = frame.json();
            assert!(data["progress"].get("serverTime").is_none(), "{frame:?}");
            let mut fields: Vec<&String> = data.as_object().expect("an object").keys().collect();
            fields.sort_unstable();
            assert_eq!(fields, ["at", "details", "progress", "seq", "stage", "state", "type"]);
        }
        assert_eq!(frames.last().map(Frame::name), Some(last));
    }
}

/// Percentages are told to those who watch, without an id, and gone.
#[tokio::test]
async fn vcenters_percentages_are_told_live_and_never_again() {
    let world = World::with_delay(Duration::from_millis(300)).await;
    let server = world.server().await;
    let id = server.ask("a", TEMPLATE).await.id;
    let frames = server.stream(id).await.rest().await;
    let live: Vec<Live> = frames
        .iter()
        .filter(|frame| frame.name() == "live")
        .map(|frame| {
            assert_eq!(frame.id, None, "{frame:?}");
            serde_json::from_value(frame.json()).expect("live data")
        })
        .collect();
    assert!(live.iter().any(|live| live.percent.is_some_and(|percent| percent <= 100)), "{live:?}");
    assert!(live.iter().any(|live| live.details.is_some()), "{live:?}");
    let again = server.stream_after(id, &format!("{}.0", server.epoch(id).await)).await;
    let again = { again }.rest().await;
    assert!(again.iter().all(|frame| frame.name() != "live"), "{again:?}");
}

/// The journal is written by one server and read by another: it looks by itself.
#[tokio::test]
async fn a_reader_at_another_server_sees_each_event_soon() {
    let world = World::new().await;
    let (writer, id, pause) = held_at_clone(&world, &[]).await;
    let power_on = world.script().pause_at(Operation::PowerOn);
    let reader = world.server().await;
    let (mut near, mut far) = (writer.stream(id).await, reader.stream(id).await);
    near.until_event("snapshot").await;
    far.until_event("snapshot").await;
    pause.release();
    let mut power_on = Some(power_on);
    let mut seen = Vec::new();
    while let Some(frame) = far.next().await {
        if !frame.is_numbered() {
            continue;
        }
        #[expect(clippy::disallowed_methods, reason = "both run on this machine's clock")]
        let late = Utc::now() - frame.stage_event().at.0;
        // It takes milliseconds, or a look of every second; how many is a bench's business.
        assert!(late.num_seconds() < 20, "{late} late: {frame:?}");
        if frame.stage_event().progress.current_stage == app::api::Stage::PoweringOn {
            drop(power_on.take());
        }
        seen.push(frame);
    }
    assert_eq!(seqs(&seen), (CLONING_SEQ + 1..=LAST_SEQ).collect::<Vec<_>>());
    assert_eq!(super::bytes(&numbered(&near.rest().await)), super::bytes(&seen));
}

#[tokio::test]
async fn many_readers_of_one_request_see_the_same_bytes() {
    let world = World::new().await;
    let (server, id, pause) = held_at_clone(&world, &[]).await;
    let mut readers = Vec::new();
    for _ in 0..50 {
        let mut stream = server.stream(id).await;
        stream.until_event("snapshot").await;
        readers.push(tokio::spawn(async move { numbered(&stream.rest().await) }));
    }
    pause.release();
    let mut first: Option<Vec<crate::support::Frame>> = None;
    for reader in readers {
        let frames = in_time("a reader's end", reader).await.expect("no panic");
        assert_eq!(frames.len(), usize::try_from(LAST_SEQ - CLONING_SEQ).expect("small"));
        let first = first.get_or_insert_with(|| frames.clone());
        assert_eq!(*first, frames);
    }
}

/// A page that hears nothing for a little longer than this knows that it is cut off.
#[tokio::test]
async fn a_quiet_stream_says_every_15_seconds_that_it_lives() {
    let world = World::new().await;
    let (server, id, _pause) = held_at_clone(&world, &[]).await;
    let quiet = Instant::now();
    let mut stream = server.stream(id).await;
    stream.until_event("snapshot").await;
    let ping = stream.next().await.expect("a ping");
    let after = quiet.elapsed();
    assert_eq!((ping.name(), ping.id.as_ref()), ("ping", None));
    assert!(after >= Duration::from_secs(14), "not before it is needed: {after:?}");
    let ping: Ping = serde_json::from_value(ping.json()).expect("a ping's data");
    #[expect(clippy::disallowed_methods, reason = "both run on this machine's clock")]
    let off = (Utc::now() - ping.server_time.0).num_milliseconds().abs();
    assert!(ping.seq == CLONING_SEQ && off < 30_000, "{ping:?}, {off} ms off");
}

#[tokio::test]
async fn a_stream_too_many_is_told_when_to_come_back() {
    let world = World::new().await;
    let (server, id, _pause) = held_at_clone(&world, &["--max-streams", "2"]).await;
    let first = server.stream(id).await;
    let _second = server.stream(id).await;
    let refused = server.get(&events(id)).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(refused.problem().kind, "urn:stagewatch:problem:too-many-streams");
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds >= 1));
    assert_eq!(server.get("/api/requests").await.status, 200, "others are served");
    drop(first);
    eventually("a free place", async || (server.stream(id).await.status == 200).then_some(()))
        .await;
}

/// A question for the headers alone is answered, and takes no place among the streams.
#[tokio::test]
async fn asking_for_the_headers_opens_no_stream() {
    let world = World::new().await;
    let (server, id, _pause) = held_at_clone(&world, &["--max-streams", "1"]).await;
    for _ in 0..3 {
        let reply = server.send(Method::HEAD, &events(id), &[], "").await;
        assert_eq!((reply.status, reply.body.as_str()), (200, ""));
        assert_eq!(reply.header("content-type"), "text/event-stream");
    }
    eventually("the only place", async || (server.stream(id).await.status == 200).then_some(()))
        .await;
}
