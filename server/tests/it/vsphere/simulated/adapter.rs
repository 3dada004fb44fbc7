//! What the adapter does when vCenter is busy, slow, or refuses: directed by a script.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use server::domain::ports::vsphere::{
    Checkpoint, RejectionCode, TaskOperation, UndoneStep, VsphereError, VspherePort as _,
};
use server::domain::stage::VmProvisioningStage as Stage;
use server::infrastructure::vsphere::adapter::{Deadlines, Pace, VsphereAdapter};
use server::infrastructure::vsphere::api::{Fault, VcenterApi as _};
use server::infrastructure::vsphere::simulated::{Failure, Operation, Script, SimulatedVcenter};

use super::{AN_HOUR_MS, Simulated, open};
use crate::vsphere::contract::{Bench, DEADLINES, PACE, rejection};
use crate::vsphere::recorder::Recorder;

/// A deadline that a test waits for.
const SHORT: Duration = Duration::from_millis(200);

fn fault(kind: &str) -> Fault {
    Fault { kind: kind.to_owned(), message: format!("words for {kind}"), existing_state: None }
}

async fn bench() -> (Bench<Simulated<0>>, Script) {
    let bench = Bench::<Simulated<0>>::fresh().await;
    let script = bench.target.vcenter.script();
    (bench, script)
}

#[tokio::test]
async fn a_passing_state_is_waited_out() {
    for (operation, kind) in [
        (Operation::Reconfigure, "TaskInProgress"),
        (Operation::Customize, "InvalidState"),
        (Operation::PowerOn, "TaskInProgress"),
    ] {
        let (bench, script) = bench().await;
        let spec = bench.spec(1);
        script.fail(operation, 1, Failure::Refused(fault(kind)));
        script.fail(operation, 1, Failure::TaskFails(fault(kind)));
        bench.adapter.create_vm(&spec, &Checkpoint::default(), &()).await.unwrap();
        bench.assert_made(&spec).await;
    }
}

#[tokio::test]
async fn a_state_that_does_not_pass_ends_the_call() {
    let (bench, script) = bench().await;
    let spec = bench.spec(1);
    script.fail(Operation::PowerOn, 100, Failure::Refused(fault("InvalidState")));
    let refused = bench.adapter.create_vm(&spec, &Checkpoint::default(), &()).await;
    let (code, reason) = rejection(refused);
    assert_eq!((code, &*reason), (RejectionCode::VcenterRejected, "words for InvalidState"));

    let (bench, script) = self::bench().await;
    script.fail(Operation::PowerOn, 100, Failure::Refused(fault("TaskInProgress")));
    let busy = bench.adapter.create_vm(&spec, &Checkpoint::default(), &()).await;
    assert!(busy.unwrap_err().is_transient());
}

#[tokio::test]
async fn a_vm_that_somebody_started_meanwhile_is_taken_as_it_is() {
    let (bench, script) = bench().await;
    let spec = bench.spec(1);
    let already =
        Fault { existing_state: Some("poweredOn".to_owned()), ..fault("InvalidPowerState") };
    // The first says nothing of the state: it is read again. The second says it.
    script.fail(Operation::PowerOn, 1, Failure::Refused(fault("InvalidPowerState")));
    script.fail(Operation::PowerOn, 1, Failure::Refused(already));
    let sink = Recorder::new();
    let resume = Checkpoint::default();
    let create = bench.adapter.create_vm(&spec, &resume, &sink);
    let meanwhile = async {
        sink.until_stage(Stage::WaitingForNetwork, 1).await;
        script.give_addresses(&spec.name, &["10.30.0.1".parse().unwrap()]).await.unwrap();
        let api: &SimulatedVcenter = &bench.target.vcenter;
        let (vm, _) = bench.info(&spec.name).await;
        api.power_on(&vm, SHORT).await.unwrap();
    };
    let (made, ()) = tokio::join!(create, meanwhile);
    made.unwrap();
    bench.assert_made(&spec).await;
}

#[tokio::test]
async fn refusals_are_told_in_vcenters_words_and_by_their_code() {
    for (operation, failure, code) in [
        (Operation::Clone, Failure::Refused(fault("NoPermission")), RejectionCode::NoPermission),
        (
            Operation::Clone,
            Failure::TaskFails(fault("NoDiskSpace")),
            RejectionCode::VcenterRejected,
        ),
        (
            Operation::PowerOn,
            Failure::TaskFails(fault("InsufficientResourcesFault")),
            RejectionCode::VcenterRejected,
        ),
        (
            Operation::FindByName,
            Failure::Refused(fault("InvalidLogin")),
            RejectionCode::LoginFailed,
        ),
    ] {
        let (bench, script) = bench().await;
        let spec = bench.spec(1);
        let sink = Recorder::new();
        let (Failure::Refused(told) | Failure::TaskFails(told)) = failure.clone() else {
            unreachable!("every case is a fault")
        };
        script.fail(operation, 1, failure);
        let result = bench.adapter.create_vm(&spec, &Checkpoint::default(), &sink).await;
        assert_eq!(rejection(result), (code, told.message));
        // Once a person has mended it, the same request goes on.
        bench.adapter.create_vm(&spec, &sink.checkpoint(), &()).await.unwrap();
        bench.assert_made(&spec).await;
    }
}

#[tokio::test]
async fn an_untrusted_certificate_is_a_refusal() {
    let (bench, script) = bench().await;
    script.fail(Operation::FindByInstanceUuid, 1, Failure::Certificate);
    let result = bench.adapter.create_vm(&bench.spec(1), &Checkpoint::default(), &()).await;
    assert_eq!(rejection(result).0, RejectionCode::CertificateNotTrusted);
}

#[tokio::test]
async fn a_clone_that_fails_because_of_its_own_earlier_twin_is_looked_for() {
    let (bench, script) = bench().await;
    let spec = bench.spec(1);
    script.fail(Operation::Clone, 1, Failure::ReplyLost);
    // Unseen at first: the look after the lost reply fails too, so the call ends with it.
    script.fail(Operation::FindByInstanceUuid, 1, Failure::Refused(fault("HostCommunication")));
    let first = bench.adapter.create_vm(&spec, &Checkpoint::default(), &()).await;
    assert!(first.unwrap_err().is_transient());
    bench.adapter.create_vm(&spec, &Checkpoint::default(), &()).await.unwrap();
    bench.assert_made(&spec).await;
}

#[tokio::test]
async fn each_deadline_has_its_own_word() {
    let deadlines = Deadlines { clone: SHORT, ..DEADLINES };
    let bench = Bench::<Simulated<AN_HOUR_MS>>::with_deadlines(deadlines).await;
    let sink = Recorder::new();
    let spec = bench.spec(1);
    let (code, reason) =
        rejection(bench.adapter.create_vm(&spec, &Checkpoint::default(), &sink).await);
    assert_eq!(code, RejectionCode::CloneTimeout);
    assert!(reason.contains("200ms"), "{reason}");
    // The clone still runs, so its task stays what is resumed from.
    assert_eq!(sink.checkpoint().task.map(|task| task.operation), Some(TaskOperation::Clone));

    let deadlines = Deadlines { customize: SHORT, ..DEADLINES };
    const TASKS: [TaskOperation; 3] =
        [TaskOperation::Clone, TaskOperation::Reconfigure, TaskOperation::Customize];
    for (finished, expected) in [
        (&TASKS[..1], RejectionCode::TaskTimeout),
        (&TASKS[..2], RejectionCode::CustomizeTimeout),
        (&TASKS[..3], RejectionCode::TaskTimeout),
    ] {
        let bench = Bench::<Simulated<AN_HOUR_MS>>::with_deadlines(deadlines).await;
        let script = bench.target.vcenter.script();
        let resume = Checkpoint::default();
        let sink = Recorder::new();
        let create = bench.adapter.create_vm(&spec, &resume, &sink);
        let finish = async {
            for operation in finished {
                sink.until_task(*operation).await;
                script.finish_tasks().await.unwrap();
            }
        };
        let (result, ()) = tokio::join!(create, finish);
        assert_eq!(rejection(result).0, expected, "after {finished:?}");
    }
}

#[tokio::test]
async fn an_address_that_changes_is_not_believed_until_it_stays() {
    let target = Bench::<Simulated<0>>::fresh().await;
    let script = target.target.vcenter.script();
    let pace = Pace { settling: Duration::from_secs(1), ..PACE };
    let adapter =
        VsphereAdapter::new(Arc::new(target.target.vcenter.clone()), DEADLINES).with_pace(pace);
    let spec = target.dhcp_spec(1);
    let sink = Recorder::new();
    let resume = Checkpoint::default();
    let (first, second): (IpAddr, IpAddr) =
        ("10.30.0.1".parse().unwrap(), "10.30.0.2".parse().unwrap());
    let meanwhile = async {
        sink.until_stage(Stage::WaitingForNetwork, 1).await;
        script.give_addresses(&spec.name, &[first]).await.unwrap();
        sink.until_live("10.30.0.1 seen").await;
        script.give_addresses(&spec.name, &[second]).await.unwrap();
    };
    let (made, ()) = tokio::join!(adapter.create_vm(&spec, &resume, &sink), meanwhile);
    assert_eq!(made.unwrap().ip_address, second);
}

#[tokio::test]
async fn a_vm_that_vanishes_again_and_again_is_a_persons_business() {
    let (bench, script) = bench().await;
    let spec = bench.dhcp_spec(1);
    let sink = Recorder::new();
    let resume = Checkpoint::default();
    let create = bench.adapter.create_vm(&spec, &resume, &sink);
    let meanwhile = async {
        for times in 1..=3 {
            sink.until_stage(Stage::WaitingForNetwork, times).await;
            script.vanish(&spec.name).await.unwrap();
        }
    };
    let (result, ()) = tokio::join!(create, meanwhile);
    let (code, reason) = rejection(result);
    assert_eq!(code, RejectionCode::VcenterRejected);
    assert!(reason.contains("3 times"), "{reason}");
}

#[tokio::test]
async fn percentages_are_told_live() {
    let folder = tempfile::tempdir().unwrap();
    let vcenter = open(folder.path(), Duration::from_millis(400));
    let adapter = VsphereAdapter::new(Arc::new(vcenter), DEADLINES).with_pace(PACE);
    let bench = Bench::<Simulated<0>>::fresh().await;
    let sink = Recorder::new();
    let made = adapter.create_vm(&bench.spec(1), &Checkpoint::default(), &sink).await;
    made.unwrap();
    let percentages = sink.percentages();
    // How many there are depends on the machine.
    assert!(percentages.len() >= 2, "{percentages:?}");
    assert!(percentages.iter().all(|percent| *percent < 100), "{percentages:?}");
}

#[tokio::test]
async fn removing_waits_out_a_passing_state_and_takes_what_others_did() {
    let (bench, script) = bench().await;
    let spec = bench.spec(1);
    let sink = Recorder::new();
    bench.adapter.create_vm(&spec, &Checkpoint::default(), &sink).await.unwrap();
    script.fail(Operation::PowerOff, 1, Failure::Refused(fault("TaskInProgress")));
    script.fail(Operation::PowerOff, 1, Failure::ReplyLost);
    script.fail(Operation::Destroy, 1, Failure::TaskFails(fault("InvalidState")));
    let resume = sink.checkpoint();
    let lost = bench.adapter.remove_vm(&spec, &resume, &()).await.unwrap_err();
    assert!(lost.is_transient(), "{lost:?}");
    // It is off by now; only its destruction is left.
    let sink = Recorder::resuming(resume.clone());
    bench.adapter.remove_vm(&spec, &resume, &sink).await.unwrap();
    assert_eq!(sink.undone_steps(), [UndoneStep::Destroyed]);
    assert_eq!(bench.count(&spec.name).await, 0);
}

#[tokio::test]
async fn a_vm_that_cannot_be_removed_says_why() {
    let (bench, script) = bench().await;
    let spec = bench.spec(1);
    let sink = Recorder::new();
    bench.adapter.create_vm(&spec, &Checkpoint::default(), &sink).await.unwrap();
    script.fail(Operation::Destroy, 1, Failure::TaskFails(fault("NoPermission")));
    let resume = sink.checkpoint();
    let sink = Recorder::resuming(resume.clone());
    let result = bench.adapter.remove_vm(&spec, &resume, &sink).await;
    let told = (RejectionCode::NoPermission, "words for NoPermission".to_owned());
    assert_eq!(rejection(result), told);
    assert_eq!(sink.undone_steps(), [UndoneStep::PoweredOff]);
    assert_eq!(bench.count(&spec.name).await, 1);
}

#[tokio::test]
async fn a_clone_task_that_ends_as_a_duplicate_is_looked_for_and_tried_again_later() {
    let (bench, script) = bench().await;
    let spec = bench.spec(1);
    script.fail(Operation::Clone, 1, Failure::TaskFails(fault("DuplicateName")));
    let first = bench.adapter.create_vm(&spec, &Checkpoint::default(), &()).await;
    assert!(first.as_ref().is_err_and(VsphereError::is_transient), "{first:?}");
    bench.adapter.create_vm(&spec, &Checkpoint::default(), &()).await.unwrap();
    bench.assert_made(&spec).await;
}

#[tokio::test]
async fn a_vm_that_vanishes_unsaid_is_missed_all_the_same() {
    let (bench, script) = bench().await;
    let spec = bench.dhcp_spec(1);
    let sink = Recorder::new();
    let resume = Checkpoint::default();
    bench.observed.deafen(true);
    let create = bench.adapter.create_vm(&spec, &resume, &sink);
    let meanwhile = async {
        sink.until_stage(Stage::WaitingForNetwork, 1).await;
        script.vanish(&spec.name).await.unwrap();
        sink.until_stage(Stage::WaitingForNetwork, 2).await;
        bench.observed.deafen(false);
        script.give_addresses(&spec.name, &["10.30.0.8".parse().unwrap()]).await.unwrap();
    };
    let (made, ()) = tokio::join!(create, meanwhile);
    made.unwrap();
    bench.assert_made(&spec).await;
}
