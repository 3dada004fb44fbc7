//! Where VMs are made: each place is the one that its setting names, or the only one there is.
//!
//! What is the only one is said by vCenter's own roots: the datacenter's VM folder, and the root pool
//! of the cluster. A standalone host counts only where there is no cluster.

use std::collections::HashMap;

use super::answer;
use super::choice::{Candidate, choose};
use super::machine::unescape;
use super::properties::{PropertySet, retrieve_below};
use super::session::Session;
use super::xml::ObjectRef;
use crate::infrastructure::vsphere::api::ApiError;

/// Where VMs are made, by name or inventory path. What is not set must be the only one there is.
#[derive(Debug, Clone, Default)]
pub struct Placement {
    /// `VSPHERE_DATACENTER`
    pub datacenter: Option<String>,
    /// `VSPHERE_CLUSTER`
    pub cluster: Option<String>,
    /// `VSPHERE_FOLDER`; without it the datacenter's VM folder itself.
    pub folder: Option<String>,
    /// `VSPHERE_POOL`; without it the cluster's root pool.
    pub pool: Option<String>,
    /// `VSPHERE_DATASTORE`
    pub datastore: Option<String>,
    /// `VSPHERE_NETWORK`, for requests that name none; without it the template's.
    pub network: Option<String>,
    /// `VSPHERE_TEMPLATE_FOLDER`, where templates are looked for at any depth; without it the
    /// datacenter's VM folder.
    pub template_folder: Option<String>,
}

/// The places that the settings mean.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) cluster: ObjectRef,
    pub(super) folder: ObjectRef,
    pub(super) pool: ObjectRef,
    pub(super) datastore: ObjectRef,
    pub(super) template_folder: ObjectRef,
    pub(super) network_folder: ObjectRef,
}

/// One object of the inventory's structure.
#[derive(Debug)]
struct Entry {
    name: String,
    parent: Option<ObjectRef>,
    /// The objects that it refers to, by property.
    links: HashMap<&'static str, Vec<ObjectRef>>,
    accessible: bool,
}

impl Entry {
    fn link(&self, property: &str) -> Option<&ObjectRef> {
        self.links.get(property).and_then(|objects| objects.first())
    }
}

/// The structure of the inventory: everything that VMs are put into.
#[derive(Debug, Default)]
pub(super) struct Inventory(HashMap<ObjectRef, Entry>);

const DATACENTER_LINKS: [&str; 2] = ["vmFolder", "networkFolder"];
const COMPUTE_LINKS: [&str; 2] = ["resourcePool", "datastore"];
const POOL_LINKS: [&str; 1] = ["owner"];

impl Inventory {
    /// Reads all that the account may see.
    pub(super) async fn read(session: &Session) -> Result<Self, ApiError> {
        let sets = [
            PropertySet {
                kind: "Datacenter",
                paths: &["name", "parent", "vmFolder", "networkFolder"],
            },
            PropertySet { kind: "Folder", paths: &["name", "parent"] },
            PropertySet {
                kind: "ComputeResource",
                paths: &["name", "parent", "resourcePool", "datastore"],
            },
            PropertySet { kind: "ResourcePool", paths: &["name", "parent", "owner"] },
            PropertySet { kind: "Datastore", paths: &["name", "parent", "summary.accessible"] },
        ];
        let mut inventory = Self::default();
        retrieve_below(session, &session.content.root_folder, &sets, |object| {
            let mut links = HashMap::new();
            for property in DATACENTER_LINKS.iter().chain(&COMPUTE_LINKS).chain(&POOL_LINKS) {
                if let Some(node) = object.get(property) {
                    let objects = match answer::reference(node) {
                        Some(object) => vec![object],
                        None => answer::references(node),
                    };
                    links.insert(*property, objects);
                }
            }
            let entry = Entry {
                name: unescape(object.text("name").unwrap_or_default()),
                parent: object.reference("parent"),
                links,
                // Said by datastores only; what says nothing is.
                accessible: object.get("summary.accessible").is_none_or(answer::flag),
            };
            inventory.0.insert(object.object.clone(), entry);
        })
        .await?;
        Ok(inventory)
    }

    /// Finds the places that the settings mean.
    pub(super) fn places(&self, settings: &Placement) -> Result<Places, ApiError> {
        let datacenter = self.choose_among(
            ("datacenter", "VSPHERE_DATACENTER"),
            &settings.datacenter,
            |object, _| object.kind == "Datacenter",
        )?;
        let vm_folder = self.root_of(&datacenter, "vmFolder")?;
        let network_folder = self.root_of(&datacenter, "networkFolder")?;

        let clusters = self.of_kind("ClusterComputeResource", &datacenter);
        let kind = if clusters == 0 { "ComputeResource" } else { "ClusterComputeResource" };
        let cluster =
            self.choose_among(("cluster", "VSPHERE_CLUSTER"), &settings.cluster, |object, _| {
                // A standalone host must be named where there are clusters.
                let named = settings.cluster.is_some() && object.kind == "ComputeResource";
                (object.kind == kind || named) && self.is_below(object, &datacenter)
            })?;
        let pool = match &settings.pool {
            None => self.root_of(&cluster, "resourcePool")?,
            named => self.choose_among(("pool", "VSPHERE_POOL"), named, |_, entry| {
                entry.link("owner") == Some(&cluster)
            })?,
        };
        let attached = self.0.get(&cluster).and_then(|entry| entry.links.get("datastore"));
        let datastore = self.choose_among(
            ("datastore", "VSPHERE_DATASTORE"),
            &settings.datastore,
            |object, entry| {
                entry.accessible && attached.is_some_and(|attached| attached.contains(object))
            },
        )?;
        let folder = |named: &Option<String>, variable| match named {
            None => Ok(vm_folder.clone()),
            named => self.choose_among(("folder", variable), named, |object, _| {
                object.kind == "Folder"
                    && (*object == vm_folder || self.is_below(object, &vm_folder))
            }),
        };
        Ok(Places {
            folder: folder(&settings.folder, "VSPHERE_FOLDER")?,
            template_folder: folder(&settings.template_folder, "VSPHERE_TEMPLATE_FOLDER")?,
            cluster,
            pool,
            datastore,
            network_folder,
        })
    }

    fn choose_among(
        &self,
        (what, variable): (&str, &str),
        setting: &Option<String>,
        is_candidate: impl Fn(&ObjectRef, &Entry) -> bool,
    ) -> Result<ObjectRef, ApiError> {
        let candidates = self
            .0
            .iter()
            .filter(|(object, entry)| is_candidate(object, entry))
            .map(|(object, entry)| Candidate {
                name: entry.name.clone(),
                path: self.path(object),
                value: object.clone(),
            })
            .collect();
        choose(what, variable, setting.as_deref(), candidates).map(|found| found.value)
    }

    fn of_kind(&self, kind: &str, ancestor: &ObjectRef) -> usize {
        self.0
            .keys()
            .filter(|object| object.kind == kind && self.is_below(object, ancestor))
            .count()
    }

    fn root_of(&self, object: &ObjectRef, link: &str) -> Result<ObjectRef, ApiError> {
        self.0.get(object).and_then(|entry| entry.link(link)).cloned().ok_or_else(|| {
            let path = self.path(object);
            let reason = format!("this account may not see {link} of {path} in vCenter");
            ApiError::Placement { reason }
        })
    }

    /// The object and all that it is in, from the inside out. Ends where the account sees no further.
    fn ancestry<'a>(
        &'a self,
        object: &'a ObjectRef,
    ) -> impl Iterator<Item = (&'a ObjectRef, &'a Entry)> {
        let mut next = Some(object);
        // No path is longer than there are objects: a loop in what vCenter says must end, too.
        (0..=self.0.len()).map_while(move |_| {
            let object = next?;
            let entry = self.0.get(object)?;
            next = entry.parent.as_ref();
            Some((object, entry))
        })
    }

    fn is_below(&self, object: &ObjectRef, ancestor: &ObjectRef) -> bool {
        self.ancestry(object).skip(1).any(|(object, _)| object == ancestor)
    }

    fn path(&self, object: &ObjectRef) -> String {
        let mut names: Vec<_> =
            self.ancestry(object).map(|(_, entry)| entry.name.as_str()).collect();
        names.reverse();
        format!("/{}", names.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Objects by a short id, the kind before the dash: `(id, name, parent, links)`.
    type Line<'a> = (&'a str, &'a str, &'a str, &'a [(&'static str, &'a [&'a str])]);

    fn object(id: &str) -> ObjectRef {
        let kind = match id.split('-').next().unwrap_or_default() {
            "dc" => "Datacenter",
            "f" => "Folder",
            "c" => "ClusterComputeResource",
            "h" => "ComputeResource",
            "p" => "ResourcePool",
            _ => "Datastore",
        };
        ObjectRef::new(kind, id)
    }

    fn inventory(lines: &[Line<'_>]) -> Inventory {
        let entry = |(id, name, parent, links): &Line<'_>| {
            let links = links
                .iter()
                .map(|(name, ids)| (*name, ids.iter().map(|id| object(id)).collect()))
                .collect();
            let parent = Some(*parent).filter(|parent| !parent.is_empty()).map(object);
            let entry =
                Entry { name: (*name).to_owned(), parent, links, accessible: !id.contains("away") };
            (object(id), entry)
        };
        Inventory(lines.iter().map(entry).collect())
    }

    const LINES: [Line<'static>; 15] = [
        ("f-eu", "eu", "f-root", &[]),
        ("dc-1", "DC1", "f-eu", &[("vmFolder", &["f-vm"]), ("networkFolder", &["f-net"])]),
        ("f-vm", "vm", "dc-1", &[]),
        ("f-net", "network", "dc-1", &[]),
        ("f-host", "host", "dc-1", &[]),
        ("f-a", "a", "f-vm", &[]),
        ("f-web", "web", "f-a", &[]),
        ("f-web2", "web", "f-vm", &[]),
        (
            "c-1",
            "prod",
            "f-host",
            &[("resourcePool", &["p-1"]), ("datastore", &["ds-1", "ds-away"])],
        ),
        ("h-1", "10.0.0.9", "f-host", &[("resourcePool", &["p-9"]), ("datastore", &["ds-9"])]),
        ("p-1", "Resources", "c-1", &[("owner", &["c-1"])]),
        ("p-2", "gold", "p-1", &[("owner", &["c-1"])]),
        ("p-9", "Resources", "h-1", &[("owner", &["h-1"])]),
        ("ds-1", "fast", "f-eu", &[]),
        ("ds-away", "broken", "f-eu", &[]),
    ];

    fn places(settings: &Placement) -> Result<Places, String> {
        inventory(&LINES).places(settings).map_err(|error| error.to_string())
    }

    fn named(name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    #[test]
    fn roots_and_only_ones_need_no_setting() {
        let places = places(&Placement::default()).expect("clear");
        assert_eq!(places.folder, object("f-vm"));
        assert_eq!(places.template_folder, object("f-vm"));
        assert_eq!(places.network_folder, object("f-net"));
        // Not the standalone host, not the pool below, not the datastore that is away.
        assert_eq!(places.cluster, object("c-1"));
        assert_eq!(places.pool, object("p-1"));
        assert_eq!(places.datastore, object("ds-1"));
    }

    #[test]
    fn settings_choose_by_name_or_path() {
        let settings = Placement {
            datacenter: named("/eu/DC1"),
            folder: named("a/web"),
            template_folder: named("/eu/DC1/vm/web"),
            pool: named("gold"),
            ..Placement::default()
        };
        let places = places(&settings).expect("clear");
        assert_eq!(places.folder, object("f-web"));
        assert_eq!(places.template_folder, object("f-web2"));
        assert_eq!(places.pool, object("p-2"));
    }

    #[test]
    fn an_ambiguous_folder_lists_its_paths() {
        let settings = Placement { folder: named("web"), ..Placement::default() };
        assert_eq!(
            places(&settings).map(|places| places.folder),
            Err("folder \"web\" is not the only one (VSPHERE_FOLDER): give the path of one of \
                 /eu/DC1/vm/a/web, /eu/DC1/vm/web"
                .to_owned())
        );
    }

    #[test]
    fn a_folder_for_hosts_is_no_place_for_vms() {
        let settings = Placement { folder: named("host"), ..Placement::default() };
        let reason = places(&settings).map(|places| places.folder).expect_err("no VM folder");
        assert!(reason.ends_with("there are: a, vm, web"), "{reason}");
    }

    #[test]
    fn a_standalone_host_can_be_named_and_has_its_own_datastores() {
        let settings = Placement { cluster: named("10.0.0.9"), ..Placement::default() };
        let reason = places(&settings).map(|places| places.pool).expect_err("no datastore");
        assert_eq!(
            reason,
            "vCenter has no datastore that this account may see (VSPHERE_DATASTORE)"
        );
        let without_cluster: Vec<_> =
            LINES.into_iter().filter(|(id, ..)| !id.starts_with("c-")).collect();
        let mut inventory = inventory(&without_cluster);
        inventory.0.extend([(
            object("ds-9"),
            Entry {
                name: "local".to_owned(),
                parent: None,
                links: HashMap::new(),
                accessible: true,
            },
        )]);
        let places = inventory.places(&Placement::default()).expect("clear");
        assert_eq!((places.cluster, places.pool), (object("h-1"), object("p-9")));
        assert_eq!(places.datastore, object("ds-9"));
    }

    #[test]
    fn parents_that_run_in_a_circle_do_not_hang() {
        let lines: [Line<'_>; 2] = [("f-1", "a", "f-2", &[]), ("f-2", "b", "f-1", &[])];
        assert_eq!(inventory(&lines).path(&object("f-1")), "/a/b/a");
    }
}
