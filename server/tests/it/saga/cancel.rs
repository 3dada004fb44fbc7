//! A person wants it no more: in any stage, on any server, at any moment.

use std::time::Duration;

use app::api::{Items, Request, StageState, Status, UndoState};
use server::infrastructure::vsphere::simulated::{Failure, Operation, Pause, Script};
use uuid::Uuid;

use super::failures::{assert_ended_without_a_vm, fault, states, undone};
use super::story::assert_numbered_in_order;
use crate::support::server::TEMPLATE;
use crate::support::sse::{Frame, numbered};
use crate::support::{Api, World, eventually, in_time};

/// Long enough that no task ends by itself.
const FOR_EVER: Duration = Duration::from_secs(3_600);

/// Cancels a request that runs, twice, as somebody does who is in doubt.
async fn cancel(api: &Api, id: Uuid) {
    for _ in 0..2 {
        let reply = api.cancel(id).await;
        assert_eq!(reply.status, 202, "{reply:?}");
        let request: Request = reply.read();
        assert_eq!(request.id, id);
        assert!(matches!(request.status, Status::Undoing | Status::Cancelled), "{request:?}");
    }
}

/// The end that a cancelled request has: nothing is left, and everybody is told so.
async fn assert_cancelled(world: &World, api: &Api, id: Uuid) {
    let progress = api.ended(id).await;
    assert_eq!(progress.status, Status::Cancelled, "{progress:#?}");
    assert!(progress.left.is_empty() && progress.failure.is_none(), "{progress:#?}");
    assert!(progress.ended_at.is_some() && progress.estimate.is_none(), "{progress:#?}");
    assert_eq!(world.script().vms(), [], "nothing is left in vCenter");
    let history = api.history(id).await;
    assert_numbered_in_order(&history);
    let count = |name: &str| history.iter().filter(|item| item.kind == name).count();
    assert_eq!(count("VmProvisioningCancelRequested"), 1, "{history:#?}");
    assert_eq!(history.last().map(|item| item.kind.as_str()), Some("VmProvisioningCancelled"));
    assert_ended_without_a_vm(world).await;
}

/// Cancels where `pause` holds the saga, and returns the stages as they are drawn in the end.
async fn cancel_at(pause: impl Fn(&Script) -> Pause) -> Vec<StageState> {
    let world = World::new().await;
    let server = world.server().await;
    let mut pause = pause(&world.script());
    let id = server.ask("build-agent-07", TEMPLATE).await.id;
    in_time("the point to cancel at", pause.reached()).await;
    let mut stream = server.stream(id).await;
    stream.until_event("snapshot").await;
    cancel(&server, id).await;
    pause.release();

    let told = numbered(&stream.rest().await);
    assert_eq!(told.first().map(Frame::name), Some("undo"), "{told:#?}");
    assert_eq!(told.last().map(Frame::name), Some("cancelled"), "{told:#?}");
    assert_cancelled(&world, &server, id).await;
    assert_eq!(server.all_events(id).await.len(), server.history(id).await.len());
    states(&server.progress(id).await)
}

#[tokio::test]
async fn a_request_is_cancelled_before_any_call_to_vcenter() {
    for operation in [
        Operation::FindByInstanceUuid,
        Operation::Clone,
        Operation::Reconfigure,
        Operation::Customize,
        Operation::PowerOn,
        Operation::WaitForTask,
        Operation::WaitForGuest,
    ] {
        eprintln!("before {operation:?}");
        cancel_at(|script| script.pause_at(operation)).await;
    }
}

/// The call has its effect, and the saga hears of it after the cancellation.
#[tokio::test]
async fn a_request_is_cancelled_after_any_call_to_vcenter() {
    for operation in [
        Operation::Clone,
        Operation::Reconfigure,
        Operation::Customize,
        Operation::PowerOn,
        Operation::WaitForTask,
    ] {
        eprintln!("after {operation:?}");
        cancel_at(|script| script.pause_after(operation)).await;
    }
}

#[tokio::test]
async fn what_was_made_is_drawn_as_undone_and_what_was_not_reached_as_skipped() {
    use StageState::{Done, Skipped, Undone};
    let waiting = cancel_at(|script| script.pause_at(Operation::WaitForGuest)).await;
    assert_eq!(waiting, [Done, Undone, Undone, Undone, Skipped, Skipped]);
    let configuring = cancel_at(|script| script.pause_at(Operation::Reconfigure)).await;
    assert_eq!(configuring, [Done, Undone, Undone, Skipped, Skipped, Skipped]);
}

#[tokio::test]
async fn a_clone_that_runs_is_cancelled_in_vcenter_too() {
    let world = World::with_delay(FOR_EVER).await;
    let server = world.server().await;
    let id = server.ask("a", TEMPLATE).await.id;
    world.task_runs(id).await;
    cancel(&server, id).await;
    let steps = server.ended(id).await;
    assert_eq!(undone(&steps), [("cancel clone", UndoState::Done)]);
    assert_eq!(states(&steps)[1], StageState::Undone);
    assert_cancelled(&world, &server, id).await;
    world.script().finish_tasks().await.expect("an inventory");
    assert_eq!(world.script().vms(), [], "it does not come later either");
}

#[tokio::test]
async fn a_task_that_cannot_be_cancelled_is_waited_for() {
    let world = World::with_delay(FOR_EVER).await;
    let script = world.script();
    script.fail(Operation::CancelTask, 1, Failure::Refused(fault("MethodNotFound")));
    let server = world.server().await;
    let id = server.ask("a", TEMPLATE).await.id;
    world.task_runs(id).await;
    cancel(&server, id).await;
    eventually("the refusal", async || {
        script.calls().iter().any(|call| call.operation == Operation::CancelTask).then_some(())
    })
    .await;
    // The clone ends well, and its VM is removed: that takes as long as removing does here.
    for _ in 0..2 {
        eventually("a task that runs", async || {
            script.finish_tasks().await.expect("an inventory");
            let done = server.progress(id).await;
            let destroys = script.calls().iter().any(|call| call.operation == Operation::Destroy);
            (destroys || done.status.has_ended()).then_some(())
        })
        .await;
        script.finish_tasks().await.expect("an inventory");
    }
    let progress = server.ended(id).await;
    assert_eq!(undone(&progress), [("delete VM", UndoState::Done)]);
    assert_cancelled(&world, &server, id).await;
}

#[tokio::test]
async fn a_request_that_waits_for_a_worker_is_cancelled_at_once() {
    let world = World::new().await;
    let server = world.server_with(&["--workers", "1"]).await;
    let mut pause = world.script().pause_at(Operation::Clone);
    let first = server.ask("a", TEMPLATE).await.id;
    in_time("the only worker's clone", pause.reached()).await;
    let waits = server.ask("b", TEMPLATE).await.id;
    let mut stream = server.stream(waits).await;
    stream.until_event("snapshot").await;

    let reply = server.cancel(waits).await;
    assert_eq!((reply.status, reply.read::<Request>().status), (202, Status::Cancelled));
    let told = numbered(&stream.rest().await);
    assert_eq!(told.iter().map(Frame::name).collect::<Vec<_>>(), ["undo", "cancelled"]);
    let found: Items<Request> = server.read("/api/requests?status=cancelled").await;
    assert_eq!(found.items.iter().map(|found| found.id).collect::<Vec<_>>(), [waits]);
    let again = server.cancel(waits).await;
    assert_eq!((again.status, again.read::<Request>().status), (202, Status::Cancelled));
    assert_eq!(server.history(waits).await.len(), 3, "nothing new was said");
    // Its name is free again.
    let again = server.ask("b", TEMPLATE).await.id;
    pause.release();
    for id in [first, again] {
        assert_eq!(server.ended(id).await.status, Status::Ready);
    }
    assert_eq!(server.progress(waits).await.status, Status::Cancelled);
    assert_eq!(world.vms_of(waits), []);
}

/// A worker has it already, and has not recorded its start.
#[tokio::test]
async fn a_request_that_is_about_to_start_is_cancelled() {
    let world = World::new().await;
    let mut pause = world.script().pause_at(Operation::Vcenter);
    let server = world.server().await;
    in_time("the first look at vCenter", pause.reached()).await;
    let id = server.ask("a", TEMPLATE).await.id;
    let claimed = "select lease_epoch > 0 from vm_requests";
    eventually("a worker", async || {
        let claimed: bool =
            sqlx::query_scalar(claimed).fetch_one(&world.database.pool).await.expect("a row");
        claimed.then_some(())
    })
    .await;
    assert_eq!(server.cancel(id).await.status, 202);
    pause.release();
    assert_cancelled(&world, &server, id).await;
    assert_eq!(server.history(id).await.len(), 3);
}

/// Whoever comes first wins, and both are told the same.
#[tokio::test]
async fn cancelling_races_with_the_end() {
    let world = World::new().await;
    let server = world.server().await;
    let mut ends = [0, 0];
    for round in 0..24_u32 {
        let id = server.ask(&format!("vm-{round}"), TEMPLATE).await.id;
        // A little later each time, by something that takes its time.
        for _ in 0..round {
            server.get("/healthz").await;
        }
        let reply = server.cancel(id).await;
        let progress = server.ended(id).await;
        assert_numbered_in_order(&server.history(id).await);
        let vms = world.vms_of(id).len();
        match reply.status {
            202 => assert_eq!((progress.status, vms), (Status::Cancelled, 0)),
            409 => {
                assert_eq!((progress.status, vms), (Status::Ready, 1));
                assert_eq!(server.cancel(id).await.status, 409);
            }
            other => panic!("{other}: {reply:?}"),
        }
        ends[usize::from(reply.status == 409)] += 1;
    }
    let rows: i64 = sqlx::query_scalar("select count(*) from provisioning_progress")
        .fetch_one(&world.database.pool)
        .await
        .expect("a count");
    assert_eq!(rows, 0);
    eprintln!("{} cancelled, {} ready", ends[0], ends[1]);
}

/// Nobody waits for a lease, or for the end of a pause, to be heard.
#[tokio::test]
async fn any_server_cancels_what_another_one_drives() {
    let world = World::new().await;
    // Its lease is of ten minutes, so it is not the renewal that tells it.
    let driver = world.server().await;
    let mut pause = world.script().pause_at(Operation::WaitForGuest);
    let id = driver.ask("a", TEMPLATE).await.id;
    in_time("the wait for an address", pause.reached()).await;
    let other = world.server_with(&["--workers", "1"]).await;
    cancel(&other, id).await;
    assert_cancelled(&world, &other, id).await;
    let resumed = other.event_names(id).await.contains(&"VmProvisioningResumed".to_owned());
    assert!(!resumed, "the driver has stopped itself");
}

#[tokio::test]
async fn cancelled_on_two_servers_at_once_it_is_one_cancellation() {
    let world = World::new().await;
    let (one, other) = (world.server().await, world.server().await);
    let mut pause = world.script().pause_at(Operation::WaitForGuest);
    let id = one.ask("a", TEMPLATE).await.id;
    in_time("the wait for an address", pause.reached()).await;
    let (here, there) = tokio::join!(one.cancel(id), other.cancel(id));
    assert_eq!((here.status, there.status), (202, 202), "{here:?} {there:?}");
    assert_cancelled(&world, &other, id).await;
}

#[tokio::test]
async fn a_request_that_waits_to_try_again_is_cancelled_at_once() {
    let world = World::new().await;
    world.script().fail(Operation::Clone, 100, Failure::Unreachable);
    let server = world.server().await;
    let id = server.ask("a", TEMPLATE).await.id;
    let mut stream = server.stream(id).await;
    stream.until_event("retry").await;
    let waiting = stream.until_event("retry").await.stage_event().progress.waiting;
    let next_at = waiting.and_then(|waiting| waiting.next_at).expect("when it is tried again");
    cancel(&server, id).await;
    assert_cancelled(&world, &server, id).await;
    let ended_at = server.progress(id).await.ended_at.expect("an end");
    assert!(ended_at < next_at, "{ended_at:?} {next_at:?}");
    let names = server.event_names(id).await;
    assert!(!names.contains(&"VmProvisioningResumed".to_owned()), "nothing was interrupted");
}

#[tokio::test]
async fn a_server_that_died_while_undoing_a_cancelled_request_is_replaced() {
    for operation in [Operation::PowerOff, Operation::Destroy] {
        let world = World::new().await;
        let killed = world.server().await;
        let mut waits = world.script().pause_at(Operation::WaitForGuest);
        let mut undoes = world.script().pause_after(operation);
        let id = killed.ask("a", TEMPLATE).await.id;
        in_time("the wait for an address", waits.reached()).await;
        cancel(&killed, id).await;
        in_time("the point to die at", undoes.reached()).await;
        killed.kill();
        world.database.end_leases_of_the_dead().await;
        undoes.release();

        let next = world.server().await;
        assert_cancelled(&world, &next, id).await;
        let names = next.event_names(id).await;
        let count = |wanted: &str| names.iter().filter(|name| *name == wanted).count();
        assert_eq!(count("VmProvisioningResumed"), 1, "{names:?}");
        // Whichever call was not heard of shows in vCenter only; no step is told twice.
        assert_eq!(count("VmProvisioningStepUndone"), 1, "{names:?}");
    }
}
