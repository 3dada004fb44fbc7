//! What every vCenter must do under the adapter. [`contract_tests`] makes the tests for one.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use server::domain::ids::RequestId;
use server::domain::ports::vsphere::{Checkpoint, VspherePort as _};
use server::domain::spec::{FixedAddress, NetworkSpec, VmSpec};
use server::domain::stage::VmProvisioningStage as Stage;
use server::infrastructure::vsphere::adapter::{Deadlines, Pace, VsphereAdapter};
use server::infrastructure::vsphere::api::VcenterApi;
use uuid::Uuid;

use super::observed::Observed;
use super::recorder::{Entry, Recorder};

/// A vCenter to test against.
#[async_trait]
pub(crate) trait Target: Send + Sync + Sized {
    /// A new one with nothing of ours in it, in which DHCP gives no guest an address.
    async fn fresh() -> Self;

    /// Its operations.
    fn api(&self) -> Arc<dyn VcenterApi>;

    /// A template with a Linux guest.
    fn template(&self) -> &str;

    /// The names of all VMs, one for each.
    async fn vm_names(&self) -> Vec<String>;

    /// Gives a running guest exactly these addresses.
    async fn give_addresses(&self, name: &str, addresses: &[IpAddr]);
}

/// The tests of the contract for one target.
macro_rules! contract_tests {
    ($target:ty: $($test:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $test() {
                $crate::vsphere::contract::$test::<$target>().await;
            }
        )+
    };
    ($target:ty) => {
        $crate::vsphere::contract::contract_tests!($target:
            a_vm_is_made_and_each_stage_is_told_once,
        );
    };
}
pub(crate) use contract_tests;

/// The deadlines under which the suite runs: long enough never to be met by accident.
pub(crate) const DEADLINES: Deadlines = Deadlines {
    clone: Duration::from_secs(30),
    customize: Duration::from_secs(30),
    network: Duration::from_secs(30),
    call: Duration::from_secs(10),
};

/// A pace for tests.
pub(crate) const PACE: Pace =
    Pace { settling: Duration::from_millis(50), first_pause: Duration::from_millis(20) };

/// A target with an adapter over it.
pub(crate) struct Bench<T> {
    pub(crate) target: T,
    pub(crate) observed: Arc<Observed>,
    pub(crate) adapter: VsphereAdapter,
}

impl<T: Target> Bench<T> {
    pub(crate) async fn fresh() -> Self {
        Self::with_deadlines(DEADLINES).await
    }

    pub(crate) async fn with_deadlines(deadlines: Deadlines) -> Self {
        let target = T::fresh().await;
        let observed = Observed::new(target.api());
        let api: Arc<dyn VcenterApi> = Arc::<Observed>::clone(&observed);
        let adapter = VsphereAdapter::new(api, deadlines).with_pace(PACE);
        Self { target, observed, adapter }
    }

    /// A wish with a fixed address, which every target gives without help.
    pub(crate) fn spec(&self, number: u8) -> VmSpec {
        let address = FixedAddress {
            ip: Ipv4Addr::new(10, 30, 0, 10 + number),
            prefix_len: 24,
            gateway: Some(Ipv4Addr::new(10, 30, 0, 1)),
        };
        VmSpec {
            request_id: RequestId(Uuid::from_u128(
                0x0190_0000_0000_7000_8000 << 48 | u128::from(number),
            )),
            name: format!("build-agent-{number}"),
            template: self.target.template().to_owned(),
            cpus: 3,
            memory_mib: 3_072,
            network: Some(NetworkSpec { name: None, address: Some(address) }),
        }
    }

    pub(crate) async fn count(&self, name: &str) -> usize {
        self.target.vm_names().await.iter().filter(|found| *found == name).count()
    }

    /// Checks that there is exactly one VM of this wish, as it was wished.
    pub(crate) async fn assert_made(&self, spec: &VmSpec) {
        assert_eq!(self.count(&spec.name).await, 1, "VMs named {}", spec.name);
        let uuid = spec.request_id.instance_uuid();
        let moref = self.target.api().find_by_instance_uuid(uuid).await.unwrap().unwrap();
        let info = self.target.api().vm(&moref).await.unwrap().unwrap();
        assert_eq!(info.name, spec.name);
        assert_eq!(info.instance_uuid, Some(uuid));
        assert_eq!(info.mark, Some(spec.request_id.to_string()));
        assert_eq!((info.cpus, info.memory_mib), (spec.cpus, spec.memory_mib));
        assert!(info.annotation.contains(&spec.request_id.to_string()), "{}", info.annotation);
        assert!(info.powered_on);
    }
}

pub(crate) async fn a_vm_is_made_and_each_stage_is_told_once<T: Target>() {
    let bench = Bench::<T>::fresh().await;
    let spec = bench.spec(1);
    let sink = Recorder::with_log(bench.observed.log());

    let made = bench.adapter.create_vm(&spec, &Checkpoint::default(), &sink).await.unwrap();

    bench.assert_made(&spec).await;
    assert_eq!(made.ip_address, IpAddr::V4(Ipv4Addr::new(10, 30, 0, 11)));
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
