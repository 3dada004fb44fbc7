//! A provisioning that does not succeed: what is told, what is undone, what is left.

use app::api::{Progress, StageState, Status, UndoState, WaitingFor};
use server::infrastructure::vsphere::api::Fault;
use server::infrastructure::vsphere::simulated::{Failure, Operation};

use super::story::{assert_numbered_in_order, assert_story};
use crate::support::server::TEMPLATE;
use crate::support::sse::Frame;
use crate::support::{World, eventually};

pub(super) fn fault(kind: &str) -> Fault {
    Fault { kind: kind.to_owned(), message: format!("words for {kind}"), existing_state: None }
}

pub(super) fn states(progress: &Progress) -> Vec<StageState> {
    progress.stages.iter().map(|stage| stage.state).collect()
}

pub(super) fn undone(progress: &Progress) -> Vec<(&str, UndoState)> {
    progress.undo.iter().map(|undo| (undo.step.as_str(), undo.state)).collect()
}

/// What is true of every end: the progress row is gone, the numbers have no hole, nothing was learned.
pub(super) async fn assert_ended_without_a_vm(world: &World) {
    let left: (i64, i64) = sqlx::query_as(
        "select (select count(*) from provisioning_progress), (select count(*) from stage_durations where ready)",
    )
    .fetch_one(&world.database.pool)
    .await
    .expect("the counts");
    assert_eq!(left, (0, 0), "progress rows, durations of good runs");
}

#[tokio::test]
async fn a_failed_configuration_is_told_with_vcenters_reason_and_undone() {
    use StageState::{Done, Failed, Skipped, Undone};
    let world = World::new().await;
    let server = world.server().await;
    let request = server.ask("a", "demo-fails-configuring").await;
    let progress = server.ended(request.id).await;

    assert_eq!(progress.status, Status::Failed);
    assert_eq!(states(&progress), [Done, Undone, Failed, Skipped, Skipped, Skipped]);
    assert_eq!(undone(&progress), [("delete VM", UndoState::Done)]);
    let failure = progress.failure.expect("a failure");
    assert_eq!((failure.code.as_str(), failure.retryable), ("vcenter_rejected", true));
    assert!(failure.reason.contains("VMware Tools in the template are too old"), "{failure:?}");
    assert!(progress.left.is_empty() && progress.estimate.is_none() && progress.ended_at.is_some());
    assert_eq!(world.script().vms(), [], "nothing is left in vCenter");
    let history = server.history(request.id).await;
    assert_numbered_in_order(&history);
    let names: Vec<&str> = history.iter().map(|item| item.kind.as_str()).collect();
    assert_eq!(
        names[2..],
        [
            "VmProvisioningProgressUpdated",
            "VmProvisioningProgressUpdated",
            "VmProvisioningUndoStarted",
            "VmProvisioningStepUndone",
            "VmProvisioningFailed",
        ]
    );
    assert_ended_without_a_vm(&world).await;
}

#[tokio::test]
async fn a_vm_without_an_address_is_powered_off_and_removed() {
    use StageState::{Done, Failed, Skipped, Undone};
    let world = World::new().await;
    let server = world.server_with(&["--vsphere-network-timeout", "200ms"]).await;
    let request = server.ask("a", "demo-no-address").await;
    let progress = server.ended(request.id).await;

    assert_eq!(progress.status, Status::Failed);
    assert_eq!(states(&progress), [Done, Undone, Undone, Undone, Failed, Skipped]);
    assert_eq!(undone(&progress), [("power off", UndoState::Done), ("delete VM", UndoState::Done)]);
    let failure = progress.failure.expect("a failure");
    assert_eq!(failure.code, "no_address");
    assert_eq!(world.script().vms(), []);
    assert_ended_without_a_vm(&world).await;
    // Nothing was left behind, so the name can be had again.
    server.ask("a", TEMPLATE).await;
}

#[tokio::test]
async fn a_vm_that_cannot_be_removed_needs_attention_and_is_named() {
    let world = World::new().await;
    world.script().fail(Operation::Destroy, 1, Failure::Refused(fault("NoPermission")));
    let server = world.server().await;
    let request = server.ask("stuck", "demo-fails-configuring").await;
    let frames = server.all_events(request.id).await;
    let progress = server.progress(request.id).await;

    assert_eq!(frames.last().map(Frame::name), Some("needs_attention"));
    assert_eq!(progress.status, Status::NeedsAttention);
    assert_eq!(progress.left, ["VM stuck"]);
    let [undo] = &progress.undo[..] else { panic!("{:?}", progress.undo) };
    assert_eq!(undo.state, UndoState::Failed);
    assert!(undo.step.contains("words for NoPermission"), "{undo:?}");
    assert_eq!(progress.failure.expect("why it failed").code, "vcenter_rejected");
    assert_eq!(world.vms_of(request.id).len(), 1, "it is still there");
    assert_ended_without_a_vm(&world).await;
}

#[tokio::test]
async fn a_try_that_fails_is_told_and_repeated_until_the_vm_is_ready() {
    let world = World::new().await;
    let server = world.server().await;
    let request = server.ask("a", "demo-flaky").await;
    let waits_for_retry = async || {
        let waiting = server.progress(request.id).await.waiting;
        waiting.filter(|waiting| waiting.waiting_for == WaitingFor::Retry)
    };
    let waiting = eventually("a failed try", waits_for_retry).await;
    let frames = server.all_events(request.id).await;
    let progress = server.progress(request.id).await;

    assert!(waiting.next_at.is_some() && waiting.reason.is_some(), "{waiting:?}");
    let tries: Vec<_> = frames.iter().filter(|frame| frame.name() == "retry").collect();
    assert_eq!(tries.len(), 2, "the reply is lost, then a proxy answers 503");
    let kept = &progress.tries;
    assert_eq!(kept.iter().map(|kept| kept.number).collect::<Vec<_>>(), [1, 2], "{kept:?}");
    for (number, (told, kept)) in (2..).zip(tries.into_iter().zip(kept)) {
        let event = told.stage_event();
        assert_eq!((kept.at, kept.stage), (event.at, event.stage));
        let waited = event.progress.waiting.expect("what is waited for");
        assert_eq!(
            (waited.next_at, waited.reason),
            (Some(kept.next_at), Some(kept.reason.clone()))
        );
        let told = told.stage_event().progress.waiting.expect("what is waited for");
        assert_eq!((told.waiting_for, told.next_try), (WaitingFor::Retry, Some(number)));
        assert!(told.next_try != waiting.next_try || told == waiting, "{told:?} {waiting:?}");
    }
    assert_eq!((progress.status, progress.waiting), (Status::Ready, None));
    assert_story(&server.history(request.id).await);
    assert_eq!(world.vms_of(request.id).len(), 1);
}

#[tokio::test]
async fn a_template_that_is_gone_by_then_fails_the_request() {
    let world = World::new().await;
    // Neither the look at the start nor the check at the door is answered, so the saga finds out.
    world.script().fail(Operation::Templates, 2, Failure::Unreachable);
    let server = world.server().await;
    let request = server.ask("a", "windows-98").await;
    let progress = server.ended(request.id).await;

    assert_eq!(progress.status, Status::Failed);
    let failure = progress.failure.expect("a failure");
    assert_eq!((failure.code.as_str(), failure.retryable), ("template_not_found", false));
    assert!(failure.reason.contains("windows-98"), "{failure:?}");
}

#[tokio::test]
async fn a_vcenter_that_refuses_the_login_fails_the_request_before_anything_is_made() {
    use StageState::{Failed, Skipped};
    let world = World::new().await;
    world.script().fail(Operation::Vcenter, 2, Failure::Refused(fault("InvalidLogin")));
    let server = world.server().await;
    let request = server.ask("a", TEMPLATE).await;
    let progress = server.ended(request.id).await;

    assert_eq!(progress.status, Status::Failed);
    assert_eq!(states(&progress), [Failed, Skipped, Skipped, Skipped, Skipped, Skipped]);
    let failure = progress.failure.expect("a failure");
    assert_eq!(failure.code, "vcenter_login_failed");
    assert_eq!(failure.reason, "words for InvalidLogin", "vCenter's own reason");
    assert_eq!(server.event_names(request.id).await, ["VmRequested", "VmProvisioningFailed"]);
    assert_ended_without_a_vm(&world).await;
}

#[tokio::test]
async fn a_vcenter_that_is_away_at_first_is_waited_for() {
    let world = World::new().await;
    world.script().fail(Operation::Vcenter, 2, Failure::Unreachable);
    let server = world.server().await;
    let request = server.ask("a", TEMPLATE).await;
    let frames = server.all_events(request.id).await;

    assert!(frames.iter().any(|frame| frame.name() == "retry"), "{frames:?}");
    assert_story(&server.history(request.id).await);
}
