//! A backup is restored under a running server: readers are told, and begin anew.

use app::api::Status;
use server::infrastructure::vsphere::simulated::{Operation, Pause};
use uuid::Uuid;

use crate::support::client::events;
use crate::support::proxy::Proxy;
use crate::support::server::TEMPLATE;
use crate::support::sse::{EventStream, numbered};
use crate::support::{Frame, TestServer, World, eventually, in_time};

/// Two stages at which a request is held: a backup is made in the first, and it has gone on to the
/// second when that is restored.
async fn held_twice(world: &World, server: &TestServer) -> (Uuid, Pause, Pause) {
    let mut first = world.script().pause_at(Operation::Clone);
    let second = world.script().pause_at(Operation::PowerOn);
    let id = server.ask("a", TEMPLATE).await.id;
    in_time("the first pause", first.reached()).await;
    (id, first, second)
}

/// A stream is told that the journal is another one, and goes on from what that one has.
async fn assert_reset(stream: &mut EventStream, old: &Frame) -> Frame {
    let frames = stream.until(|frame| frame.name() == "snapshot").await;
    let reset = frames.iter().position(|frame| frame.name() == "reset").expect("a reset");
    assert_eq!(reset + 2, frames.len(), "the snapshot follows it: {frames:#?}");
    assert_eq!(frames[reset].id, None);
    let snapshot = frames[reset + 1].clone();
    let epoch = |frame: &Frame| frame.id.as_ref().unwrap().rsplit_once('.').unwrap().0.to_owned();
    assert_ne!(epoch(&snapshot), epoch(old), "under another identity");
    snapshot
}

/// All the rest of a stream follows on its snapshot, and it gets ready.
async fn assert_goes_on(
    world: &World,
    server: &TestServer,
    stream: &mut EventStream,
    from: &Frame,
) {
    let id = from.progress().request_id;
    let rest = numbered(&stream.rest().await);
    let numbers: Vec<u32> = rest.iter().filter_map(Frame::seq).collect();
    let first = from.seq().expect("a number") + 1;
    assert_eq!(numbers, (first..).take(numbers.len()).collect::<Vec<_>>());
    assert_eq!(server.ended(id).await.status, Status::Ready);
    assert_eq!(world.vms_of(id).len(), 1);
}

#[tokio::test]
async fn a_backup_that_is_restored_under_a_running_server_resets_its_readers() {
    let world = World::new().await;
    let mut proxy = Proxy::new(&world.database.options);
    let server = world.server_at(&proxy.url(), &[]).await;
    server.ready().await;
    let (id, first, mut second) = held_twice(&world, &server).await;
    let mut stream = server.stream(id).await;
    stream.until_event("snapshot").await;
    // The backup. A database is copied only while nobody uses it.
    proxy.cut();
    stream.until_event("degraded").await;
    world.database.end_sessions().await;
    world.database.administer("create database $name_backup template $name").await;
    proxy.restore();
    let is_well = |frame: &Frame| frame.name() == "ping" || frame.is_numbered();
    stream.until(is_well).await;

    first.release();
    in_time("the second pause", second.reached()).await;
    let newest = eventually("the stage of the second pause", async || {
        let progress = server.progress(id).await;
        (progress.current_stage == app::api::Stage::PoweringOn).then_some(progress.seq)
    })
    .await;
    let seen = stream.until_seq(newest).await.last().expect("the newest").clone();
    let mut board = server.stream_at("/api/requests/events", &[]).await;
    board.until_event("ping").await;
    let mut text = server.stream_at(&format!("{}?format=text", events(id)), &[]).await;
    text.chunk().await.expect("the lines so far");

    proxy.cut();
    stream.until_event("degraded").await;
    world.database.administer("drop database $name with (force)").await;
    world.database.administer("alter database $name_backup rename to $name").await;
    proxy.restore();
    let snapshot = assert_reset(&mut stream, &seen).await;
    assert!(snapshot.seq() < seen.seq(), "the backup is of before: {snapshot:?}");
    board.until_event("reset").await;
    let place = board.until_event("ping").await.id.expect("where to go on from");
    text.until_line("The journal is another one").await;
    // Who comes back with an id of before, also one that the backup has too, is told the same.
    let (epoch, _) = seen.id.as_ref().expect("an id").rsplit_once('.').expect("a number");
    assert!(!place.starts_with(epoch), "{place}");
    for seq in [2, newest] {
        let mut late = server.stream_after(id, &format!("{epoch}.{seq}")).await;
        assert_reset(&mut late, &seen).await;
    }
    second.release();
    assert_goes_on(&world, &server, &mut stream, &snapshot).await;
}

/// What was put back in place has the identity of before; it shows by what is missing.
#[tokio::test]
async fn a_journal_that_was_put_back_in_place_resets_its_readers() {
    let world = World::new().await;
    let server = world.server().await;
    let other = world.server().await;
    let (id, first, mut second) = held_twice(&world, &server).await;
    first.release();
    in_time("the second pause", second.reached()).await;
    let (mut stream, mut elsewhere) = (server.stream(id).await, other.stream(id).await);
    let seen = stream.until_event("snapshot").await;
    elsewhere.until_event("snapshot").await;

    let mut transaction = world.database.pool.begin().await.expect("a transaction");
    for statement in [
        "delete from events where request_id = $1 and seq > 3",
        "update vm_requests set last_seq = 3, checkpoint = null where id = $1",
        "update provisioning_progress set stage = 'CLONING' where vm_request_id = $1",
    ] {
        sqlx::query(statement).bind(id).execute(&mut *transaction).await.expect("a change");
    }
    transaction.commit().await.expect("a commit");
    let snapshot = assert_reset(&mut stream, &seen).await;
    assert_eq!(snapshot.seq(), Some(3));
    let there = assert_reset(&mut elsewhere, &seen).await;
    second.release();
    assert_goes_on(&world, &server, &mut stream, &snapshot).await;
    let (here, there) = (server.epoch(id).await, there.id.expect("an id"));
    assert_eq!(other.epoch(id).await, here, "both servers agree, whoever noticed it: {there}");
}
