//! What happens when nothing goes wrong, and when the same is asked again.

use std::net::{IpAddr, Ipv4Addr};

use server::domain::ports::vsphere::{Checkpoint, VsphereError, VspherePort as _};
use server::domain::stage::VmProvisioningStage as Stage;

use super::{Bench, DEADLINES, Target};
use crate::vsphere::recorder::{Entry, Recorder};

pub(crate) async fn a_vm_is_made_and_each_stage_is_told_once<T: Target>() {
    let bench = Bench::<T>::fresh().await;
    let spec = bench.spec(1);
    let sink = Recorder::with_log(bench.observed.log());

    let made = bench.adapter.create_vm(&spec, &Checkpoint::default(), &sink).await.unwrap();

    bench.assert_made(&spec).await;
    assert_eq!(made.ip_address, IpAddr::V4(Ipv4Addr::new(10, 30, 0, 1)));
    assert_eq!(made.hostname, spec.name);
    assert_eq!(made.instance_uuid, spec.request_id.instance_uuid());
    assert_eq!(
        sink.stages(),
        [Stage::Cloning, Stage::Configuring, Stage::PoweringOn, Stage::WaitingForNetwork]
    );
    assert_eq!(sink.details_of(Stage::Configuring), Some("3 CPUs, 3072 MiB".to_owned()));
    assert_eq!(
        bench.observed.changes(),
        ["clone_vm", "reconfigure_vm", "customize_vm", "power_on"]
    );
    assert_asks_and_tells(&sink.entries());
    assert_eq!(sink.checkpoint().vm, Some(made.moref));
}

/// Before each change the sink was asked, and after it the task was told.
fn assert_asks_and_tells(entries: &[Entry]) {
    for (index, entry) in entries.iter().enumerate() {
        if let Entry::Change(method) = entry {
            let (before, after) = (&entries[index - 1], &entries[index + 1]);
            assert_eq!(*before, Entry::MayChange(DEADLINES.call), "before {method}");
            assert!(
                matches!(after, Entry::Checkpoint(Checkpoint { task: Some(_), .. })),
                "after {method}: {after:?}"
            );
        }
    }
}

pub(crate) async fn asking_again_changes_nothing<T: Target>() {
    let bench = Bench::<T>::fresh().await;
    let spec = bench.spec(1);
    let first = Recorder::new();
    let made = bench.adapter.create_vm(&spec, &Checkpoint::default(), &first).await.unwrap();
    let changes = bench.observed.changes();

    for resume in [first.checkpoint(), Checkpoint::default()] {
        let sink = Recorder::new();
        let again = bench.adapter.create_vm(&spec, &resume, &sink).await.unwrap();
        assert_eq!(again, made);
        // Told from where the VM really is.
        assert_eq!(sink.stages(), [Stage::WaitingForNetwork]);
    }
    assert_eq!(bench.observed.changes(), changes);
    bench.assert_made(&spec).await;
}

pub(crate) async fn an_unknown_template_makes_nothing<T: Target>() {
    let bench = Bench::<T>::fresh().await;
    let mut spec = bench.spec(1);
    spec.template = "no-such-template".to_owned();

    let result = bench.adapter.create_vm(&spec, &Checkpoint::default(), &()).await;

    let Err(VsphereError::NotFound { object }) = result else { panic!("{result:?}") };
    assert_eq!(object, "template \"no-such-template\"");
    assert_eq!(bench.count(&spec.name).await, 0);
}

pub(crate) async fn what_is_there_is_listed<T: Target>() {
    let bench = Bench::<T>::fresh().await;
    let spec = bench.spec(1);
    let template = bench.target.template();

    let templates = bench.adapter.templates().await.unwrap();
    let names: Vec<&str> = templates.iter().map(|template| &*template.name).collect();
    assert!(names.contains(&template), "{names:?}");
    assert!(names.is_sorted(), "{names:?}");
    assert!(templates.iter().all(|template| template.cpus > 0 && template.memory_mib > 0));

    assert!(!bench.adapter.name_in_use(&spec.name).await.unwrap());
    bench.adapter.create_vm(&spec, &Checkpoint::default(), &()).await.unwrap();
    assert!(bench.adapter.name_in_use(&spec.name).await.unwrap());

    let vcenter = bench.adapter.vcenter().await.unwrap();
    assert!(!vcenter.0.is_empty());
    assert_eq!(bench.adapter.vcenter().await.unwrap(), vcenter);
}
