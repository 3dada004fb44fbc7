//! The templates whose names say what they do.

use std::net::IpAddr;
use std::time::Duration;

use server::domain::ports::vsphere::{
    RejectionCode, VmProvisioningResult, VsphereError, VspherePort as _,
};
use server::domain::spec::VmSpec;
use server::domain::stage::VmProvisioningStage as Stage;
use server::infrastructure::vsphere::adapter::Deadlines;
use server::infrastructure::vsphere::api::{CloneSpec, VcenterApi as _};
use uuid::Uuid;

use super::{Simulated, open};
use crate::vsphere::contract::{Bench, DEADLINES, rejection};
use crate::vsphere::recorder::Recorder;

struct Demo {
    bench: Bench<Simulated<0>>,
    spec: VmSpec,
    sink: Recorder,
}

impl Demo {
    async fn of(template: &str) -> Self {
        let deadlines = Deadlines { network: Duration::from_millis(150), ..DEADLINES };
        let bench = Bench::<Simulated<0>>::with_deadlines(deadlines).await;
        let spec = VmSpec { template: template.to_owned(), ..bench.spec(1) };
        Self { bench, spec, sink: Recorder::new() }
    }

    async fn create(&self) -> Result<VmProvisioningResult, VsphereError> {
        let resume = self.sink.checkpoint();
        self.bench.adapter.create_vm(&self.spec, &resume, &self.sink).await
    }
}

#[tokio::test]
async fn fails_configuring_ends_with_vcenters_own_words() {
    let demo = Demo::of("demo-fails-configuring").await;
    let (code, reason) = rejection(demo.create().await);
    assert_eq!(code, RejectionCode::VcenterRejected);
    assert!(reason.contains("Cannot customize the guest"), "{reason}");
    assert_eq!(demo.sink.stages().last(), Some(&Stage::Configuring));
    assert_eq!(demo.sink.checkpoint().task, None, "the failed task is not resumed from");
    demo.bench.adapter.remove_vm(&demo.spec, &demo.sink.checkpoint(), &()).await.unwrap();
    assert_eq!(demo.bench.count(&demo.spec.name).await, 0);
}

#[tokio::test]
async fn no_address_shows_only_a_link_local_one() {
    let demo = Demo::of("demo-no-address").await;
    let (code, reason) = rejection(demo.create().await);
    assert_eq!(code, RejectionCode::NoAddress);
    assert!(reason.contains("Tools running, NIC connected, only fe80::"), "{reason}");
}

#[tokio::test]
async fn flaky_fails_twice_in_transport_and_then_works() {
    let demo = Demo::of("demo-flaky").await;
    let first = demo.create().await.unwrap_err();
    assert!(first.is_transient() && first.to_string().contains("PowerOnVM_Task"), "{first}");
    let second = demo.create().await.unwrap_err();
    assert!(second.is_transient() && second.to_string().contains("503"), "{second}");
    demo.create().await.unwrap();
    demo.bench.assert_made(&demo.spec).await;
}

#[tokio::test]
async fn slow_clone_takes_long_enough_to_be_called_slow() {
    let folder = tempfile::tempdir().unwrap();
    let vcenter = open(folder.path(), Duration::from_millis(25));
    let took = async |template: &str, number: u128| {
        let clone = CloneSpec {
            template: template.to_owned(),
            name: template.to_owned() + "-1",
            instance_uuid: Uuid::from_u128(number),
            mark: String::new(),
            network: None,
        };
        let begun = std::time::Instant::now();
        let task = vcenter.clone_vm(&clone, Duration::from_secs(1)).await.unwrap();
        let mut seen = None;
        loop {
            let wait = Duration::from_secs(10);
            let info = vcenter.wait_for_task(&task, seen.as_ref(), wait).await.unwrap();
            if info.result.is_some() {
                return begun.elapsed();
            }
            seen = Some(info);
        }
    };
    // A millisecond less, since the inventory counts whole ones.
    assert!(took("demo-slow-clone", 1).await >= Duration::from_millis(8 * 25 - 1));
}

#[tokio::test]
async fn a_guest_that_is_no_linux_is_left_as_it_is() {
    let mut demo = Demo::of("windows-2022").await;
    demo.spec.network = None;
    let address: IpAddr = "10.30.0.5".parse().unwrap();
    let adapter_deadlines = Deadlines { network: DEADLINES.network, ..DEADLINES };
    demo.bench = Bench::with_deadlines(adapter_deadlines).await;
    let meanwhile = async {
        demo.sink.until_stage(Stage::WaitingForNetwork, 1).await;
        demo.bench
            .target
            .vcenter
            .script()
            .give_addresses(&demo.spec.name, &[address])
            .await
            .unwrap();
    };
    let (made, ()) = tokio::join!(demo.create(), meanwhile);
    assert_eq!(made.unwrap().hostname, "windows-2022", "what the guest itself reports");
    assert!(!demo.bench.observed.changes().contains(&"customize_vm"));
    let details = demo.sink.details_of(Stage::Configuring);
    assert_eq!(details.as_deref(), Some("3 CPUs, 3072 MiB; guest left as it is"));
    demo.bench.assert_made(&demo.spec).await;
}
