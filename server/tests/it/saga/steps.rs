//! Every step by itself: the four tests that each saga must pass.
//!
//! What goes well is [`story`](super::story)'s. Here: a failure of any step unwinds to a clean slate;
//! each step of the unwinding may be done twice; and so may each step forward.

use app::api::Status;
use futures_util::future::join_all;
use server::infrastructure::vsphere::simulated::{Failure, Operation};
use uuid::Uuid;

use super::failures::{assert_ended_without_a_vm, fault};
use super::story::{assert_numbered_in_order, assert_story};
use crate::support::server::TEMPLATE;
use crate::support::{TestServer, World, in_time};

/// Every call of a saga that makes a VM, in order, and whether it starts a task.
const FORWARD: [(Operation, bool); 9] = [
    (Operation::FindByInstanceUuid, false),
    (Operation::FindByName, false),
    (Operation::Clone, true),
    (Operation::WaitForTask, false),
    (Operation::Vm, false),
    (Operation::Reconfigure, true),
    (Operation::Customize, true),
    (Operation::PowerOn, true),
    (Operation::WaitForGuest, false),
];

/// Every call of one that removes a running VM.
const BACKWARD: [Operation; 4] =
    [Operation::WaitForTask, Operation::Vm, Operation::PowerOff, Operation::Destroy];

/// How many servers are at work side by side.
const AT_ONCE: usize = 4;

/// A request one of whose calls goes wrong in this way.
async fn ask_with(world: &World, server: &TestServer, step: Operation, failure: Failure) -> Uuid {
    // The check at the door looks for the name too, and does not mind.
    let times = if step == Operation::FindByName { 2 } else { 1 };
    world.script().fail(step, times, failure);
    server.ask("build-agent-07", TEMPLATE).await.id
}

/// Asserts that an attempt has failed, that nothing is left of it, and that the name is free again.
async fn assert_clean_slate(world: &World, server: &TestServer, id: Uuid, what: &str) {
    let progress = server.ended(id).await;
    assert_eq!(progress.status, Status::Failed, "{what}: {progress:#?}");
    assert!(progress.left.is_empty(), "{what}: {progress:#?}");
    assert_eq!(world.script().vms(), [], "{what}");
    assert_numbered_in_order(&server.history(id).await);
    assert_ended_without_a_vm(world).await;
    let again = server.ask("build-agent-07", TEMPLATE).await.id;
    assert_eq!(server.ended(again).await.status, Status::Ready, "{what}");
}

#[tokio::test]
async fn a_failure_of_any_step_unwinds_to_a_clean_slate() {
    let mut cases = Vec::new();
    for (step, starts_task) in FORWARD {
        cases.push((step, Failure::Refused(fault("GenericVmConfigFault"))));
        if starts_task {
            cases.push((step, Failure::TaskFails(fault("GenericVmConfigFault"))));
        }
    }
    for some in cases.chunks(AT_ONCE) {
        join_all(some.iter().map(async |(step, failure)| {
            let world = World::new().await;
            let server = world.server().await;
            let id = ask_with(&world, &server, *step, failure.clone()).await;
            assert_clean_slate(&world, &server, id, &format!("{step:?} {failure:?}")).await;
        }))
        .await;
    }
}

/// Done, and nobody heard: so it is done again.
#[tokio::test]
async fn each_step_of_the_unwinding_may_be_done_twice() {
    join_all(BACKWARD.map(async |step| {
        let world = World::new().await;
        let server = world.server().await;
        let mut pause = world.script().pause_at(Operation::WaitForGuest);
        let id = server.ask("build-agent-07", TEMPLATE).await.id;
        in_time("the running VM", pause.reached()).await;
        world.script().fail(step, 1, Failure::ReplyLost);
        assert_eq!(server.cancel(id).await.status, 202);
        pause.release();
        let progress = server.ended(id).await;
        assert_eq!(progress.status, Status::Cancelled, "{step:?}: {progress:#?}");
        assert_eq!(world.script().vms(), [], "{step:?}");
        assert_ended_without_a_vm(&world).await;
        let history = server.history(id).await;
        assert_numbered_in_order(&history);
        let mut steps: Vec<_> = history
            .iter()
            .filter(|item| item.kind == "VmProvisioningStepUndone")
            .map(|item| item.payload["step"].to_string())
            .collect();
        let told = steps.len();
        steps.dedup();
        assert_eq!(steps.len(), told, "{step:?}: each is told once: {history:#?}");
    }))
    .await;
}

#[tokio::test]
async fn each_step_forward_may_be_done_twice() {
    for some in FORWARD.chunks(AT_ONCE) {
        join_all(some.iter().map(async |(step, _)| {
            let world = World::new().await;
            let server = world.server().await;
            let id = ask_with(&world, &server, *step, Failure::ReplyLost).await;
            assert_eq!(server.ended(id).await.status, Status::Ready, "{step:?}");
            assert_story(&server.history(id).await);
            assert_eq!(world.vms_of(id).len(), 1, "{step:?}");
            assert_eq!(world.script().vms().len(), 1, "{step:?}");
        }))
        .await;
    }
}
