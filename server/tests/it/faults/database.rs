//! PostgreSQL is away, or only seems to be there.

use std::time::{Duration, Instant};

use app::api::Status;
use reqwest::Method;
use server::infrastructure::vsphere::simulated::Operation;
use uuid::Uuid;

use crate::saga::story::{assert_story, assert_uninterrupted};
use crate::support::client::{events, wish};
use crate::support::proxy::Proxy;
use crate::support::server::TEMPLATE;
use crate::support::sse::numbered;
use crate::support::{Api, Frame, World, eventually, in_time};

/// The API promises its 503 within 3 s. A busy machine may take longer to say so, but no answer may
/// wait for PostgreSQL.
const PROMISED: Duration = Duration::from_secs(20);

/// Asks everything that needs PostgreSQL at once, and asserts that each answer says that it is away.
async fn assert_away(api: &Api, id: Uuid) {
    // A request that nobody watches, so that nothing of it is in memory.
    let paths = [
        "/api/requests".to_owned(),
        format!("/api/requests/{id}"),
        format!("/api/requests/{id}/provisioning-progress"),
        format!("/api/requests/{id}/history"),
        events(Uuid::now_v7()),
        format!("{}?format=text", events(Uuid::now_v7())),
    ];
    let mut asking = tokio::task::JoinSet::new();
    for path in paths {
        let api = api.clone();
        asking.spawn(async move { timed(&api, Method::GET, path).await });
    }
    for key in [None, Some("key")] {
        let api = api.clone();
        asking.spawn(async move {
            let begun = Instant::now();
            let key: Vec<_> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
            let reply = api.post_with(&key, &wish("unlucky", TEMPLATE)).await;
            (format!("POST with {key:?}"), reply, begun.elapsed())
        });
    }
    while let Some(asked) = asking.join_next().await {
        let (what, reply, took) = asked.expect("no panic");
        assert_eq!(reply.status, 503, "{what}: {reply:?}");
        assert_eq!(reply.problem().kind, "urn:stagewatch:problem:unavailable", "{what}");
        assert!(reply.header("retry-after").parse::<u32>().is_ok_and(|s| s >= 1), "{what}");
        assert!(took < PROMISED, "{what} took {took:?}");
    }
    let (_, ready, took) = timed(api, Method::GET, "/readyz".to_owned()).await;
    assert_eq!(ready.status, 503, "{ready:?}");
    assert!(!ready.header("retry-after").is_empty(), "{ready:?}");
    assert!(took < PROMISED, "/readyz took {took:?}");
    assert_eq!(api.get("/healthz").await.status, 200, "the process itself is well");
    assert_eq!(api.get("/api/templates").await.status, 200, "vCenter is there");
    for page in ["/".to_owned(), format!("/requests/{id}")] {
        let (_, reply, took) = timed(api, Method::GET, page.clone()).await;
        assert_eq!(reply.status, 503, "{page}");
        assert!(!reply.header("retry-after").is_empty(), "{page}");
        assert!(took < PROMISED, "{page} took {took:?}");
    }
}

async fn timed(
    api: &Api,
    method: Method,
    path: String,
) -> (String, crate::support::Reply, Duration) {
    let begun = Instant::now();
    let reply = api.send(method, &path, &[], "").await;
    (path, reply, begun.elapsed())
}

/// How a link to PostgreSQL is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// Connections break, and new ones are refused.
    Cut,
    /// Nothing is answered any more, and nothing says so.
    Dead,
}

/// A link that is lost in the middle of a provisioning and comes back.
async fn lose_and_restore(loss: Loss) {
    let world = World::new().await;
    let mut proxy = Proxy::new(&world.database.options);
    let server = world.server_at(&proxy.url(), &["--lease", "3s"]).await;
    let mut pause = world.script().pause_at(Operation::PowerOn);
    server.ready().await;
    let id = server.ask("a", TEMPLATE).await.id;
    in_time("the pause", pause.reached()).await;
    let mut stream = server.stream(id).await;
    let snapshot = stream.until_event("snapshot").await;

    match loss {
        Loss::Cut => proxy.cut(),
        Loss::Dead => proxy.die(),
    }
    let degraded = stream.until_event("degraded").await;
    assert!(degraded.id.is_none() && degraded.json()["reason"].is_string(), "{degraded:?}");
    assert_away(&server, id).await;
    // Who comes now to what is known here sees it, and that it may be old.
    let mut late = server.stream(id).await;
    assert_eq!(late.until_event("snapshot").await.progress().seq, snapshot.progress().seq);
    late.until_event("degraded").await;
    // vCenter goes on meanwhile: what it does must be recorded when that is possible again.
    pause.release();

    proxy.restore();
    let back = Instant::now();
    // What was missed, or word that there is nothing: whatever comes first says that all is well.
    let is_well = |frame: &Frame| frame.name() == "ping" || frame.is_numbered();
    let mut frames = stream.until(is_well).await;
    late.until(is_well).await;
    eventually("the API", async || {
        (server.get(&format!("/api/requests/{id}")).await.status == 200).then_some(())
    })
    .await;
    assert!(back.elapsed() < Duration::from_secs(40), "back after {:?}", back.elapsed());
    frames.extend(stream.rest().await);
    let numbers: Vec<_> = numbered(&frames).iter().filter_map(Frame::seq).collect();
    let first = snapshot.seq().expect("a number") + 1;
    assert_eq!(numbers, (first..).take(numbers.len()).collect::<Vec<_>>());
    assert_eq!(server.progress(id).await.status, Status::Ready);
    assert_story(&server.history(id).await);
    assert_eq!(world.vms_of(id).len(), 1);
    assert_eq!(server.get("/readyz").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_postgresql_that_is_gone_is_said_and_waited_for() {
    lose_and_restore(Loss::Cut).await;
}

#[tokio::test]
async fn a_postgresql_that_answers_nothing_more_is_said_and_waited_for() {
    lose_and_restore(Loss::Dead).await;
}

#[tokio::test]
async fn a_postgresql_that_is_not_there_at_the_start_is_waited_for() {
    let world = World::new().await;
    let mut proxy = Proxy::new(&world.database.options);
    proxy.cut();
    let server = world.server_at(&proxy.url(), &[]).await;
    assert_away(&server, Uuid::now_v7()).await;
    proxy.restore();
    server.ready().await;
    let id = server.ask("a", TEMPLATE).await.id;
    assert_eq!(server.ended(id).await.status, Status::Ready);
}

/// A stop must not wait for a database that answers nothing.
#[tokio::test]
async fn a_server_without_its_database_can_be_stopped() {
    for loss in [Loss::Cut, Loss::Dead] {
        let world = World::new().await;
        let mut proxy = Proxy::new(&world.database.options);
        let server = world.server_at(&proxy.url(), &[]).await;
        let mut pause = world.script().pause_at(Operation::Clone);
        server.ready().await;
        let id = server.ask("a", TEMPLATE).await.id;
        in_time("the pause", pause.reached()).await;
        let mut stream = server.stream(id).await;
        stream.until_event("snapshot").await;
        match loss {
            Loss::Cut => proxy.cut(),
            Loss::Dead => proxy.die(),
        }
        stream.until_event("degraded").await;
        let begun = Instant::now();
        server.stop().await;
        assert!(begun.elapsed() < Duration::from_secs(15), "{loss:?}: {:?}", begun.elapsed());
        drop(pause);
    }
}

/// The transaction was committed, and the server never heard of it: the event is there once, and its
/// readers get it all the same.
#[tokio::test]
async fn a_commit_whose_reply_was_lost_is_recorded_and_told_once() {
    for operation in [Operation::Clone, Operation::PowerOn, Operation::WaitForGuest] {
        let world = World::new().await;
        let proxy = Proxy::new(&world.database.options);
        let server = world.server_at(&proxy.url(), &[]).await;
        server.ready().await;
        let mut pause = world.script().pause_at(operation);
        let id = server.ask("a", TEMPLATE).await.id;
        in_time("the pause", pause.reached()).await;
        let mut stream = server.stream(id).await;
        let head = stream.until_event("snapshot").await.seq().expect("a number");
        proxy.lose_next_commit_reply();
        pause.release();
        let frames = numbered(&stream.rest().await);
        assert!(!proxy.still_loses_a_commit_reply(), "{operation:?}: it was lost");
        assert_eq!(frames.first().and_then(Frame::seq), Some(head + 1));
        assert_uninterrupted(&server, id).await;
        assert_eq!(server.progress(id).await.status, Status::Ready);
    }
}

/// The same for what is recorded of a failure: a try that failed is told once.
#[tokio::test]
async fn a_failed_try_whose_commit_was_not_heard_of_is_told_once() {
    let world = World::new().await;
    let proxy = Proxy::new(&world.database.options);
    let server = world.server_at(&proxy.url(), &[]).await;
    server.ready().await;
    let mut pause = world.script().pause_after(Operation::PowerOn);
    let id = server.ask("a", "demo-flaky").await.id;
    in_time("the pause", pause.reached()).await;
    proxy.lose_next_commit_reply();
    pause.release();
    assert_eq!(server.ended(id).await.status, Status::Ready);
    let history = server.history(id).await;
    let tries: Vec<_> =
        history.iter().filter(|item| item.kind == "VmProvisioningTryFailed").collect();
    assert_eq!(tries.len(), 2, "the flaky template fails twice: {history:#?}");
    assert_story(&history);
}

/// Somebody cancelled between such a commit and its repetition: nothing more is changed in vCenter.
#[tokio::test]
async fn a_cancellation_behind_a_commit_that_was_not_heard_of_is_noticed() {
    let world = World::new().await;
    let proxy = Proxy::new(&world.database.options);
    let server = world.server_at(&proxy.url(), &[]).await;
    server.ready().await;
    let mut pause = world.script().pause_at(Operation::Clone);
    let id = server.ask("a", TEMPLATE).await.id;
    in_time("the pause", pause.reached()).await;
    // In the same transaction, so that it is always there before the next look.
    sqlx::raw_sql(
        "create function is_cancelled() returns trigger language plpgsql as $$ begin
             if new.type = 'VmProvisioningProgressUpdated' then
                 insert into events (request_id, seq, type, schema_version, payload) values
                     (new.request_id, new.seq + 1, 'VmProvisioningCancelRequested', 1, '{\"by\": \"local\"}');
                 update vm_requests set last_seq = new.seq + 1, status = 'undoing' where id = new.request_id;
             end if;
             return null;
         end $$;
         create trigger is_cancelled after insert on events for each row execute function is_cancelled();",
    )
    .execute(&world.database.pool)
    .await
    .expect("a trigger");
    proxy.lose_next_commit_reply();
    pause.release();
    assert_eq!(server.ended(id).await.status, Status::Cancelled);
    assert!(!proxy.still_loses_a_commit_reply(), "it was lost");
    let calls = world.script().calls();
    assert!(calls.iter().all(|call| call.operation != Operation::Reconfigure), "{calls:#?}");
    assert_eq!(world.vms_of(id).len(), 0);
}
