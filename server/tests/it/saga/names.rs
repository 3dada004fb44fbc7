//! Two requests with one name, one after the other: each removes its own VM, and never the other's.

use app::api::{Request, Status};
use server::infrastructure::vsphere::simulated::{Failure, Operation};
use uuid::Uuid;

use super::failures::fault;
use crate::support::server::TEMPLATE;
use crate::support::{TestServer, World};

/// A request whose VM could not be removed: it still has the name.
async fn left_behind(world: &World, server: &TestServer) -> Uuid {
    let script = world.script();
    script.fail(Operation::Reconfigure, 1, Failure::Refused(fault("HotPlugDenied")));
    script.fail(Operation::Destroy, 1, Failure::Refused(fault("NoPermission")));
    let id = server.ask("twin", TEMPLATE).await.id;
    assert_eq!(server.ended(id).await.status, Status::NeedsAttention);
    assert_eq!(world.vms_of(id).len(), 1);
    id
}

#[tokio::test]
async fn undoing_the_second_leaves_the_vm_of_the_first() {
    let world = World::new().await;
    let server = world.server().await;
    let first = left_behind(&world, &server).await;
    // The check at the door is not answered, so the second is accepted and meets the VM later.
    world.script().fail(Operation::FindByName, 1, Failure::Unreachable);
    let second = server.ask("twin", TEMPLATE).await.id;
    let progress = server.ended(second).await;
    assert_eq!(progress.status, Status::Failed);
    assert_eq!(progress.failure.expect("why").code, "name_taken");
    assert_eq!((world.vms_of(first).len(), world.vms_of(second).len()), (1, 0));

    assert_eq!(server.cancel(first).await.status, 202);
    assert_eq!(server.ended(first).await.status, Status::Cancelled);
    assert_eq!(world.script().vms(), []);
}

#[tokio::test]
async fn undoing_the_first_leaves_the_vm_of_the_second() {
    let world = World::new().await;
    let server = world.server().await;
    let first = left_behind(&world, &server).await;
    // Somebody removes it by hand, and the name goes to the second.
    world.script().vanish("twin").await.expect("an inventory");
    let second = server.ask("twin", TEMPLATE).await.id;
    assert_eq!(server.ended(second).await.status, Status::Ready);

    assert_eq!(server.cancel(first).await.status, 202);
    assert_eq!(server.ended(first).await.status, Status::Cancelled);
    let [vm] = &world.script().vms()[..] else { panic!("{:?}", world.script().vms()) };
    assert_eq!((vm.mark.clone(), vm.powered_on), (Some(second.to_string()), true));
    let undone = server.event_names(first).await;
    assert!(!undone.contains(&"VmProvisioningStepUndone".to_owned()), "{undone:?}");
}

#[tokio::test]
async fn a_name_that_is_taken_meanwhile_is_not_taken_back() {
    let world = World::new().await;
    let server = world.server().await;
    world.script().fail(Operation::Reconfigure, 1, Failure::Refused(fault("HotPlugDenied")));
    let first = server.ask("twin", TEMPLATE).await.id;
    assert_eq!(server.ended(first).await.status, Status::Failed);
    // The name is free: another request takes it, and lives.
    let pause = world.script().pause_at(Operation::WaitForGuest);
    let second = server.ask("twin", TEMPLATE).await.id;
    let told = server.history(first).await;
    // vCenter does not say so in time; the journal does.
    world.script().fail(Operation::FindByName, 1, Failure::Unreachable);
    let refused = server.retry(first).await;
    assert_eq!((refused.status, refused.wrong_fields()), (409, vec!["name".to_owned()]));
    pause.release();
    assert_eq!(server.ended(second).await.status, Status::Ready);
    // It lives no more, and its VM has the name.
    let refused = server.retry(first).await;
    assert_eq!((refused.status, refused.wrong_fields()), (409, vec!["name".to_owned()]));
    assert_eq!(server.history(first).await, told);
    assert_eq!(world.vms_of(second).len(), 1);

    world.script().vanish("twin").await.expect("an inventory");
    let accepted = server.retry(first).await;
    assert_eq!((accepted.status, accepted.read::<Request>().id), (202, first));
    assert_eq!(server.ended(first).await.status, Status::Ready);
    assert_eq!(world.vms_of(first).len(), 1);
}
