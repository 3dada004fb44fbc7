//! "Taking longer than usual": told when the limit passes, in every form, until the end.

use app::api::Slow;
use server::infrastructure::vsphere::simulated::Operation;

use super::{CLONING_SEQ, held_at_clone};
use crate::support::client::events;
use crate::support::server::TEMPLATE;
use crate::support::{World, eventually};

const MESSAGE: &str = "Provisioning is taking longer than usual...";

#[tokio::test]
async fn a_slow_provisioning_is_told_in_page_stream_and_text() {
    let world = World::new().await;
    // Nothing is slow before a worker has started, so the reader is there in time.
    let start = world.script().pause_at(Operation::Vcenter);
    let mut pause = world.script().pause_at(Operation::Clone);
    let server = world.server_with(&["--slow-after", "300ms"]).await;
    let id = server.ask("a", TEMPLATE).await.id;
    let mut stream = server.stream(id).await;
    let mut text = server.stream_at(&format!("{}?format=text", events(id)), &[]).await;
    let snapshot = stream.until_event("snapshot").await.progress();
    assert!(!snapshot.slow && snapshot.started_at.is_none(), "{snapshot:?}");
    start.release();

    let slow = stream.until_event("slow").await;
    assert_eq!(slow.id, None);
    let slow: Slow = serde_json::from_value(slow.json()).expect("the data of slow");
    assert_eq!(slow.message, MESSAGE);
    assert!((300..10_000).contains(&slow.elapsed_ms), "{slow:?}");

    let progress = server.progress(id).await;
    assert!(progress.slow && progress.elapsed_ms >= 300, "{progress:?}");
    assert_eq!((progress.message.as_deref(), progress.slow_after_ms), (Some(MESSAGE), 300));
    let late = server.stream(id).await.until_event("snapshot").await.progress();
    assert!(late.slow && late.message.as_deref() == Some(MESSAGE), "{late:?}");
    // A reader who was away when the limit passed, and gets no snapshot, is told at once.
    pause.reached().await;
    let back = format!("{}.{CLONING_SEQ}", server.epoch(id).await);
    server.stream_after(id, &back).await.until_event("slow").await;
    let mut lines = String::new();
    while !lines.contains(MESSAGE) {
        lines.push_str(&text.chunk().await.expect("more lines"));
    }
    let page = server.get(&format!("/requests/{id}")).await;
    assert!(page.body.contains(MESSAGE), "the page says so too");

    pause.release();
    let rest = stream.rest().await;
    assert!(rest.iter().all(|frame| frame.name() != "slow"), "it is told once: {rest:?}");
    for frame in server.all_events(id).await {
        let progress = frame.stage_event().progress;
        let expected = progress.elapsed_ms >= 300 && !progress.status.has_ended();
        assert_eq!(progress.slow, expected, "as of its own moment: {frame:?}");
        assert_eq!(progress.message.is_some(), expected, "{frame:?}");
    }
    let ended = server.progress(id).await;
    assert!(!ended.slow && ended.message.is_none(), "after the end it is not slow: {ended:?}");
}

#[tokio::test]
async fn what_is_not_slow_yet_is_not_called_so() {
    let world = World::new().await;
    let (server, id, pause) = held_at_clone(&world, &["--slow-after", "10m"]).await;
    let mut stream = server.stream(id).await;
    let snapshot = stream.until_event("snapshot").await.progress();
    assert!(!snapshot.slow && snapshot.message.is_none());
    pause.release();
    let frames = stream.rest().await;
    assert!(frames.iter().all(|frame| frame.name() != "slow"), "{frames:?}");
}

/// The limit is counted from a worker's start, not from the wish.
#[tokio::test]
async fn waiting_for_a_worker_is_not_slow() {
    let world = World::new().await;
    let (server, first, pause) =
        held_at_clone(&world, &["--slow-after", "100ms", "--workers", "1"]).await;
    let second = server.ask("second", TEMPLATE).await.id;
    eventually("the first to be slow", async || server.progress(first).await.slow.then_some(()))
        .await;
    let progress = server.progress(second).await;
    assert!(!progress.slow && progress.started_at.is_none(), "{progress:?}");
    let waiting = progress.waiting.expect("what it waits for");
    assert_eq!((waiting.waiting_for, waiting.ahead), (app::api::WaitingFor::Worker, Some(0)));
    let third = server.ask("third", TEMPLATE).await.id;
    let waiting = server.progress(third).await.waiting.expect("what it waits for");
    assert_eq!(waiting.ahead, Some(1));
    pause.release();
    server.ended(third).await;
}
