//! Undoing: our VM goes, and nothing else.

use futures_util::future::join_all;
use server::domain::ports::vsphere::{
    Checkpoint, Stop, UndoneStep, VsphereError, VspherePort as _,
};
use server::domain::stage::VmProvisioningStage as Stage;

use super::{Bench, Target};
use crate::vsphere::recorder::{Entry, Recorder};

/// More than the calls of a sink while a VM is removed.
const STOPS: u8 = 10;

pub(crate) async fn only_our_vm_is_removed_and_twice_is_fine<T: Target>() {
    let bench = Bench::<T>::fresh().await;
    let (ours, other) = (bench.spec(1), bench.spec(2));
    let sink = Recorder::new();
    bench.adapter.create_vm(&ours, &Checkpoint::default(), &sink).await.unwrap();
    bench.adapter.create_vm(&other, &Checkpoint::default(), &()).await.unwrap();
    let resume = sink.checkpoint();

    let sink = Recorder::with_log(bench.observed.log());
    bench.adapter.remove_vm(&ours, &resume, &sink).await.unwrap();
    assert_eq!(sink.undone_steps(), [UndoneStep::PoweredOff, UndoneStep::Destroyed]);
    assert_eq!(sink.checkpoint(), Checkpoint::default());
    assert_asked(&sink.entries());
    let changes = bench.observed.changes();
    assert_eq!(changes[changes.len() - 2..], ["power_off", "destroy"]);

    for resume in [resume, Checkpoint::default()] {
        let sink = Recorder::new();
        bench.adapter.remove_vm(&ours, &resume, &sink).await.unwrap();
        assert!(sink.undone_steps().is_empty());
    }
    assert_eq!(bench.observed.changes(), changes);
    assert_eq!(bench.count(&ours.name).await, 0);
    bench.assert_made(&other).await;
}

/// Before each change while removing, the sink was asked.
fn assert_asked(entries: &[Entry]) {
    for pair in entries.windows(2) {
        if let [before, Entry::Change(method @ ("power_off" | "destroy"))] = pair {
            assert!(matches!(before, Entry::MayChange(_)), "before {method}: {before:?}");
        }
    }
}

pub(crate) async fn removing_what_was_never_made_is_fine<T: Target>() {
    let bench = Bench::<T>::fresh().await;
    let sink = Recorder::new();
    bench.adapter.remove_vm(&bench.spec(1), &Checkpoint::default(), &sink).await.unwrap();
    assert!(sink.entries().is_empty());
    assert!(bench.observed.changes().is_empty());
}

pub(crate) async fn removing_stopped_at_any_call_of_the_sink_goes_on<T: Target>() {
    let bench = &Bench::<T>::fresh().await;
    let stopped = join_all((0..STOPS).map(async |n| {
        let spec = bench.spec(n + 1);
        let sink = Recorder::new();
        bench.adapter.create_vm(&spec, &Checkpoint::default(), &sink).await.unwrap();

        let made = sink.checkpoint();
        let sink = Recorder::resuming_and_stopping_at(made.clone(), usize::from(n));
        let stopped = match bench.adapter.remove_vm(&spec, &made, &sink).await {
            Ok(()) => false,
            Err(VsphereError::Stopped(Stop::Fenced)) => true,
            Err(error) => panic!("stopped at {n}: {error:?}"),
        };
        let resume = sink.checkpoint();
        let again = Recorder::resuming(resume.clone());
        bench.adapter.remove_vm(&spec, &resume, &again).await.unwrap();
        assert_eq!(bench.count(&spec.name).await, 0, "stopped at {n}");
        stopped
    }))
    .await;
    assert!(stopped[..5].iter().all(|stopped| *stopped), "{stopped:?}");
    assert!(!stopped[usize::from(STOPS) - 1], "every call of the sink must have been tried");
}

pub(crate) async fn a_half_made_vm_is_removed<T: Target>() {
    let bench = Bench::<T>::fresh().await;
    for (number, stage) in (1..).zip([Stage::Cloning, Stage::Configuring, Stage::PoweringOn]) {
        let spec = bench.spec(number);
        let sink = Recorder::stopping_at_stage(stage);
        let stopped = bench.adapter.create_vm(&spec, &Checkpoint::default(), &sink).await;
        assert!(matches!(stopped, Err(VsphereError::Stopped(_))), "{stopped:?}");
        bench.adapter.remove_vm(&spec, &sink.checkpoint(), &()).await.unwrap();
        assert_eq!(bench.count(&spec.name).await, 0, "{stage}");
    }
}
