//! The SOAP client under the contract, with govmomi's simulator behind it.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use server::infrastructure::vsphere::api::VcenterApi;
use server::infrastructure::vsphere::soap::SoapClient;

use super::contract::{Target, contract_tests};
use crate::soap::vcsim::Vcsim;

/// A simulator, and the client of it.
struct Soap {
    client: Arc<SoapClient>,
    vcsim: Vcsim,
}

#[async_trait]
impl Target for Soap {
    async fn fresh() -> Self {
        let vcsim = Vcsim::start();
        vcsim.withhold_addresses(true).await;
        Self { client: Arc::new(vcsim.client()), vcsim }
    }

    fn api(&self) -> Arc<dyn VcenterApi> {
        Arc::<SoapClient>::clone(&self.client)
    }

    fn template(&self) -> &str {
        "ubuntu-24.04"
    }

    async fn vm_names(&self) -> Vec<String> {
        self.vcsim.machines().await.into_iter().map(|machine| machine.name).collect()
    }

    async fn give_addresses(&self, name: &str, addresses: &[IpAddr]) {
        let addresses: Vec<_> = addresses.iter().map(IpAddr::to_string).collect();
        self.vcsim.give_addresses(name, &addresses).await;
    }
}

contract_tests!(Soap);
