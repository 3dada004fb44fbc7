//! Values within payloads: a wish, a VM, a failure.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{DecodeError, stage};
use crate::domain::event::Failure;
use crate::domain::ids::{MoRef, RequestId};
use crate::domain::ports::vsphere::VmProvisioningResult;
use crate::domain::spec::{FixedAddress, NetworkSpec, VmSpec};

/// A wish, also stored beside its request.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpecRecord {
    name: String,
    template: String,
    cpus: u32,
    memory_mib: u32,
    network: Option<NetworkRecord>,
}

impl From<&VmSpec> for SpecRecord {
    fn from(spec: &VmSpec) -> Self {
        Self {
            name: spec.name.clone(),
            template: spec.template.clone(),
            cpus: spec.cpus,
            memory_mib: spec.memory_mib,
            network: spec.network.as_ref().map(NetworkRecord::from),
        }
    }
}

impl SpecRecord {
    pub(super) fn into_spec(self, request_id: RequestId) -> VmSpec {
        VmSpec {
            request_id,
            name: self.name,
            template: self.template,
            cpus: self.cpus,
            memory_mib: self.memory_mib,
            network: self.network.map(NetworkSpec::from),
        }
    }
}

/// A wanted network, as stored in events and beside requests.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct NetworkRecord {
    name: Option<String>,
    address: Option<AddressRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AddressRecord {
    ip: std::net::Ipv4Addr,
    prefix_len: u8,
    gateway: Option<std::net::Ipv4Addr>,
}

impl From<&NetworkSpec> for NetworkRecord {
    fn from(network: &NetworkSpec) -> Self {
        let address = network.address.map(|FixedAddress { ip, prefix_len, gateway }| {
            AddressRecord { ip, prefix_len, gateway }
        });
        Self { name: network.name.clone(), address }
    }
}

impl From<NetworkRecord> for NetworkSpec {
    fn from(record: NetworkRecord) -> Self {
        let address = record.address.map(|AddressRecord { ip, prefix_len, gateway }| {
            FixedAddress { ip, prefix_len, gateway }
        });
        Self { name: record.name, address }
    }
}

/// A finished VM, as stored in events and beside requests.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct VmRecord {
    moref: String,
    instance_uuid: Uuid,
    hostname: String,
    ip_address: std::net::IpAddr,
}

impl From<&VmProvisioningResult> for VmRecord {
    fn from(vm: &VmProvisioningResult) -> Self {
        Self {
            moref: vm.moref.0.clone(),
            instance_uuid: vm.instance_uuid,
            hostname: vm.hostname.clone(),
            ip_address: vm.ip_address,
        }
    }
}

impl From<VmRecord> for VmProvisioningResult {
    fn from(record: VmRecord) -> Self {
        Self {
            moref: MoRef(record.moref),
            instance_uuid: record.instance_uuid,
            hostname: record.hostname,
            ip_address: record.ip_address,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct FailureRecord {
    stage: String,
    code: String,
    reason: String,
    retryable: bool,
}

impl From<&Failure> for FailureRecord {
    fn from(failure: &Failure) -> Self {
        Self {
            stage: failure.stage.as_str().to_owned(),
            code: failure.code.clone(),
            reason: failure.reason.clone(),
            retryable: failure.retryable,
        }
    }
}

impl FailureRecord {
    pub(super) fn into_failure(self) -> Result<Failure, DecodeError> {
        let Self { code, reason, retryable, .. } = self;
        Ok(Failure { stage: stage(&self.stage)?, code, reason, retryable })
    }
}
