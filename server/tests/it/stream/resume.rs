//! Coming back: exactly what was missed, the same bytes, from every server, for ever.

use super::{CLONING_SEQ, LAST_SEQ, bytes, held_at_clone, seqs};
use crate::support::client::events;
use crate::support::server::TEMPLATE;
use crate::support::sse::numbered;
use crate::support::{Frame, TestServer, World};

/// What a reader gets who comes back after each of the events.
async fn assert_resumes(server: &TestServer, id: uuid::Uuid, live: &[Frame]) {
    let epoch = server.epoch(id).await;
    for seen in 0..live.len() {
        let after = format!("{epoch}.{seen}");
        let by_header = server.stream_after(id, &after).await.rest().await;
        let query = format!("{}?last_event_id={after}", events(id));
        let by_query = server.stream_at(&query, &[]).await.rest().await;
        for frames in [by_header, by_query] {
            assert!(frames[0].retry.is_some(), "{frames:?}");
            assert!(frames.iter().all(|frame| frame.name() != "snapshot"), "{frames:?}");
            assert_eq!(bytes(&numbered(&frames)), bytes(&live[seen..]), "after {after}");
        }
    }
}

#[tokio::test]
async fn a_middle_id_gives_exactly_what_follows_from_every_server_and_after_a_restart() {
    let world = World::new().await;
    let (server, id, pause) = held_at_clone(&world, &[]).await;
    // Seen live from the first event on, by one that brings the id before it.
    let mut stream = server.stream_after(id, &format!("{}.0", server.epoch(id).await)).await;
    let mut live = numbered(&stream.until_seq(CLONING_SEQ).await);
    pause.release();
    live.extend(numbered(&stream.rest().await));
    assert_eq!(seqs(&live), (1..=LAST_SEQ).collect::<Vec<_>>());

    assert_resumes(&server, id, &live).await;
    let other = world.server().await;
    assert_resumes(&other, id, &live).await;
    server.stop().await;
    other.kill();
    let restarted = world.server().await;
    assert_resumes(&restarted, id, &live).await;
}

/// Also what has more in it than the plain story: failed tries, undo, another slow limit.
#[tokio::test]
async fn frames_are_the_same_bytes_under_other_settings() {
    let world = World::new().await;
    let settings = ["--vsphere-network-timeout", "100ms", "--slow-after", "1ms"];
    let server = world.server_with(&settings).await;
    let mut seen = Vec::new();
    for (name, template) in
        [("a", TEMPLATE), ("b", "demo-flaky"), ("c", "demo-no-address"), ("d", TEMPLATE)]
    {
        let id = server.ask(name, template).await.id;
        let mut stream = server.stream(id).await;
        let snapshot = stream.until_event("snapshot").await;
        let from = usize::try_from(snapshot.seq().expect("a number")).expect("small");
        seen.push((id, from, numbered(&stream.rest().await)));
    }
    server.kill();
    // What is learned meanwhile, and set otherwise, changes nothing of what was told.
    let restarted = world.server_with(&["--slow-after", "1h"]).await;
    for (id, from, live) in seen {
        let again = restarted.all_events(id).await;
        assert_eq!(bytes(&again[from..]), bytes(&live));
    }
}

#[tokio::test]
async fn the_last_id_of_an_ended_request_is_told_that_there_is_no_more() {
    let world = World::new().await;
    let server = world.server().await;
    let id = server.ask("a", TEMPLATE).await.id;
    server.ended(id).await;
    let epoch = server.epoch(id).await;
    let last = format!("{epoch}.{LAST_SEQ}");
    for (path, header) in [
        (events(id), Some(last.as_str())),
        (format!("{}?last_event_id={last}", events(id)), None),
        (format!("{}?last_event_id={epoch}.1", events(id)), Some(last.as_str())),
        (format!("{}?format=text&last_event_id={last}", events(id)), None),
    ] {
        let headers: Vec<_> = header.map(|id| ("last-event-id", id)).into_iter().collect();
        let mut stream = server.stream_at(&path, &headers).await;
        assert_eq!(stream.status, 204, "{path} {header:?}");
        assert_eq!(stream.chunk().await, None);
    }
    // The header wins over the query, whatever the query says.
    let path = format!("{}?last_event_id={last}", events(id));
    let before_last = format!("{epoch}.{}", LAST_SEQ - 1);
    let mut stream = server.stream_at(&path, &[("last-event-id", &before_last)]).await;
    assert_eq!(seqs(&numbered(&stream.rest().await)), [LAST_SEQ]);
}

/// The last id so far of a request that goes on is no end.
#[tokio::test]
async fn the_newest_id_of_a_request_that_goes_on_waits_for_more() {
    let world = World::new().await;
    let (server, id, pause) = held_at_clone(&world, &[]).await;
    let newest = format!("{}.{CLONING_SEQ}", server.epoch(id).await);
    let mut stream = server.stream_after(id, &newest).await;
    assert_eq!(stream.status, 200);
    let first = stream.next().await.expect("the first block");
    assert!(first.retry.is_some(), "{first:?}");
    pause.release();
    let frames = numbered(&stream.rest().await);
    assert_eq!(seqs(&frames), (CLONING_SEQ + 1..=LAST_SEQ).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_id_of_another_journal_is_reset_and_begins_with_a_snapshot() {
    let world = World::new().await;
    let (server, id, pause) = held_at_clone(&world, &[]).await;
    let epoch = server.epoch(id).await;
    let wrong = [
        format!("{epoch}.{}", CLONING_SEQ + 1),
        format!("{epoch}.4294967295"),
        format!("{epoch}.99999999999999999999"),
        format!("{epoch}.-1"),
        format!("{epoch}.+1"),
        format!("{epoch}."),
        format!("{epoch}.1.1"),
        epoch.clone(),
        format!("{epoch} .1"),
        format!("other.{CLONING_SEQ}"),
        format!(".{CLONING_SEQ}"),
        format!("{}.1", epoch.to_uppercase() + "x"),
        "3".to_owned(),
        "é.1".to_owned(),
        "x".repeat(2_000),
    ];
    for last in &wrong {
        let mut stream = server.stream_after(id, last).await;
        assert_eq!(stream.status, 200, "{last:.60}");
        let frames = stream.until(|frame| frame.name() == "snapshot").await;
        let names: Vec<&str> = frames.iter().map(Frame::name).collect();
        assert_eq!(names, ["", "reset", "snapshot"], "{last:.60}");
        assert_eq!(frames[1].id, None);
        let reason = frames[1].json();
        assert!(reason["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{reason}");
        assert_eq!(frames[2].seq(), Some(CLONING_SEQ));
    }
    pause.release();
    server.ended(id).await;
    for last in [format!("other.{LAST_SEQ}"), format!("{epoch}.{}", LAST_SEQ + 1)] {
        let frames = server.stream_after(id, &last).await.rest().await;
        let names: Vec<&str> = frames.iter().map(Frame::name).collect();
        assert_eq!(names, ["", "reset", "snapshot"], "then it closes, since it has ended");
    }
}

/// A server that has not seen an event yet looks into the journal before it calls its id unknown.
#[tokio::test]
async fn an_id_that_only_another_server_has_seen_is_known() {
    let world = World::new().await;
    let (writer, id, pause) = held_at_clone(&world, &[]).await;
    let reader = world.server().await;
    let mut early = reader.stream(id).await;
    early.until_event("snapshot").await;
    pause.release();
    let last = writer.stream(id).await.rest().await.last().expect("the end").clone();
    let last = last.id.expect("an id");
    // At once, long before the reader's own next look.
    let stream = reader.stream_after(id, &last).await;
    assert_eq!(stream.status, 204);
    assert_eq!(numbered(&early.rest().await).last().expect("the end").seq(), Some(LAST_SEQ));
}

#[tokio::test]
async fn an_empty_id_is_none() {
    let world = World::new().await;
    let (server, id, _pause) = held_at_clone(&world, &[]).await;
    for path in [events(id), format!("{}?last_event_id=", events(id))] {
        let mut stream = server.stream_at(&path, &[("last-event-id", "")]).await;
        let frames = stream.until(|frame| frame.name() == "snapshot").await;
        assert_eq!(frames.len(), 2, "no reset: {frames:?}");
    }
}
