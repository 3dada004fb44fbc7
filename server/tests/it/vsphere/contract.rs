//! What every vCenter must do under the adapter. [`contract_tests`] makes the tests for one.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use server::domain::ids::{MoRef, RequestId};
use server::domain::ports::vsphere::{RejectionCode, VsphereError};
use server::domain::spec::{FixedAddress, NetworkSpec, VmSpec};
use server::infrastructure::vsphere::adapter::{Deadlines, Pace, VsphereAdapter};
use server::infrastructure::vsphere::api::{
    ApiError, CloneSpec, TaskInfo, TaskState, VcenterApi, VmInfo,
};
use uuid::Uuid;

use super::observed::Observed;

pub(crate) mod crashes;
pub(crate) mod making;
pub(crate) mod names;
pub(crate) mod network;
pub(crate) mod removing;

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

/// The tests of the contract for one target: `contract_tests!(MyTarget);` in a module of its own.
macro_rules! contract_tests {
    ($target:ty) => {
        $crate::vsphere::contract::contract_tests!($target: making:
            a_vm_is_made_and_each_stage_is_told_once,
            asking_again_changes_nothing,
            an_unknown_template_makes_nothing,
            what_is_there_is_listed,
        );
        $crate::vsphere::contract::contract_tests!($target: crashes:
            stopped_at_any_call_of_the_sink_it_goes_on,
            stopped_at_any_call_of_the_sink_it_goes_on_without_a_checkpoint,
            cut_off_at_any_await_it_goes_on,
            any_lost_request_or_reply_is_made_good_later,
            a_lost_clone_reply_is_no_error,
            a_vm_that_vanished_between_two_runs_is_cloned_again,
            a_vm_that_vanishes_during_a_run_is_cloned_again,
        );
        $crate::vsphere::contract::contract_tests!($target: names:
            a_taken_name_is_refused_and_its_vm_left_alone,
            of_two_requests_with_one_name_the_second_is_refused_and_undone_alone,
            a_vm_with_our_uuid_and_another_mark_is_left_alone,
            a_vm_with_our_uuid_and_no_mark_is_left_to_a_person,
            a_moref_that_comes_to_name_another_vm_is_not_believed,
            a_vm_that_is_still_being_made_is_neither_taken_nor_refused,
        );
        $crate::vsphere::contract::contract_tests!($target: network:
            a_link_local_address_is_waited_out,
            without_an_address_the_deadline_says_what_was_seen,
        );
        $crate::vsphere::contract::contract_tests!($target: removing:
            only_our_vm_is_removed_and_twice_is_fine,
            removing_what_was_never_made_is_fine,
            removing_stopped_at_any_call_of_the_sink_goes_on,
            a_half_made_vm_is_removed,
        );
    };
    ($target:ty: $module:ident: $($test:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $test() {
                $crate::vsphere::contract::$module::$test::<$target>().await;
            }
        )+
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
            ip: Ipv4Addr::new(10, 30, 0, number),
            prefix_len: 24,
            gateway: Some(Ipv4Addr::new(10, 30, 0, 254)),
        };
        let network = NetworkSpec { name: None, address: Some(address) };
        VmSpec { network: Some(network), ..self.dhcp_spec(number) }
    }

    /// A wish whose guest has no address until the target gives it one.
    pub(crate) fn dhcp_spec(&self, number: u8) -> VmSpec {
        VmSpec {
            request_id: request_id(number),
            name: format!("build-agent-{number}"),
            template: self.target.template().to_owned(),
            cpus: 3,
            memory_mib: 3_072,
            network: None,
        }
    }

    pub(crate) async fn count(&self, name: &str) -> usize {
        self.target.vm_names().await.iter().filter(|found| *found == name).count()
    }

    /// Checks that there is exactly one VM of this wish, as it was wished.
    pub(crate) async fn assert_made(&self, spec: &VmSpec) {
        assert_eq!(self.count(&spec.name).await, 1, "VMs named {}", spec.name);
        let uuid = spec.request_id.instance_uuid();
        let (_, info) = self.info(&spec.name).await;
        assert_eq!(info.name, spec.name);
        assert_eq!(info.instance_uuid, Some(uuid));
        assert_eq!(info.mark, Some(spec.request_id.to_string()));
        assert_eq!((info.cpus, info.memory_mib), (spec.cpus, spec.memory_mib));
        assert!(info.annotation.contains(&spec.request_id.to_string()), "{}", info.annotation);
        assert!(info.powered_on);
    }

    /// The VM of this name, past the adapter.
    pub(crate) async fn info(&self, name: &str) -> (MoRef, VmInfo) {
        let api = self.target.api();
        let moref = api.find_by_name(name).await.unwrap().unwrap();
        let info = api.vm(&moref).await.unwrap().unwrap();
        (moref, info)
    }

    /// Puts a VM there past the adapter, as another program would.
    pub(crate) async fn add_vm(&self, name: &str, instance_uuid: Uuid, mark: &str) -> MoRef {
        let clone = CloneSpec {
            template: self.target.template().to_owned(),
            name: name.to_owned(),
            instance_uuid,
            mark: mark.to_owned(),
            network: None,
        };
        let api = self.target.api();
        self.ended(api.clone_vm(&clone, DEADLINES.call).await).await;
        self.info(name).await.0
    }

    /// Removes a VM past the adapter, as a person would.
    pub(crate) async fn remove_behind_our_back(&self, name: &str) {
        let api = self.target.api();
        let (moref, info) = self.info(name).await;
        if info.powered_on {
            self.ended(api.power_off(&moref, DEADLINES.call).await).await;
        }
        self.ended(api.destroy(&moref, DEADLINES.call).await).await;
    }

    /// Waits for a task of the test's own.
    async fn ended(&self, task: Result<MoRef, ApiError>) {
        let task = task.unwrap();
        let api = self.target.api();
        let mut seen: Option<TaskInfo> = None;
        loop {
            let info = api.wait_for_task(&task, seen.as_ref(), DEADLINES.customize).await.unwrap();
            match &info.state {
                TaskState::Queued | TaskState::Running => seen = Some(info),
                TaskState::Success => return,
                TaskState::Error(fault) => panic!("{fault:?}"),
            }
        }
    }
}

/// The id of a test's request.
pub(crate) fn request_id(number: u8) -> RequestId {
    RequestId(Uuid::from_u128((0x0190_0000_0000_7000_8000 << 48) | u128::from(number)))
}

/// The code and reason of a refusal.
pub(crate) fn rejection<T: std::fmt::Debug>(
    result: Result<T, VsphereError>,
) -> (RejectionCode, String) {
    match result {
        Err(VsphereError::Rejected { code, reason }) => (code, reason),
        other => panic!("a refusal was expected: {other:?}"),
    }
}
