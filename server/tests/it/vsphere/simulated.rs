//! The simulated vCenter under the contract, and what only it can show.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use server::infrastructure::vsphere::api::VcenterApi;
use server::infrastructure::vsphere::simulated::{SimulatedSettings, SimulatedVcenter};
use tempfile::TempDir;

use super::contract::{Target, contract_tests};

/// A simulated vCenter in a folder of its own.
struct Simulated {
    vcenter: SimulatedVcenter,
    _folder: TempDir,
}

#[async_trait]
impl Target for Simulated {
    async fn fresh() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = SimulatedSettings { delay: Duration::ZERO, seed: Some(1) };
        let vcenter = SimulatedVcenter::open(folder.path(), settings).unwrap();
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

contract_tests!(Simulated);
