//! PostgreSQL can be read and takes no changes: readers are told so, nothing is accepted that is not
//! kept, and all goes on by itself.

use app::api::Status;
use server::infrastructure::vsphere::simulated::Operation;

use crate::saga::story::{assert_story, assert_uninterrupted};
use crate::support::client::{events, wish};
use crate::support::server::TEMPLATE;
use crate::support::sse::{EventStream, numbered};
use crate::support::{Api, Frame, World, eventually, in_time};

const READ_ONLY: &str = "PostgreSQL is read-only just now";
const DISK_FULL: &str = "PostgreSQL's disk is full";

/// A wish is refused, and the answer says why and when to come back. On a busy machine it may say once
/// that there was no answer in time.
async fn assert_refused(api: &Api, name: &str, why: &str) {
    eventually(why, async || {
        let reply = api.post(&wish(name, TEMPLATE)).await;
        assert_eq!(reply.status, 503, "{reply:?}");
        let problem = reply.problem();
        assert_eq!(problem.kind, "urn:stagewatch:problem:unavailable");
        assert!(reply.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds >= 1));
        problem.detail.contains(why).then_some(())
    })
    .await;
}

/// Reads on until it says that the journal does not go on, for this reason.
async fn until_degraded(stream: &mut EventStream, reason: &str) {
    let is_it = |frame: &Frame| frame.name() == "degraded" && frame.json()["reason"] == reason;
    stream.until(is_it).await;
}

fn is_well(frame: &Frame) -> bool {
    frame.name() == "ping" || frame.is_numbered()
}

#[tokio::test]
async fn a_read_only_postgresql_is_said_and_waited_for() {
    let world = World::new().await;
    let server = world.server().await;
    let mut pause = world.script().pause_at(Operation::PowerOn);
    let id = server.ask("a", TEMPLATE).await.id;
    in_time("the pause", pause.reached()).await;
    let mut stream = server.stream(id).await;
    let snapshot = stream.until_event("snapshot").await;
    let mut text = server.stream_at(&format!("{}?format=text", events(id)), &[]).await;

    // Nothing is being written just now, and it is noticed all the same.
    world.database.administer("alter database $name set default_transaction_read_only = on").await;
    world.database.end_sessions().await;
    until_degraded(&mut stream, READ_ONLY).await;
    text.until_line(READ_ONLY).await;
    assert_refused(&server, "b", "read-only").await;
    assert_eq!(server.progress(id).await.status, Status::Provisioning, "it can be read");
    let mut late = server.stream(id).await;
    until_degraded(&mut late, READ_ONLY).await;
    // vCenter goes on meanwhile; what it does must be recorded when that is possible again.
    pause.release();
    assert_refused(&server, "c", "read-only").await;

    world.database.administer("alter database $name reset default_transaction_read_only").await;
    world.database.end_sessions().await;
    let mut frames = stream.until(is_well).await;
    late.until(is_well).await;
    frames.extend(stream.rest().await);
    let numbers: Vec<u32> = numbered(&frames).iter().filter_map(Frame::seq).collect();
    let first = snapshot.seq().expect("a number") + 1;
    assert_eq!(numbers, (first..).take(numbers.len()).collect::<Vec<_>>());
    assert_eq!(server.ended(id).await.status, Status::Ready);
    assert_story(&server.history(id).await);
    // What was refused is not there, and can be asked for now.
    for name in ["b", "c"] {
        eventually("an accepted wish", async || {
            let reply = server.post(&wish(name, TEMPLATE)).await;
            assert!(matches!(reply.status, 201 | 503), "{reply:?}");
            (reply.status == 201).then_some(())
        })
        .await;
    }
}

/// PostgreSQL looks well to whoever only reads; the write that fails says otherwise, and a write that
/// would be taken says that it is over, although nobody writes.
#[tokio::test]
async fn a_full_disk_is_said_although_everything_can_be_read() {
    let world = World::new().await;
    let server = world.server().await;
    let mut pause = world.script().pause_at(Operation::PowerOn);
    let id = server.ask("a", TEMPLATE).await.id;
    in_time("the pause", pause.reached()).await;
    let mut stream = server.stream(id).await;
    stream.until_event("snapshot").await;
    let mut text = server.stream_at(&format!("{}?format=text", events(id)), &[]).await;

    // As PostgreSQL says it when the table cannot grow.
    sqlx::raw_sql(
        "create function is_full() returns trigger language plpgsql as
             $$ begin raise sqlstate '53100' using message = 'could not extend file'; end $$;
         create trigger is_full before insert on events for each row execute function is_full();",
    )
    .execute(&world.database.pool)
    .await
    .expect("a trigger");
    assert_refused(&server, "b", "disk is full").await;
    until_degraded(&mut stream, DISK_FULL).await;
    until_degraded(&mut server.stream(id).await, DISK_FULL).await;
    text.until_line(DISK_FULL).await;
    assert_eq!(server.progress(id).await.status, Status::Provisioning, "it can be read");
    // So do the pages, before anything moves on them.
    for page in [format!("/requests/{id}"), "/".to_owned()] {
        let reply = server.get(&page).await;
        assert_eq!(reply.status, 200);
        assert!(reply.body.contains("but PostgreSQL's disk is full"), "{page}");
    }
    // The form is given back with what was typed, and says why.
    let typed =
        format!("/requests/new?name=c&template={TEMPLATE}&cpus=2&memoryMib=4096&tried=true");
    let form = server.get(&typed).await.body;
    assert!(form.contains("since its disk is full"), "{form}");

    sqlx::query("drop trigger is_full on events").execute(&world.database.pool).await.unwrap();
    stream.until(is_well).await;
    text.until_line("PostgreSQL is back").await;
    assert_eq!(server.post(&wish("b", TEMPLATE)).await.status, 201);
    let journal: i64 = sqlx::query_scalar("select count(*) from vm_requests")
        .fetch_one(&world.database.pool)
        .await
        .expect("a number");
    assert_eq!(journal, 2, "trying left nothing behind");
    pause.release();
    assert_eq!(server.ended(id).await.status, Status::Ready);
    assert_uninterrupted(&server, id).await;
}
