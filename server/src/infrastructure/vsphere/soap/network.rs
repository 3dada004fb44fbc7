//! Networks: finds one by name, and what a network card needs to be connected to it.

use super::answer;
use super::choice::{Candidate, choose};
use super::machine::unescape;
use super::properties::{PropertySet, retrieve, retrieve_below};
use super::session::Session;
use super::xml::ObjectRef;
use crate::infrastructure::vsphere::api::ApiError;

/// What connects a network card.
#[derive(Debug)]
pub(super) enum Backing {
    /// A network of a standard switch.
    Standard { name: String, network: ObjectRef },
    /// A port group of a distributed switch.
    Distributed { name: String, switch_uuid: String, portgroup_key: String },
    /// A network of NSX.
    Opaque { name: String, id: String, kind: String },
}

impl Backing {
    /// The network's name.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Standard { name, .. }
            | Self::Distributed { name, .. }
            | Self::Opaque { name, .. } => name,
        }
    }
}

/// Finds the network with this name in the datacenter.
pub(super) async fn find_backing(
    session: &Session,
    network_folder: &ObjectRef,
    wanted: &str,
) -> Result<Backing, ApiError> {
    let sets = [
        PropertySet { kind: "Network", paths: &["name"] },
        PropertySet {
            kind: "DistributedVirtualPortgroup",
            paths: &["name", "key", "config.distributedVirtualSwitch", "tag"],
        },
        PropertySet { kind: "OpaqueNetwork", paths: &["name", "summary"] },
    ];
    let mut candidates = Vec::new();
    retrieve_below(session, network_folder, &sets, |object| {
        // No VM can be connected to the port group of a switch's own uplinks.
        let is_uplink = object.get("tag").is_some_and(|tags| {
            tags.descendants().any(|node| node.text() == Some("SYSTEM/DVS.UPLINKPG"))
        });
        let Some(name) = object.text("name").map(unescape).filter(|_| !is_uplink) else { return };
        let summary = |wanted| object.get("summary").and_then(|node| answer::text(node, wanted));
        let value = Found {
            network: object.object.clone(),
            switch: object.reference("config.distributedVirtualSwitch"),
            key: object.text("key").map(str::to_owned),
            opaque: summary("opaqueNetworkId")
                .zip(summary("opaqueNetworkType"))
                .map(|(id, kind)| (id.to_owned(), kind.to_owned())),
        };
        candidates.push(Candidate { path: format!("/{name}"), name, value });
    })
    .await?;
    let found = choose("network", "VSPHERE_NETWORK", Some(wanted), candidates)?;
    found.value.into_backing(session, found.name).await
}

struct Found {
    network: ObjectRef,
    switch: Option<ObjectRef>,
    key: Option<String>,
    opaque: Option<(String, String)>,
}

impl Found {
    async fn into_backing(self, session: &Session, name: String) -> Result<Backing, ApiError> {
        if let Some((id, kind)) = self.opaque {
            return Ok(Backing::Opaque { name, id, kind });
        }
        let (Some(switch), Some(portgroup_key)) = (self.switch, self.key) else {
            return Ok(Backing::Standard { name, network: self.network });
        };
        let sets = [PropertySet { kind: "DistributedVirtualSwitch", paths: &["uuid"] }];
        let mut uuid = None;
        retrieve(session, &sets, &[switch], |object| {
            uuid = object.text("uuid").map(str::to_owned);
        })
        .await?;
        let switch_uuid = uuid.ok_or_else(|| ApiError::Placement {
            reason: format!("the switch of network {name:?} may not be read by this account"),
        })?;
        Ok(Backing::Distributed { name, switch_uuid, portgroup_key })
    }
}
