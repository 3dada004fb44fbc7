//! Servers that die, and servers that only seem to: the VM is made once, whoever goes on.

use std::time::Duration;

use app::api::Status;
use server::infrastructure::vsphere::simulated::{Failure, Operation, Pause, Script};
use uuid::Uuid;

use super::story::{assert_numbered_in_order, assert_story};
use crate::support::server::TEMPLATE;
use crate::support::{Api, World, eventually, in_time};

/// A request whose making is held at a point of the test's choice.
async fn held(world: &World, api: &Api, mut pause: Pause) -> (Uuid, Pause) {
    let request = api.ask("build-agent-07", TEMPLATE).await;
    in_time("the point to die at", pause.reached()).await;
    assert!(world.vms_of(request.id).len() <= 1);
    (request.id, pause)
}

/// The VM is there once, and the journal tells the story once, with somebody going on in it.
async fn assert_gone_on(world: &World, api: &Api, request: Uuid) {
    assert_eq!(api.ended(request).await.status, Status::Ready);
    let history = api.history(request).await;
    assert_story(&history);
    let resumed = history.iter().filter(|item| item.kind == "VmProvisioningResumed").count();
    assert_eq!(resumed, 1, "{history:#?}");
    assert_eq!(world.vms_of(request).len(), 1);
    assert_eq!(world.script().vms().len(), 1, "no other VM either");
}

/// Kills the server where `pause` holds it, and lets another one go on.
async fn kill_and_go_on(pause: impl Fn(&Script) -> Pause) {
    let world = World::new().await;
    let killed = world.server().await;
    let (request, pause) = held(&world, &killed, pause(&world.script())).await;
    killed.kill();
    world.database.end_leases_of_the_dead().await;
    pause.release();
    let next = world.server().await;
    assert_gone_on(&world, &next, request).await;
}

#[tokio::test]
async fn a_server_that_died_before_a_call_to_vcenter_is_replaced() {
    for operation in [
        Operation::FindByInstanceUuid,
        Operation::Clone,
        Operation::Reconfigure,
        Operation::Customize,
        Operation::PowerOn,
        Operation::WaitForGuest,
    ] {
        eprintln!("before {operation:?}");
        kill_and_go_on(|script| script.pause_at(operation)).await;
    }
}

/// The call had its effect, and nobody heard of it.
#[tokio::test]
async fn a_server_that_died_after_a_call_to_vcenter_is_replaced() {
    for operation in [
        Operation::Clone,
        Operation::Reconfigure,
        Operation::Customize,
        Operation::PowerOn,
        Operation::WaitForTask,
    ] {
        eprintln!("after {operation:?}");
        kill_and_go_on(|script| script.pause_after(operation)).await;
    }
}

/// The page, the stream and the text say who went on, where, and whether with the same task.
#[tokio::test]
async fn the_next_server_says_where_it_went_on_and_that_it_is_the_same_task() {
    let world = World::with_delay(Duration::from_secs(3_600)).await;
    let killed = world.server().await;
    let id = killed.ask("a", TEMPLATE).await.id;
    world.task_runs(id).await;
    killed.kill();
    world.database.end_leases_of_the_dead().await;
    let next = world.server().await;
    let said = "the service restarted, resumed at Cloning from template, same vCenter task";
    let progress = eventually("the resumption", async || {
        let progress = next.progress(id).await;
        (progress.seq > 3).then_some(progress)
    })
    .await;
    assert_eq!(progress.details.as_deref(), Some(said));
    let begin = format!("{}.0", next.epoch(id).await);
    let told = next.stream_after(id, &begin).await.until_event("resumed").await.stage_event();
    assert_eq!(told.details.as_deref(), Some(said));
    let page = next.get(&format!("/requests/{id}")).await.body;
    assert!(page.contains(said), "{page}");
    let history = next.get(&format!("/requests/{id}/history")).await.body;
    assert!(history.contains("The service restarted, resumed at Cloning"), "{history}");
}

/// Lets all that happened to a request have happened an hour earlier.
async fn an_hour_passes(world: &World, request: Uuid) {
    for older in [
        "update events set recorded_at = recorded_at - interval '1 hour' where request_id = $1",
        "update vm_requests set checkpoint = jsonb_set(checkpoint, '{task,since}',
             to_jsonb((checkpoint#>>'{task,since}')::timestamptz - interval '1 hour'))
         where id = $1",
    ] {
        let done = sqlx::query(older).bind(request).execute(&world.database.pool).await;
        assert!(done.expect("an update").rows_affected() > 0);
    }
}

/// A server that is killed again and again must not wait for a hung task for ever: whoever takes over
/// has what is left of its time. The removal has its own.
#[tokio::test]
async fn a_clone_that_hangs_is_given_up_in_time_although_servers_die() {
    let world = World::with_delay(Duration::from_secs(36_000)).await;
    let settings = ["--vsphere-clone-timeout", "50m"];
    let killed = world.server_with(&settings).await;
    let id = killed.ask("a", TEMPLATE).await.id;
    world.task_runs(id).await;
    killed.kill();
    world.database.end_leases_of_the_dead().await;

    let next = world.server_with(&settings).await;
    eventually("the takeover", async || (next.progress(id).await.seq > 3).then_some(())).await;
    assert_eq!(next.progress(id).await.status, Status::Provisioning, "there is time left");
    next.kill();
    world.database.end_leases_of_the_dead().await;
    an_hour_passes(&world, id).await;

    let last = world.server_with(&settings).await;
    let progress = last.ended(id).await;
    let failure = progress.failure.expect("a failure");
    assert_eq!((progress.status, failure.code.as_str()), (Status::Failed, "clone_timeout"));
    assert_eq!(world.script().vms(), [], "the clone was cancelled");
}

/// Nothing of the try was recorded yet: that somebody else makes it is told all the same.
#[tokio::test]
async fn a_server_that_died_in_a_repeated_try_is_replaced_and_that_is_told() {
    let world = World::new().await;
    world.script().fail(Operation::FindByInstanceUuid, 1, Failure::Unreachable);
    let killed = world.server().await;
    let id = killed.ask("a", TEMPLATE).await.id;
    let begin = format!("{}.0", killed.epoch(id).await);
    killed.stream_after(id, &begin).await.until_event("retry").await;
    let mut pause = world.script().pause_at(Operation::FindByInstanceUuid);
    in_time("the second try", pause.reached()).await;
    killed.kill();
    world.database.end_leases_of_the_dead().await;
    pause.release();
    let next = world.server().await;
    assert_gone_on(&world, &next, id).await;
    let names = next.event_names(id).await;
    assert_eq!(names[2..4], ["VmProvisioningTryFailed", "VmProvisioningResumed"], "{names:?}");
}

#[tokio::test]
async fn a_try_that_is_repeated_as_told_is_no_interruption() {
    let world = World::new().await;
    world.script().fail(Operation::FindByInstanceUuid, 2, Failure::Unreachable);
    let server = world.server().await;
    let id = server.ask("a", TEMPLATE).await.id;
    assert_eq!(server.ended(id).await.status, Status::Ready);
    let names = server.event_names(id).await;
    assert!(!names.contains(&"VmProvisioningResumed".to_owned()), "{names:?}");
}

#[tokio::test]
async fn a_server_that_died_while_undoing_is_replaced_and_nothing_is_left() {
    for operation in [Operation::PowerOff, Operation::Destroy] {
        let world = World::new().await;
        let settings = ["--vsphere-network-timeout", "100ms"];
        let killed = world.server_with(&settings).await;
        let mut pause = world.script().pause_after(operation);
        let request = killed.ask("a", "demo-no-address").await;
        in_time("the point to die at", pause.reached()).await;
        killed.kill();
        world.database.end_leases_of_the_dead().await;
        pause.release();

        let next = world.server_with(&settings).await;
        let progress = next.ended(request.id).await;
        assert_eq!(progress.status, Status::Failed);
        assert_eq!(world.script().vms(), []);
        let history = next.history(request.id).await;
        assert_numbered_in_order(&history);
        let count = |name: &str| history.iter().filter(|item| item.kind == name).count();
        assert_eq!(count("VmProvisioningResumed"), 1, "{history:#?}");
        assert_eq!(count("VmProvisioningFailed"), 1, "{history:#?}");
    }
}

/// Without anybody's help: the lease runs out, and another server takes over.
#[tokio::test]
async fn what_a_dead_server_was_driving_is_taken_over_when_its_lease_has_run_out() {
    let world = World::new().await;
    let killed = world.server_with(&["--lease", "3s"]).await;
    let pause = world.script().pause_at(Operation::PowerOn);
    let (request, pause) = held(&world, &killed, pause).await;
    killed.kill();
    pause.release();
    let next = world.server().await;
    assert_gone_on(&world, &next, request).await;
}

#[tokio::test]
async fn a_server_that_is_stopped_hands_its_work_back_at_once() {
    let world = World::new().await;
    // A lease that nobody would wait for: what goes on in time has not waited for it.
    let stopped = world.server_with(&["--lease", "10m"]).await;
    // A wait, not a call that changes something: that would be seen through first.
    let pause = world.script().pause_at(Operation::WaitForTask);
    let (request, pause) = held(&world, &stopped, pause).await;
    stopped.stop().await;
    pause.release();
    let next = world.server().await;
    assert_gone_on(&world, &next, request).await;
}

/// The first server only stalls. When it wakes up another one has finished: whatever it still wants
/// to record is refused.
#[tokio::test]
async fn a_worker_that_lost_its_lease_records_nothing_more() {
    let world = World::new().await;
    let stalled = world.server().await;
    let (request, pause) =
        held(&world, &stalled, world.script().pause_after(Operation::PowerOn)).await;
    let next = world.server().await;
    world.pass_on_first_lease(request).await;
    assert_gone_on(&world, &next, request).await;
    let told = next.history(request).await;

    pause.release();
    // A stop waits for all work: what this server wanted to record, it has tried to by then.
    stalled.stop().await;
    assert_eq!(next.history(request).await, told);
    assert_eq!(world.script().vms().len(), 1);
}

#[tokio::test]
async fn two_servers_share_the_work_and_make_each_vm_once() {
    let world = World::with_delay(Duration::from_millis(20)).await;
    let (one, other) = (world.server().await, world.server().await);
    let mut requests = Vec::new();
    for number in 0..10 {
        let api = if number % 2 == 0 { &one } else { &other };
        requests.push(api.ask(&format!("vm-{number}"), TEMPLATE).await.id);
    }
    for request in requests {
        assert_eq!(one.ended(request).await.status, Status::Ready);
        super::story::assert_uninterrupted(&other, request).await;
        assert_eq!(world.vms_of(request).len(), 1);
    }
    assert_eq!(world.script().vms().len(), 10);
}

/// A machine that was suspended: its clock stood still with it, and says that the lease still holds.
#[tokio::test]
async fn a_worker_whose_lease_was_taken_while_its_clock_stood_still_changes_nothing() {
    let world = World::new().await;
    let server = world.server_with(&["--workers", "1", "--lease", "10m"]).await;
    let (first, pause) =
        held(&world, &server, world.script().pause_at(Operation::FindByInstanceUuid)).await;
    let next = server.ask("next", TEMPLATE).await.id;
    sqlx::query(
        "update vm_requests set lease_epoch = lease_epoch + 1,
             lease_until = clock_timestamp() + interval '1 h' where id = $1",
    )
    .bind(first)
    .execute(&world.database.pool)
    .await
    .expect("another worker's lease");
    pause.release();
    // There is one worker: it has given the first one up.
    assert_eq!(server.ended(next).await.status, Status::Ready);
    assert_eq!(world.vms_of(first).len(), 0);
    let calls = world.script().calls();
    let clones = calls.iter().filter(|call| call.operation == Operation::Clone).count();
    assert_eq!(clones, 1, "{calls:#?}");
}

/// A stop sees a call that changes something through: whoever goes on knows what was begun.
#[tokio::test]
async fn a_server_that_stops_in_a_call_hands_its_task_on() {
    let world = World::new().await;
    let server = world.server().await;
    let (request, pause) = held(&world, &server, world.script().pause_at(Operation::Clone)).await;
    let address = server.address;
    let refused = async || tokio::net::TcpStream::connect(address).await.is_err().then_some(());
    let stopping = async {
        eventually("the end of its listener", refused).await;
        pause.release();
    };
    tokio::join!(server.stop(), stopping);
    let kept: (bool, bool) = sqlx::query_as(
        // The task, or what became of it where it has ended in the same moment.
        "select jsonb_typeof(checkpoint->'task') = 'object' or jsonb_typeof(checkpoint->'vm') = 'string',
                lease_until is null
         from vm_requests where id = $1",
    )
    .bind(request)
    .fetch_one(&world.database.pool)
    .await
    .expect("a row");
    assert_eq!(kept, (true, true), "the clone is known, and the lease handed back");
    let next = world.server().await;
    assert_gone_on(&world, &next, request).await;
}
