//! How streams end: with their request, and with the server.

use super::{LAST_SEQ, held_at_clone};
use crate::support::client::events;
use crate::support::server::TEMPLATE;
use crate::support::sse::Frame;
use crate::support::{World, in_time};

#[tokio::test]
async fn an_ended_request_is_a_snapshot_and_the_end() {
    let world = World::new().await;
    let server = world.server_with(&["--vsphere-network-timeout", "100ms"]).await;
    for (name, template) in [("a", TEMPLATE), ("b", "demo-no-address")] {
        let id = server.ask(name, template).await.id;
        server.ended(id).await;
        let mut stream = server.stream(id).await;
        assert_eq!(stream.status, 200);
        let frames = stream.rest().await;
        let names: Vec<&str> = frames.iter().map(Frame::name).collect();
        assert_eq!(names, ["", "snapshot"]);
        let progress = frames[1].progress();
        assert!(progress.status.has_ended() && !progress.slow, "{progress:?}");
        assert_eq!(progress.estimate, None);
    }
}

#[tokio::test]
async fn the_stream_ends_with_the_last_event() {
    let world = World::new().await;
    let (server, id, pause) = held_at_clone(&world, &[]).await;
    let mut stream = server.stream(id).await;
    stream.until_event("snapshot").await;
    pause.release();
    let frames = stream.rest().await;
    let last = frames.last().expect("the end");
    assert_eq!((last.name(), last.seq()), ("ready", Some(LAST_SEQ)));
}

/// Each at a moment of its own, and as a whole answer: not by a broken connection.
#[tokio::test]
async fn a_server_that_stops_ends_all_its_streams() {
    let world = World::new().await;
    let (server, id, pause) = held_at_clone(&world, &[]).await;
    let mut streams = Vec::new();
    for number in 0..40 {
        let text = if number % 4 == 0 { "?format=text" } else { "" };
        let mut stream = server.stream_at(&format!("{}{text}", events(id)), &[]).await;
        stream.chunk().await.expect("the first bytes");
        streams.push(stream);
    }
    server.stop().await;
    for mut stream in streams {
        in_time("the stream's end", async { while stream.chunk().await.is_some() {} }).await;
    }
    pause.release();
}

/// Its readers wait to begin anew until the journal can be read again. A server that stops meanwhile
/// does not wait for that.
#[tokio::test]
async fn a_server_that_stops_ends_also_the_streams_that_wait_for_another_journal() {
    let world = World::new().await;
    let (server, id, pause) = held_at_clone(&world, &[]).await;
    let mut streams = Vec::new();
    for format in ["", "?format=text"].repeat(4) {
        let mut stream = server.stream_at(&format!("{}{format}", events(id)), &[]).await;
        stream.chunk().await.expect("the first bytes");
        streams.push(stream);
    }
    let mut board = server.stream_at("/api/requests/events", &[]).await;
    board.until_event("ping").await;
    // Another journal, whose end can be seen, and which cannot be read.
    let mut transaction = world.database.pool.begin().await.expect("a transaction");
    for statement in [
        "update journal set id = gen_random_uuid()",
        "alter table events rename column payload to payload_that_is_away",
    ] {
        sqlx::query(statement).execute(&mut *transaction).await.expect("a change");
    }
    transaction.commit().await.expect("a commit");
    board.until_event("reset").await;
    server.stop().await;
    for mut stream in streams {
        in_time("the stream's end", async { while stream.chunk().await.is_some() {} }).await;
    }
    pause.release();
}
