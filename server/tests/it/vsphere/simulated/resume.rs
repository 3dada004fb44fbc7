//! Going on while a task of an interrupted run is still in flight.

use std::time::Duration;

use server::domain::ports::vsphere::{
    Checkpoint, RejectionCode, TaskOperation, UndoneStep, VsphereError, VspherePort as _,
};
use server::domain::stage::VmProvisioningStage as Stage;
use server::infrastructure::vsphere::adapter::Deadlines;
use server::infrastructure::vsphere::api::Fault;
use server::infrastructure::vsphere::simulated::{Failure, Operation, Script};

use super::{AN_HOUR_MS, Simulated};
use crate::support::in_time;
use crate::vsphere::contract::{Bench, DEADLINES, Target as _};
use crate::vsphere::recorder::Recorder;

#[tokio::test]
async fn a_lost_clone_that_does_not_show_is_unavailable_and_found_later() {
    let bench = Bench::<Simulated<AN_HOUR_MS>>::fresh().await;
    let script = bench.target.vcenter.script();
    let spec = bench.spec(1);
    script.fail(Operation::Clone, 1, Failure::ReplyLost);
    let lost = bench.adapter.create_vm(&spec, &Checkpoint::default(), &()).await.unwrap_err();
    assert!(lost.is_transient(), "{lost:?}");
    // Still running, and still unseen: vCenter's "duplicate name" is no refusal then.
    let running = bench.adapter.create_vm(&spec, &Checkpoint::default(), &()).await.unwrap_err();
    assert!(running.is_transient(), "{running:?}");
    script.finish_tasks().await.unwrap();
    assert_eq!(bench.count(&spec.name).await, 1);
    let sink = Recorder::new();
    let resume = Checkpoint::default();
    let resumed = bench.adapter.create_vm(&spec, &resume, &sink);
    let finish = async {
        sink.until_task(TaskOperation::Reconfigure).await;
    };
    tokio::select! {
        result = resumed => panic!("tasks take an hour: {result:?}"),
        () = finish => {}
    }
    assert_eq!(sink.stages(), [Stage::Configuring], "no second clone");
    assert_eq!(bench.count(&spec.name).await, 1);
}

#[tokio::test]
async fn a_task_in_flight_is_waited_for_and_nothing_is_sent_meanwhile() {
    for (operation, stage) in [
        (TaskOperation::Clone, Stage::Cloning),
        (TaskOperation::Reconfigure, Stage::Configuring),
        (TaskOperation::Customize, Stage::Configuring),
        (TaskOperation::PowerOn, Stage::PoweringOn),
    ] {
        let bench = Bench::<Simulated<AN_HOUR_MS>>::fresh().await;
        let script = bench.target.vcenter.script();
        let (spec, sink) = (bench.spec(1), Recorder::new());
        let nothing = Checkpoint::default();
        let interrupted = bench.adapter.create_vm(&spec, &nothing, &sink);
        tokio::select! {
            result = interrupted => panic!("tasks take an hour: {result:?}"),
            () = finish_tasks_until(Some(operation), &sink, &script) => {}
        }

        let resume = sink.checkpoint();
        let changes = bench.observed.changes();
        let sink = Recorder::resuming(resume.clone());
        tokio::select! {
            result = bench.adapter.create_vm(&spec, &resume, &sink) => {
                panic!("tasks take an hour: {result:?}")
            }
            () = sink.until_stage(stage, 1) => {}
        }
        assert_eq!(sink.stages(), [stage], "told from where the VM is");
        assert_eq!(bench.observed.changes(), changes);
        let sink = Recorder::resuming(resume.clone());
        tokio::select! {
            result = bench.adapter.create_vm(&spec, &resume, &sink) => {
                panic!("its address takes an hour: {result:?}")
            }
            () = finish_tasks_until(None, &sink, &script) => {}
            () = sink.until_stage(Stage::WaitingForNetwork, 1) => {}
        }
        assert_eq!(bench.count(&spec.name).await, 1);
        let each_once = ["clone_vm", "reconfigure_vm", "customize_vm", "power_on"];
        // Whether a guest is customised already is only known by asking.
        let mut sent = bench.observed.changes();
        sent.dedup();
        assert_eq!(sent, each_once, "interrupted in {operation:?}");
    }
}

/// Deadlines that no test would wait for.
const AN_HOUR: Duration = Duration::from_millis(AN_HOUR_MS);
const LONG: Deadlines =
    Deadlines { clone: AN_HOUR, customize: AN_HOUR, network: AN_HOUR, ..DEADLINES };

/// Otherwise a server that is killed again and again would wait for ever.
#[tokio::test]
async fn a_task_has_one_deadline_however_many_wait_for_it() {
    for (operation, code) in [
        (TaskOperation::Clone, RejectionCode::CloneTimeout),
        (TaskOperation::Reconfigure, RejectionCode::TaskTimeout),
        (TaskOperation::Customize, RejectionCode::CustomizeTimeout),
        (TaskOperation::PowerOn, RejectionCode::TaskTimeout),
    ] {
        let bench = Bench::<Simulated<AN_HOUR_MS>>::with_deadlines(LONG).await;
        let script = bench.target.vcenter.script();
        let (spec, sink) = (bench.spec(1), Recorder::new());
        let nothing = Checkpoint::default();
        tokio::select! {
            result = bench.adapter.create_vm(&spec, &nothing, &sink) => {
                panic!("tasks take an hour: {result:?}")
            }
            () = finish_tasks_until(Some(operation), &sink, &script) => {}
        }
        let resume = sink.checkpoint();
        let late = Recorder::resuming(resume.clone()).later(AN_HOUR);
        let waited = in_time("the deadline", bench.adapter.create_vm(&spec, &resume, &late)).await;
        let failed = waited.unwrap_err();
        assert!(
            matches!(failed, VsphereError::Rejected { code: given, .. } if given == code),
            "{operation:?}: {failed:?}"
        );

        // What has ended while nobody looked was in time for all that is known.
        script.finish_tasks().await.unwrap();
        let late = Recorder::resuming(resume.clone()).later(AN_HOUR);
        tokio::select! {
            result = bench.adapter.create_vm(&spec, &resume, &late) => {
                panic!("its address takes an hour: {result:?}")
            }
            () = finish_tasks_until(None, &late, &script) => {}
            () = late.until_stage(Stage::WaitingForNetwork, 1) => {}
        }
    }
}

#[tokio::test]
async fn an_address_has_one_deadline_however_many_wait_for_it() {
    let bench = Bench::<Simulated<0>>::with_deadlines(LONG).await;
    let (spec, sink) = (bench.dhcp_spec(1), Recorder::new());
    let nothing = Checkpoint::default();
    tokio::select! {
        result = bench.adapter.create_vm(&spec, &nothing, &sink) => panic!("no address: {result:?}"),
        () = sink.until_live("which is link-local") => {}
    }
    let resume = sink.checkpoint();
    let late = Recorder::resuming(resume.clone()).later(AN_HOUR);
    let waited = in_time("the deadline", bench.adapter.create_vm(&spec, &resume, &late)).await;
    let failed = waited.unwrap_err();
    let no_address = RejectionCode::NoAddress;
    assert!(
        matches!(failed, VsphereError::Rejected { code, .. } if code == no_address),
        "{failed:?}"
    );
    // It has come while nobody looked.
    let address = "10.30.0.77".parse().unwrap();
    bench.target.give_addresses(&spec.name, &[address]).await;
    let late = Recorder::resuming(resume.clone()).later(AN_HOUR);
    let made = bench.adapter.create_vm(&spec, &resume, &late).await.unwrap();
    assert_eq!(made.ip_address, address);
}

/// Ends each task as it comes, up to one that does this.
async fn finish_tasks_until(last: Option<TaskOperation>, sink: &Recorder, script: &Script) {
    let mut told = sink.checkpoints();
    loop {
        told.mark_unchanged();
        match sink.checkpoint().task {
            Some(task) if Some(task.operation) == last => return,
            Some(_) => script.finish_tasks().await.unwrap(),
            None => {}
        }
        told.changed().await.unwrap();
    }
}

#[tokio::test]
async fn a_clone_in_flight_is_cancelled_or_else_waited_for_and_removed() {
    let refused = || {
        let (kind, message) = ("NotSupported".to_owned(), "not here".to_owned());
        Failure::Refused(Fault { kind, message, existing_state: None })
    };
    for (failure, step) in [
        (None, UndoneStep::CloneCancelled),
        (Some(Failure::ReplyLost), UndoneStep::CloneCancelled),
        (Some(Failure::Unreachable), UndoneStep::Destroyed),
        (Some(refused()), UndoneStep::Destroyed),
    ] {
        let bench = Bench::<Simulated<400>>::fresh().await;
        if step == UndoneStep::CloneCancelled {
            // However long the machine takes to cancel it.
            bench.target.vcenter.script().fail(Operation::Clone, 1, Failure::TaskHangs);
        }
        if let Some(failure) = failure {
            bench.target.vcenter.script().fail(Operation::CancelTask, 1, failure);
        }
        let spec = bench.spec(1);
        let sink = Recorder::new();
        let resume = Checkpoint::default();
        tokio::select! {
            result = bench.adapter.create_vm(&spec, &resume, &sink) => panic!("{result:?}"),
            () = sink.until_task(TaskOperation::Clone) => {}
        }
        let resume = sink.checkpoint();
        let sink = Recorder::resuming(resume.clone());
        bench.adapter.remove_vm(&spec, &resume, &sink).await.unwrap();
        assert_eq!(sink.undone_steps(), [step]);
        assert_eq!(bench.count(&spec.name).await, 0);
        assert!(bench.observed.changes().contains(&"cancel_task"));
    }
}
