//! Whose VM is whose: what is not ours is never adopted, changed or removed.

use server::domain::ports::vsphere::{Checkpoint, RejectionCode, VsphereError, VspherePort as _};
use uuid::Uuid;

use super::{Bench, Target, rejection, request_id};
use crate::vsphere::recorder::Recorder;

/// More than the reads of a VM in one run.
const READS: u8 = 10;

pub(crate) async fn a_taken_name_is_refused_and_its_vm_left_alone<T: Target>() {
    let bench = Bench::<T>::fresh().await;
    let spec = bench.spec(1);
    bench.add_vm(&spec.name, Uuid::from_u128(7), "somebody else's").await;
    let before = bench.info(&spec.name).await;

    let result = bench.adapter.create_vm(&spec, &Checkpoint::default(), &()).await;

    let (code, reason) = rejection(result);
    assert_eq!(code, RejectionCode::NameTaken);
    assert!(reason.contains(&spec.name), "{reason}");
    bench.adapter.remove_vm(&spec, &Checkpoint::default(), &()).await.unwrap();
    assert_eq!(bench.info(&spec.name).await, before);
    assert_eq!(bench.count(&spec.name).await, 1);
    assert!(bench.observed.changes().is_empty());
}

pub(crate) async fn of_two_requests_with_one_name_the_second_is_refused_and_undone_alone<
    T: Target,
>() {
    let bench = Bench::<T>::fresh().await;
    let first = bench.spec(1);
    let mut second = bench.spec(2);
    second.name.clone_from(&first.name);
    bench.adapter.create_vm(&first, &Checkpoint::default(), &()).await.unwrap();

    let sink = Recorder::new();
    let result = bench.adapter.create_vm(&second, &Checkpoint::default(), &sink).await;

    assert_eq!(rejection(result).0, RejectionCode::NameTaken);
    bench.adapter.remove_vm(&second, &sink.checkpoint(), &sink).await.unwrap();
    assert!(sink.undone_steps().is_empty());
    bench.assert_made(&first).await;
    // Not even a checkpoint that names the other's VM makes it ours.
    let (moref, _) = bench.info(&first.name).await;
    let wrong = Checkpoint { vm: Some(moref), ..Checkpoint::default() };
    bench.adapter.remove_vm(&second, &wrong, &()).await.unwrap();
    bench.assert_made(&first).await;
}

pub(crate) async fn a_vm_with_our_uuid_and_another_mark_is_left_alone<T: Target>() {
    let bench = Bench::<T>::fresh().await;
    let spec = bench.spec(1);
    let uuid = spec.request_id.instance_uuid();
    bench.add_vm("renamed", uuid, &request_id(9).to_string()).await;

    let result = bench.adapter.create_vm(&spec, &Checkpoint::default(), &()).await;

    let (code, reason) = rejection(result);
    assert_eq!(code, RejectionCode::VcenterRejected);
    assert!(reason.contains("\"renamed\"") && reason.contains("not its mark"), "{reason}");
    bench.adapter.remove_vm(&spec, &Checkpoint::default(), &()).await.unwrap();
    assert_eq!(bench.count("renamed").await, 1);
    assert!(bench.observed.changes().is_empty());
}

pub(crate) async fn a_vm_with_our_uuid_and_no_mark_is_left_to_a_person<T: Target>() {
    let bench = Bench::<T>::fresh().await;
    let spec = bench.spec(1);
    let ours = spec.request_id;
    bench.add_vm("renamed", ours.instance_uuid(), &ours.to_string()).await;
    bench.observed.unmark();

    let made = bench.adapter.create_vm(&spec, &Checkpoint::default(), &()).await;
    let removed = bench.adapter.remove_vm(&spec, &Checkpoint::default(), &()).await;

    // It may be ours, so a removal cannot say that nothing is left.
    for (code, reason) in [rejection(made), rejection(removed)] {
        assert_eq!(code, RejectionCode::VcenterRejected);
        assert!(reason.contains("\"renamed\"") && reason.contains("not its mark"), "{reason}");
    }
    assert_eq!(bench.count("renamed").await, 1);
    assert!(bench.observed.changes().is_empty());
}

pub(crate) async fn a_vm_that_is_still_being_made_is_neither_taken_nor_refused<T: Target>() {
    let bench = Bench::<T>::fresh().await;
    let spec = bench.spec(1);
    let ours = spec.request_id;
    bench.add_vm(&spec.name, ours.instance_uuid(), &ours.to_string()).await;

    // Longer than anybody looks again: to be tried later.
    bench.observed.veil(usize::MAX);
    let undecided = bench.adapter.create_vm(&spec, &Checkpoint::default(), &()).await;
    assert!(undecided.as_ref().is_err_and(VsphereError::is_transient), "{undecided:?}");
    let undecided = bench.adapter.remove_vm(&spec, &Checkpoint::default(), &()).await;
    assert!(undecided.as_ref().is_err_and(VsphereError::is_transient), "{undecided:?}");
    assert!(bench.observed.changes().is_empty());

    // It shows itself while one looks.
    bench.observed.veil(3);
    bench.adapter.create_vm(&spec, &Checkpoint::default(), &()).await.unwrap();
    bench.assert_made(&spec).await;
    assert!(!bench.observed.changes().contains(&"clone_vm"));

    // Under another name it is still this request's, and no second one is made.
    let spec = bench.spec(2);
    let ours = spec.request_id;
    bench.add_vm("renamed", ours.instance_uuid(), &ours.to_string()).await;
    bench.observed.veil(usize::MAX);
    let undecided = bench.adapter.create_vm(&spec, &Checkpoint::default(), &()).await;
    assert!(undecided.as_ref().is_err_and(VsphereError::is_transient), "{undecided:?}");
    assert_eq!(bench.count(&spec.name).await, 0);
}

pub(crate) async fn a_moref_that_comes_to_name_another_vm_is_not_believed<T: Target>() {
    let bench = Bench::<T>::fresh().await;
    let mut disguised = 0;
    for reads in 0..READS {
        let spec = bench.spec(reads + 1);
        bench.observed.disguise_after(reads.into());
        let result = bench.adapter.create_vm(&spec, &Checkpoint::default(), &()).await;
        if let Some(before) = bench.observed.lift_disguise() {
            let changes = bench.observed.changes();
            assert_eq!(changes.len(), before, "after {reads} reads: {:?}", &changes[before..]);
            assert_eq!(rejection(result).0, RejectionCode::VcenterRejected);
            disguised += 1;
        } else {
            result.unwrap();
        }

        bench.adapter.create_vm(&spec, &Checkpoint::default(), &()).await.unwrap();
        bench.observed.disguise_after(reads.into());
        bench.adapter.remove_vm(&spec, &Checkpoint::default(), &()).await.unwrap();
        if let Some(before) = bench.observed.lift_disguise() {
            let changes = bench.observed.changes();
            assert_eq!(changes.len(), before, "after {reads} reads: {:?}", &changes[before..]);
            disguised += 1;
        }
    }
    assert!((7..2 * READS).contains(&disguised), "{disguised}");
}
