//! Another attempt of the same request: the earlier ones stay, and nothing is learned from them.

use std::time::Duration;

use app::api::{Request, Stage, StageState, Status};
use reqwest::Method;
use server::bootstrap::Waits;
use server::infrastructure::vsphere::simulated::{Failure, Operation};
use uuid::Uuid;

use super::failures::{fault, states};
use super::story::assert_numbered_in_order;
use crate::support::proxy::Proxy;
use crate::support::server::TEMPLATE;
use crate::support::sse::{Frame, numbered};
use crate::support::{Api, TestServer, World, in_time};

/// A request that failed in its second stage and is retryable.
async fn failed_once(world: &World, server: &TestServer) -> Uuid {
    world.script().fail(Operation::Reconfigure, 1, Failure::Refused(fault("HotPlugDenied")));
    let id = server.ask("build-agent-07", TEMPLATE).await.id;
    assert_eq!(server.ended(id).await.status, Status::Failed);
    assert_eq!(world.script().vms(), []);
    id
}

/// A program that is told of the end does not ask again, so what another server has begun a moment ago
/// must be seen, though nobody has told of it yet.
#[tokio::test]
async fn a_server_that_has_not_heard_of_a_retry_looks_before_it_says_that_all_is_over() {
    let world = World::new().await;
    let asked = world.server().await;
    let id = failed_once(&world, &asked).await;
    let proxy = Proxy::new(&world.database.options);
    let waits = Waits { look_interval: Duration::from_secs(3_600), ..Waits::default() };
    let deaf = world.server_that_waits(&proxy.url(), waits, &[]).await;
    deaf.ready().await;
    let seq = deaf.progress(id).await.seq;
    let last_id = format!("{}.{seq}", deaf.epoch(id).await);
    assert_eq!(deaf.stream_after(id, &last_id).await.status, 204, "it has ended");
    proxy.kill_listening();

    retry(&asked, id).await;

    let mut stream = deaf.stream_after(id, &last_id).await;
    assert_eq!(stream.status, 200, "it is no longer ended");
    assert_eq!(stream.until_event("attempt").await.seq(), Some(seq + 1));
}

async fn retry(api: &Api, id: Uuid) {
    let reply = api.retry(id).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    let request: Request = reply.read();
    assert_eq!((request.id, request.vm), (id, None));
}

/// How many durations were learned from a request that became ready, and their sum in milliseconds.
async fn learned(world: &World, id: Uuid) -> (i64, i64) {
    let sums = "select count(*), coalesce(sum(duration_ms), 0)::bigint
                from stage_durations where request_id = $1 and ready";
    sqlx::query_as(sums).bind(id).fetch_one(&world.database.pool).await.expect("the sums")
}

#[tokio::test]
async fn a_failed_request_is_tried_again_and_gets_ready_with_its_first_attempt_beside() {
    use StageState::{Done, Failed, Skipped, Undone};
    let world = World::new().await;
    let server = world.server().await;
    let id = failed_once(&world, &server).await;
    let before = server.progress(id).await;
    let last_id = format!("{}.{}", server.epoch(id).await, before.seq);
    assert_eq!(server.stream_after(id, &last_id).await.status, 204, "it has ended");
    assert_eq!(learned(&world, id).await, (0, 0));

    retry(&server, id).await;
    let told = numbered(&server.stream_after(id, &last_id).await.rest().await);
    assert_eq!(told.first().map(Frame::name), Some("attempt"), "it is no longer ended");
    assert_eq!(told.last().map(Frame::name), Some("ready"));
    let numbers: Vec<u32> = told.iter().filter_map(Frame::seq).collect();
    assert_eq!(numbers, (before.seq + 1..).take(told.len()).collect::<Vec<_>>());

    let progress = server.ended(id).await;
    assert_eq!((progress.status, progress.attempt), (Status::Ready, 2));
    assert!(progress.failure.is_none() && progress.undo.is_empty() && progress.left.is_empty());
    assert_eq!(states(&progress), [Done; 6]);
    let [first] = &progress.attempts[..] else { panic!("{:?}", progress.attempts) };
    assert_eq!((first.attempt, first.outcome), (1, Status::Failed));
    assert_eq!((first.started_at, first.ended_at), (before.started_at, before.ended_at));
    assert_eq!(first.failure, before.failure);
    let first_states: Vec<_> = first.stages.iter().map(|stage| stage.state).collect();
    assert_eq!(first_states, [Done, Undone, Failed, Skipped, Skipped, Skipped]);
    assert_numbered_in_order(&server.history(id).await);
    assert_eq!(world.vms_of(id).len(), 1);
    assert!(server.request(id).await.vm.is_some());

    let durations: u64 = progress.stages.iter().filter_map(|stage| stage.duration_ms).sum();
    let learned = learned(&world, id).await;
    assert_eq!((learned.0, u64::try_from(learned.1).ok()), (5, Some(durations)));
    let again = server.all_events(id).await;
    assert!(again.ends_with(&told), "the same bytes for whoever comes later");
}

#[tokio::test]
async fn an_attempt_keeps_its_failed_tries_and_what_was_undone() {
    let world = World::new().await;
    world.script().fail(Operation::Reconfigure, 1, Failure::Unreachable);
    let server = world.server().await;
    let id = failed_once(&world, &server).await;
    let before = server.progress(id).await;
    let [failed_try] = &before.tries[..] else { panic!("{:?}", before.tries) };
    assert_eq!((failed_try.number, failed_try.stage), (1, Stage::Configuring));
    assert!(failed_try.next_at.0 > failed_try.at.0, "{failed_try:?}");
    assert!(!before.undo.is_empty(), "the clone was removed");

    retry(&server, id).await;
    let progress = server.ended(id).await;
    assert_eq!((progress.status, progress.tries.len()), (Status::Ready, 0));
    let [first] = &progress.attempts[..] else { panic!("{:?}", progress.attempts) };
    assert_eq!((&first.tries, &first.undo), (&before.tries, &before.undo));
    assert_eq!((&first.left, first.tries_before), (&before.left, 0));
}

#[tokio::test]
async fn a_cancelled_request_is_tried_again() {
    let world = World::new().await;
    let server = world.server().await;
    let mut pause = world.script().pause_at(Operation::WaitForGuest);
    let id = server.ask("a", TEMPLATE).await.id;
    in_time("the wait for an address", pause.reached()).await;
    assert_eq!(server.cancel(id).await.status, 202);
    assert_eq!(server.ended(id).await.status, Status::Cancelled);
    pause.release();
    retry(&server, id).await;
    let progress = server.ended(id).await;
    assert_eq!((progress.status, progress.attempt), (Status::Ready, 2));
    assert_eq!(progress.attempts[0].outcome, Status::Cancelled);
    assert_eq!(world.vms_of(id).len(), 1);
}

#[tokio::test]
async fn attempts_add_up() {
    let world = World::new().await;
    let server = world.server().await;
    let id = server.ask("a", "demo-fails-configuring").await.id;
    for attempt in 1..=3 {
        let progress = server.ended(id).await;
        assert_eq!((progress.status, progress.attempt), (Status::Failed, attempt));
        let earlier: Vec<u32> = progress.attempts.iter().map(|earlier| earlier.attempt).collect();
        assert_eq!(earlier, (1..attempt).collect::<Vec<_>>());
        assert_eq!(world.script().vms(), []);
        retry(&server, id).await;
    }
    server.ended(id).await;
    assert_numbered_in_order(&server.history(id).await);
    assert_eq!(learned(&world, id).await, (0, 0), "no failed attempt counts as a good one");
    let broken_off = "select attempt from stage_durations
                      where request_id = $1 and censored and stage = 'CONFIGURING' order by attempt";
    let broken_off: Vec<i32> = sqlx::query_scalar(broken_off)
        .bind(id)
        .fetch_all(&world.database.pool)
        .await
        .expect("the attempts");
    assert_eq!(broken_off, [1, 2, 3, 4], "each says that the stage would have taken longer");
}

#[tokio::test]
async fn what_is_not_possible_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let server = world.server().await;
    let mut pause = world.script().pause_at(Operation::Clone);
    let id = server.ask("a", TEMPLATE).await.id;
    in_time("the clone", pause.reached()).await;
    let refused = server.retry(id).await;
    assert_eq!((refused.status, refused.problem().kind.as_str()), (409, WRONG_STATE), "it runs");
    pause.release();
    assert_eq!(server.ended(id).await.status, Status::Ready);
    let told = server.history(id).await;
    for refused in [server.retry(id).await, server.cancel(id).await] {
        assert_eq!((refused.status, refused.problem().kind.as_str()), (409, WRONG_STATE));
        assert!(refused.problem().detail.contains("ready"), "{refused:?}");
    }
    for wish in ["cancel", "retry"] {
        let nobodys = format!("/api/requests/{}/{wish}", Uuid::now_v7());
        assert_eq!(server.send(Method::POST, &nobodys, &[], "").await.problem().status, 404);
        let no_id = format!("/api/requests/7/{wish}");
        assert_eq!(server.send(Method::POST, &no_id, &[], "").await.problem().status, 404);
        let ours = format!("/api/requests/{id}/{wish}");
        assert_eq!(server.get(&ours).await.problem().status, 405);
        let json = [("content-type", "application/json")];
        let reply = server.send(Method::POST, &ours, &json, r#"{"force":true}"#).await;
        assert_eq!((reply.status, reply.wrong_fields()), (422, vec!["force".to_owned()]));
        let reply = server.send(Method::POST, &ours, &json, "{}").await;
        assert_eq!(reply.problem().status, 409, "an empty object is nothing");
        let foreign = [("sec-fetch-site", "cross-site")];
        assert_eq!(server.send(Method::POST, &ours, &foreign, "").await.problem().status, 403);
    }
    assert_eq!(server.history(id).await, told);
}

const WRONG_STATE: &str = "urn:stagewatch:problem:wrong-state";

/// What was left behind is gone on with: it is this request's own VM.
#[tokio::test]
async fn what_was_left_behind_is_gone_on_with_or_removed() {
    for wish in ["retry", "cancel", "retry, then cancel while queued"] {
        let world = World::new().await;
        let script = world.script();
        script.fail(Operation::Reconfigure, 1, Failure::Refused(fault("HotPlugDenied")));
        script.fail(Operation::Destroy, 1, Failure::Refused(fault("NoPermission")));
        let server = world.server_with(&["--workers", "1"]).await;
        let id = server.ask("a", TEMPLATE).await.id;
        assert_eq!(server.ended(id).await.status, Status::NeedsAttention);
        assert_eq!(world.vms_of(id).len(), 1);
        let (expected, vms) = match wish {
            "retry" => {
                retry(&server, id).await;
                (Status::Ready, 1)
            }
            "cancel" => {
                assert_eq!(server.cancel(id).await.status, 202);
                (Status::Cancelled, 0)
            }
            _ => {
                // Its only worker is busy, so the new attempt waits.
                let mut pause = script.pause_at(Operation::Clone);
                let other = server.ask("b", TEMPLATE).await.id;
                in_time("the only worker's clone", pause.reached()).await;
                retry(&server, id).await;
                assert_eq!(server.progress(id).await.status, Status::Queued);
                let reply = server.cancel(id).await;
                assert_eq!(reply.read::<Request>().status, Status::Undoing, "there is a VM");
                pause.release();
                assert_eq!(server.ended(other).await.status, Status::Ready);
                (Status::Cancelled, 0)
            }
        };
        let progress = server.ended(id).await;
        assert_eq!(progress.status, expected, "{wish}: {progress:#?}");
        assert_eq!(world.vms_of(id).len(), vms, "{wish}");
        assert!(progress.left.is_empty(), "{wish}");
        assert_numbered_in_order(&server.history(id).await);
    }
}

#[tokio::test]
async fn what_a_person_removed_by_hand_is_not_missed() {
    for (wish, expected, vms) in [("cancel", Status::Cancelled, 0), ("retry", Status::Ready, 1)] {
        let world = World::new().await;
        let script = world.script();
        script.fail(Operation::Reconfigure, 1, Failure::Refused(fault("HotPlugDenied")));
        script.fail(Operation::Destroy, 1, Failure::Refused(fault("NoPermission")));
        let server = world.server().await;
        let id = server.ask("a", TEMPLATE).await.id;
        assert_eq!(server.ended(id).await.status, Status::NeedsAttention);
        script.vanish("a").await.expect("an inventory");
        let wished =
            if wish == "cancel" { server.cancel(id).await } else { server.retry(id).await };
        assert_eq!(wished.status, 202, "{wished:?}");
        let progress = server.ended(id).await;
        assert_eq!((progress.status, progress.left), (expected, Vec::<String>::new()), "{wish}");
        assert_eq!(world.vms_of(id).len(), vms, "{wish}");
    }
}
