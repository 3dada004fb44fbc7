//! Which host a clone is put on, where vCenter does not choose one itself: a cluster without DRS takes
//! a clone only with a host named.

use std::slice::from_ref;

use super::answer;
use super::placement::Places;
use super::properties::{Properties, PropertySet, retrieve};
use super::session::Session;
use super::xml::ObjectRef;
use crate::infrastructure::vsphere::api::ApiError;

const HOST_PATHS: [&str; 5] = [
    "runtime.connectionState",
    "runtime.inMaintenanceMode",
    "datastore",
    "summary.hardware.memorySize",
    "summary.quickStats.overallMemoryUsage",
];
const BYTES_PER_MIB: i64 = 1 << 20;

/// The host to name, if one must be: the one with the most free memory of those that can take a VM.
pub(super) async fn choose_host(
    session: &Session,
    places: &Places,
) -> Result<Option<ObjectRef>, ApiError> {
    let Some(hosts) = hosts_to_choose_from(session, &places.cluster).await? else {
        return Ok(None);
    };
    let sets = [PropertySet { kind: "HostSystem", paths: &HOST_PATHS }];
    let mut best: Option<(i64, ObjectRef)> = None;
    retrieve(session, &sets, &hosts, |host| {
        if let Some(free) = free_mib(host, &places.datastore)
            && best.as_ref().is_none_or(|(most, _)| free > *most)
        {
            best = Some((free, host.object.clone()));
        }
    })
    .await?;
    match best {
        Some((_, host)) => Ok(Some(host)),
        None => Err(ApiError::Placement {
            reason:
                "no host of the cluster can take a VM: each is disconnected, in maintenance, or \
                     does not see the datastore"
                    .to_owned(),
        }),
    }
}

/// The hosts of a cluster without DRS; `None` where vCenter chooses.
async fn hosts_to_choose_from(
    session: &Session,
    cluster: &ObjectRef,
) -> Result<Option<Vec<ObjectRef>>, ApiError> {
    if cluster.kind != "ClusterComputeResource" {
        return Ok(None);
    }
    let sets = [PropertySet { kind: &cluster.kind, paths: &["configurationEx", "host"] }];
    let mut hosts = None;
    retrieve(session, &sets, from_ref(cluster), |cluster| {
        let drs = cluster
            .get("configurationEx")
            .and_then(|configuration| answer::child(configuration, "drsConfig"))
            .and_then(|drs| answer::child(drs, "enabled"));
        if drs.is_some_and(|enabled| !answer::flag(enabled)) {
            hosts = cluster.get("host").map(answer::references);
        }
    })
    .await?;
    Ok(hosts)
}

/// The free memory of a host; `None` when it cannot take a VM on this datastore.
fn free_mib(host: &Properties<'_, '_>, datastore: &ObjectRef) -> Option<i64> {
    let up = host.text("runtime.connectionState") == Some("connected")
        && !host.flag("runtime.inMaintenanceMode");
    let sees = host.get("datastore").map(answer::references).unwrap_or_default();
    if !up || !sees.contains(datastore) {
        return None;
    }
    let number = |path: &str| host.get(path).and_then(answer::number::<i64>).unwrap_or_default();
    Some(
        number("summary.hardware.memorySize") / BYTES_PER_MIB
            - number("summary.quickStats.overallMemoryUsage"),
    )
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::super::xml::XSI;
    use super::*;

    fn free(state: &str, maintenance: &str, datastore: &str) -> Option<i64> {
        let property = |name: &str, value: &str| {
            format!("<propSet><name>{name}</name><val>{value}</val></propSet>")
        };
        let datastores = format!(
            "<ManagedObjectReference type='Datastore'>{datastore}</ManagedObjectReference>"
        );
        let text = format!(
            "<objects xmlns:x='{XSI}'><obj type='HostSystem'>host-1</obj>{}{}{}{}{}</objects>",
            property("runtime.connectionState", state),
            property("runtime.inMaintenanceMode", maintenance),
            property("datastore", &datastores),
            property("summary.hardware.memorySize", "4294967296"),
            property("summary.quickStats.overallMemoryUsage", "1096"),
        );
        let document = Document::parse(&text).expect("well-formed");
        let host = Properties::read(document.root_element()).expect("a host");
        free_mib(&host, &ObjectRef::new("Datastore", "datastore-1"))
    }

    #[test]
    fn a_host_must_be_up_and_see_the_datastore() {
        assert_eq!(free("connected", "false", "datastore-1"), Some(3000));
        assert_eq!(free("notResponding", "false", "datastore-1"), None);
        assert_eq!(free("connected", "true", "datastore-1"), None);
        assert_eq!(free("connected", "false", "datastore-2"), None);
    }
}
