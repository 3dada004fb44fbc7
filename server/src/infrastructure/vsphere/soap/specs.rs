//! The calls that change something, in the element order of vCenter's schema: a type's inherited
//! fields first, then its own, each in the order of its declaration.

use std::net::Ipv4Addr;

use super::machine::Nic;
use super::network::Backing;
use super::xml::{ObjectRef, Request, Writer};
use crate::domain::spec::FixedAddress;
use crate::infrastructure::vsphere::api::{CloneSpec, ConfigSpec, Customization, MARK_KEY};

/// The domain that a Linux guest is given: vCenter wants one, and images that know no better call
/// themselves `localhost.localdomain`.
const GUEST_DOMAIN: &str = "localdomain";

/// Where a clone is put.
#[derive(Debug)]
pub(super) struct Target<'a> {
    pub(super) folder: &'a ObjectRef,
    pub(super) pool: &'a ObjectRef,
    pub(super) datastore: &'a ObjectRef,
    pub(super) host: Option<&'a ObjectRef>,
}

/// `CloneVM_Task`. `network` moves one network card to another network.
pub(super) fn clone_vm(
    template: &ObjectRef,
    clone: &CloneSpec,
    target: &Target<'_>,
    network: Option<(&Nic, &Backing)>,
) -> Request {
    Request::new("CloneVM_Task", template, |writer| {
        writer.reference("folder", target.folder);
        writer.text("name", &clone.name);
        writer.element("spec", |writer| {
            writer.element("location", |writer| {
                writer.reference("datastore", target.datastore);
                writer.reference("pool", target.pool);
                if let Some(host) = target.host {
                    writer.reference("host", host);
                }
            });
            writer.flag("template", false);
            writer.element("config", |writer| {
                writer.text("instanceUuid", &clone.instance_uuid.to_string());
                if let Some((nic, backing)) = network {
                    write_nic_change(writer, nic, backing);
                }
                writer.typed("extraConfig", "OptionValue", |writer| {
                    writer.text("key", MARK_KEY);
                    writer.any_string("value", &clone.mark);
                });
            });
            // On its own: vCenter would power on in a second task that nobody hears of.
            writer.flag("powerOn", false);
        });
    })
}

/// Edits a network card. What is left out stays as it is; the MAC address must be left out, since
/// the clone gets one of its own.
fn write_nic_change(writer: &mut Writer, nic: &Nic, backing: &Backing) {
    writer.typed("deviceChange", "VirtualDeviceConfigSpec", |writer| {
        writer.text("operation", "edit");
        writer.typed("device", &nic.kind, |writer| {
            writer.number("key", nic.key);
            writer.typed("deviceInfo", "Description", |writer| {
                writer.text("label", &nic.label);
                writer.text("summary", backing.name());
            });
            write_backing(writer, backing);
            if let Some(key) = nic.controller_key {
                writer.number("controllerKey", key);
            }
            if let Some(unit) = nic.unit_number {
                writer.number("unitNumber", unit);
            }
        });
    });
}

fn write_backing(writer: &mut Writer, backing: &Backing) {
    match backing {
        Backing::Standard { name, network } => {
            writer.typed("backing", "VirtualEthernetCardNetworkBackingInfo", |writer| {
                writer.text("deviceName", name);
                writer.reference("network", network);
            });
        }
        Backing::Distributed { switch_uuid, portgroup_key, .. } => {
            let kind = "VirtualEthernetCardDistributedVirtualPortBackingInfo";
            writer.typed("backing", kind, |writer| {
                writer.element("port", |writer| {
                    writer.text("switchUuid", switch_uuid);
                    writer.text("portgroupKey", portgroup_key);
                });
            });
        }
        Backing::Opaque { id, kind, .. } => {
            writer.typed("backing", "VirtualEthernetCardOpaqueNetworkBackingInfo", |writer| {
                writer.text("opaqueNetworkId", id);
                writer.text("opaqueNetworkType", kind);
            });
        }
    }
}

/// `ReconfigVM_Task`.
pub(super) fn reconfigure_vm(vm: &ObjectRef, config: &ConfigSpec) -> Request {
    Request::new("ReconfigVM_Task", vm, |writer| {
        writer.element("spec", |writer| {
            if let Some(annotation) = &config.annotation {
                writer.text("annotation", annotation);
            }
            if let Some(cpus) = config.cpus {
                writer.number("numCPUs", cpus);
            }
            if let Some(memory_mib) = config.memory_mib {
                writer.number("memoryMB", memory_mib);
            }
        });
    })
}

/// `CustomizeVM_Task` for a Linux guest: one setting for each network card, the first with the address.
pub(super) fn customize_vm(vm: &ObjectRef, customization: &Customization) -> Request {
    Request::new("CustomizeVM_Task", vm, |writer| {
        writer.element("spec", |writer| {
            writer.typed("identity", "CustomizationLinuxPrep", |writer| {
                writer.typed("hostName", "CustomizationFixedName", |writer| {
                    writer.text("name", &customization.hostname);
                });
                writer.text("domain", GUEST_DOMAIN);
            });
            writer.element("globalIPSettings", |_| {});
            for nic in 0..customization.nics {
                let address = customization.address.as_ref().filter(|_| nic == 0);
                writer.element("nicSettingMap", |writer| {
                    writer.element("adapter", |writer| write_adapter(writer, address));
                });
            }
        });
    })
}

fn write_adapter(writer: &mut Writer, address: Option<&FixedAddress>) {
    let Some(address) = address else {
        writer.typed("ip", "CustomizationDhcpIpGenerator", |_| {});
        return;
    };
    writer.typed("ip", "CustomizationFixedIp", |writer| {
        writer.text("ipAddress", &address.ip.to_string());
    });
    writer.text("subnetMask", &subnet_mask(address.prefix_len).to_string());
    if let Some(gateway) = address.gateway {
        writer.text("gateway", &gateway.to_string());
    }
}

fn subnet_mask(prefix_len: u8) -> Ipv4Addr {
    let host_bits = u32::from(32 - prefix_len.min(32));
    Ipv4Addr::from_bits(u32::MAX.checked_shl(host_bits).unwrap_or(0))
}

/// A method that needs no parameters.
pub(super) fn plain_task(method: &'static str, object: &ObjectRef) -> Request {
    Request::new(method, object, |_| {})
}

#[cfg(test)]
mod tests {
    use roxmltree::{Document, Node};
    use uuid::Uuid;

    use super::*;

    /// The paths of all elements below the method's, in document order, with their types.
    fn outline(request: &Request) -> Vec<String> {
        fn walk(node: Node<'_, '_>, path: &str, lines: &mut Vec<String>) {
            for child in node.children().filter(Node::is_element) {
                let kind = child.attribute((super::super::xml::XSI, "type"));
                let kind = kind.map(|kind| format!(":{kind}")).unwrap_or_default();
                let path = format!("{path}{}{kind}", child.tag_name().name());
                lines.push(match child.text().filter(|_| child.first_element_child().is_none()) {
                    Some(text) => format!("{path}={text}"),
                    None => path.clone(),
                });
                walk(child, &format!("{path}/"), lines);
            }
        }
        let document = Document::parse(&request.body).expect("well-formed");
        let method = document
            .descendants()
            .find(|node| node.has_tag_name(("urn:vim25", request.method)))
            .expect("the method");
        let mut lines = Vec::new();
        walk(method, "", &mut lines);
        lines
    }

    fn object(kind: &str) -> ObjectRef {
        ObjectRef::new(kind, &format!("{}-1", kind.to_lowercase()))
    }

    fn clone_spec() -> CloneSpec {
        CloneSpec {
            template: "t".to_owned(),
            name: "web-1".to_owned(),
            instance_uuid: Uuid::nil(),
            mark: "id".to_owned(),
            network: None,
        }
    }

    fn clone_outline(network: Option<(&Nic, &Backing)>) -> Vec<String> {
        let (folder, pool, datastore) =
            (object("Folder"), object("ResourcePool"), object("Datastore"));
        let host = object("HostSystem");
        let target =
            Target { folder: &folder, pool: &pool, datastore: &datastore, host: Some(&host) };
        outline(&clone_vm(&object("VirtualMachine"), &clone_spec(), &target, network))
    }

    #[test]
    fn a_clone_spec_is_in_the_schemas_order() {
        assert_eq!(
            clone_outline(None),
            [
                "_this=virtualmachine-1",
                "folder=folder-1",
                "name=web-1",
                "spec",
                "spec/location",
                "spec/location/datastore=datastore-1",
                "spec/location/pool=resourcepool-1",
                "spec/location/host=hostsystem-1",
                "spec/template=false",
                "spec/config",
                "spec/config/instanceUuid=00000000-0000-0000-0000-000000000000",
                "spec/config/extraConfig:OptionValue",
                "spec/config/extraConfig:OptionValue/key=guestinfo.stagewatch.request",
                "spec/config/extraConfig:OptionValue/value:xsd:string=id",
                "spec/powerOn=false",
            ]
        );
    }

    fn nic() -> Nic {
        Nic {
            kind: "VirtualVmxnet3".to_owned(),
            key: 4000,
            controller_key: Some(100),
            unit_number: Some(7),
            label: "Network adapter 1".to_owned(),
            mac: Some("00:50:56:00:00:01".to_owned()),
        }
    }

    #[test]
    fn a_device_change_stands_between_uuid_and_extra_config_and_names_no_mac() {
        let backing = Backing::Distributed {
            name: "blue".to_owned(),
            switch_uuid: "50 11".to_owned(),
            portgroup_key: "dvportgroup-9".to_owned(),
        };
        let lines = clone_outline(Some((&nic(), &backing)));
        let at = |end: &str| lines.iter().position(|line| line.contains(end)).expect(end);
        assert!(at("config/instanceUuid") < at("config/deviceChange"));
        assert!(at("config/deviceChange") < at("config/extraConfig"));
        let change = "spec/config/deviceChange:VirtualDeviceConfigSpec/";
        let device = format!("{change}device:VirtualVmxnet3");
        let backing =
            format!("{device}/backing:VirtualEthernetCardDistributedVirtualPortBackingInfo");
        let found: Vec<_> =
            lines.iter().filter(|line| line.starts_with(change)).map(String::as_str).collect();
        assert_eq!(
            found,
            [
                format!("{change}operation=edit"),
                device.clone(),
                format!("{device}/key=4000"),
                format!("{device}/deviceInfo:Description"),
                format!("{device}/deviceInfo:Description/label=Network adapter 1"),
                format!("{device}/deviceInfo:Description/summary=blue"),
                backing.clone(),
                format!("{backing}/port"),
                format!("{backing}/port/switchUuid=50 11"),
                format!("{backing}/port/portgroupKey=dvportgroup-9"),
                format!("{device}/controllerKey=100"),
                format!("{device}/unitNumber=7"),
            ]
        );
    }

    #[test]
    fn each_kind_of_network_has_its_backing() {
        let standard =
            Backing::Standard { name: "VM Network".to_owned(), network: object("Network") };
        let lines = clone_outline(Some((&nic(), &standard)));
        let tails: Vec<_> = lines
            .iter()
            .filter_map(|line| line.split_once("VirtualEthernetCardNetworkBackingInfo/"))
            .map(|(_, tail)| tail)
            .collect();
        assert_eq!(tails, ["deviceName=VM Network", "network=network-1"]);

        let opaque = Backing::Opaque {
            name: "seg".to_owned(),
            id: "1".to_owned(),
            kind: "nsx.LogicalSwitch".to_owned(),
        };
        let lines = clone_outline(Some((&nic(), &opaque)));
        let tails: Vec<_> = lines
            .iter()
            .filter_map(|line| line.split_once("VirtualEthernetCardOpaqueNetworkBackingInfo/"))
            .map(|(_, tail)| tail)
            .collect();
        assert_eq!(tails, ["opaqueNetworkId=1", "opaqueNetworkType=nsx.LogicalSwitch"]);
    }

    #[test]
    fn a_config_spec_is_in_the_schemas_order_and_says_only_what_changes() {
        let vm = object("VirtualMachine");
        let all = ConfigSpec {
            cpus: Some(4),
            memory_mib: Some(8192),
            annotation: Some("made <here>".to_owned()),
        };
        assert_eq!(
            outline(&reconfigure_vm(&vm, &all)),
            [
                "_this=virtualmachine-1",
                "spec",
                "spec/annotation=made <here>",
                "spec/numCPUs=4",
                "spec/memoryMB=8192",
            ]
        );
        let one = ConfigSpec { memory_mib: Some(512), ..ConfigSpec::default() };
        assert_eq!(
            outline(&reconfigure_vm(&vm, &one)),
            ["_this=virtualmachine-1", "spec", "spec/memoryMB=512"]
        );
    }

    #[test]
    fn a_customization_spec_is_in_the_schemas_order_with_one_setting_a_card() {
        let address = FixedAddress {
            ip: Ipv4Addr::new(10, 20, 30, 40),
            prefix_len: 24,
            gateway: Some(Ipv4Addr::new(10, 20, 30, 1)),
        };
        let customization =
            Customization { hostname: "web-1".to_owned(), address: Some(address), nics: 2 };
        let identity = "spec/identity:CustomizationLinuxPrep";
        assert_eq!(
            outline(&customize_vm(&object("VirtualMachine"), &customization)),
            [
                "_this=virtualmachine-1".to_owned(),
                "spec".to_owned(),
                identity.to_owned(),
                format!("{identity}/hostName:CustomizationFixedName"),
                format!("{identity}/hostName:CustomizationFixedName/name=web-1"),
                format!("{identity}/domain=localdomain"),
                "spec/globalIPSettings".to_owned(),
                "spec/nicSettingMap".to_owned(),
                "spec/nicSettingMap/adapter".to_owned(),
                "spec/nicSettingMap/adapter/ip:CustomizationFixedIp".to_owned(),
                "spec/nicSettingMap/adapter/ip:CustomizationFixedIp/ipAddress=10.20.30.40"
                    .to_owned(),
                "spec/nicSettingMap/adapter/subnetMask=255.255.255.0".to_owned(),
                "spec/nicSettingMap/adapter/gateway=10.20.30.1".to_owned(),
                "spec/nicSettingMap".to_owned(),
                "spec/nicSettingMap/adapter".to_owned(),
                "spec/nicSettingMap/adapter/ip:CustomizationDhcpIpGenerator".to_owned(),
            ]
        );
    }

    #[test]
    fn a_prefix_length_becomes_a_mask() {
        let masks = [0, 1, 20, 30, 32].map(|length| subnet_mask(length).to_string());
        assert_eq!(
            masks,
            ["0.0.0.0", "128.0.0.0", "255.255.240.0", "255.255.255.252", "255.255.255.255"]
        );
    }
}
