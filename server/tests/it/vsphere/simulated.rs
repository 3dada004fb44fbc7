//! The simulated vCenter: under the contract, and what only it can show.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use server::infrastructure::vsphere::api::VcenterApi;
use server::infrastructure::vsphere::simulated::{SimulatedSettings, SimulatedVcenter};
use tempfile::TempDir;

use super::contract::Target;

mod adapter;
mod demo;
mod resume;
mod vcenter;

/// The tests of the contract where every task has ended when it is first looked at.
mod at_once {
    crate::vsphere::contract::contract_tests!(super::Simulated<0>);
}

/// The tests of the contract where tasks take their time: what was interrupted is still running when
/// it is resumed, and a clone is not to be seen until it has ended.
mod in_flight {
    crate::vsphere::contract::contract_tests!(super::Simulated<40>);
}

/// A mean stage time so long that no task ends during a test by itself.
const AN_HOUR_MS: u64 = 3_600_000;

/// A simulated vCenter in a folder of its own, with this mean stage time in milliseconds.
struct Simulated<const DELAY_MS: u64> {
    vcenter: SimulatedVcenter,
    _folder: TempDir,
}

#[async_trait]
impl<const DELAY_MS: u64> Target for Simulated<DELAY_MS> {
    async fn fresh() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vcenter = open(folder.path(), Duration::from_millis(DELAY_MS));
        vcenter.script().hold_addresses();
        Self { vcenter, _folder: folder }
    }

    fn api(&self) -> Arc<dyn VcenterApi> {
        Arc::new(self.vcenter.clone())
    }

    fn template(&self) -> &str {
        "ubuntu-24.04"
    }

    async fn vm_names(&self) -> Vec<String> {
        self.vcenter.script().vms().into_iter().map(|vm| vm.name).collect()
    }

    async fn give_addresses(&self, name: &str, addresses: &[IpAddr]) {
        self.vcenter.script().give_addresses(name, addresses).await.unwrap();
    }
}

fn open(folder: &Path, delay: Duration) -> SimulatedVcenter {
    SimulatedVcenter::open(folder, SimulatedSettings { delay, seed: Some(1) }).unwrap()
}
