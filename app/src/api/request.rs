//! Requests for a VM, and what they are made from.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Status, Timestamp};

/// The body of `POST /api/requests`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateRequest {
    /// The VM's name and its guest's host name: a DNS label.
    pub name: String,
    /// The name of a template of `GET /api/templates`.
    pub template: String,
    /// Virtual CPUs.
    pub cpus: i64,
    /// Memory in MiB.
    pub memory_mib: i64,
    /// Where it is connected; without it the template's network, with DHCP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
}

/// The network that a VM is wanted in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Network {
    /// The name of a network of vCenter; without it, the template's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A fixed IPv4 address with its prefix length, `10.20.30.40/24`; without it, DHCP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// The gateway that goes with the fixed address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
}

/// One request, as `GET /api/requests/{id}` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The key of everything that belongs to this request (UUID v7).
    pub id: Uuid,
    /// The VM's name.
    pub name: String,
    /// The template's name.
    pub template: String,
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// The wanted network, if any was named.
    pub network: Option<Network>,
    /// Where the request stands.
    pub status: Status,
    /// Who asked.
    pub requested_by: String,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// The VM, once it is ready.
    pub vm: Option<VirtualMachine>,
    /// Where to go from here.
    pub links: Links,
}

/// A finished VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualMachine {
    /// vCenter's managed object id, as in `vm-42`.
    pub moref: String,
    /// The VM's `instanceUuid` in vCenter.
    pub instance_uuid: Uuid,
    /// The guest's host name.
    pub hostname: String,
    /// The guest's address.
    pub ip_address: String,
}

/// Paths that belong to one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Links {
    /// This request.
    #[serde(rename = "self")]
    pub this: String,
    /// Its progress as JSON.
    pub progress: String,
    /// Its progress as a live stream.
    pub events: String,
    /// Its page.
    pub page: String,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Items<T> {
    /// The rows of this page.
    pub items: Vec<T>,
    /// What to give as `after` for the next page; null on the last one.
    pub next: Option<String>,
}

/// A template that VMs can be made from, as vCenter tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// Its name.
    pub name: String,
    /// vCenter's managed object id.
    pub moref: String,
    /// The guest operating system in vCenter's words.
    pub guest: String,
    /// CPUs of the template.
    pub cpus: u32,
    /// Memory of the template in MiB.
    pub memory_mib: u32,
    /// Sum of its disks in GiB, rounded up.
    pub disk_gib: u32,
}

/// One row of the journal, as `GET /api/requests/{id}/history` answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryItem {
    /// The event's number within its request.
    pub seq: u32,
    /// The event's stored name.
    #[serde(rename = "type")]
    pub kind: String,
    /// The version of the payload's schema.
    pub schema_version: u32,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The event itself, as stored.
    pub payload: serde_json::Value,
}
