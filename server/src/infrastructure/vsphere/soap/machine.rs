//! What is known of VMs and templates: their properties, their network cards, their disks.

use std::slice::from_ref;

use roxmltree::Node;
use uuid::Uuid;

use super::answer;
use super::properties::{Properties, PropertySet, retrieve, retrieve_below};
use super::session::{Session, is_gone};
use super::xml::ObjectRef;
use crate::domain::ids::MoRef;
use crate::domain::ports::vsphere::VmTemplate;
use crate::infrastructure::vsphere::api::{ApiError, MARK_KEY, VmInfo};

const GIB: u64 = 1 << 30;
/// How many templates are read in one call: their devices come to some 20 KiB each.
const TEMPLATES_READ_AT_ONCE: usize = 100;
const VM_PATHS: [&str; 9] = [
    "name",
    "config.instanceUuid",
    "config.extraConfig",
    "config.hardware.numCPU",
    "config.hardware.memoryMB",
    "config.hardware.device",
    "config.annotation",
    "config.guestId",
    "runtime.powerState",
];
const TEMPLATE_PATHS: [&str; 6] = [
    "name",
    "config.guestId",
    "config.guestFullName",
    "config.hardware.numCPU",
    "config.hardware.memoryMB",
    "config.hardware.device",
];

/// Reads a VM; `None` when it does not exist (any more).
pub(super) async fn read_vm(session: &Session, vm: &MoRef) -> Result<Option<VmInfo>, ApiError> {
    let sets = [PropertySet { kind: "VirtualMachine", paths: &VM_PATHS }];
    let mut found = None;
    let mut forbidden = None;
    let outcome = retrieve(session, &sets, &[ObjectRef::vm(vm)], |object| {
        forbidden = object.forbidden().cloned();
        found = Some(vm_info(object));
    })
    .await;
    match outcome {
        Err(error) if is_gone(&error) => return Ok(None),
        outcome => outcome?,
    }
    match forbidden {
        // Half of what is known of a VM would pass for the whole: a mark that may not be read would
        // make a VM look like somebody else's.
        Some(fault) => Err(ApiError::Fault { operation: "RetrievePropertiesEx", fault }),
        None => Ok(found),
    }
}

fn vm_info(object: &Properties<'_, '_>) -> VmInfo {
    let text = |path: &str| object.text(path).unwrap_or_default();
    let instance_uuid = Uuid::parse_str(text("config.instanceUuid")).ok();
    let devices = object.get("config.hardware.device");
    VmInfo {
        name: unescape(text("name")),
        instance_uuid,
        mark: object.get("config.extraConfig").and_then(mark),
        cpus: object.number("config.hardware.numCPU").unwrap_or_default(),
        memory_mib: object.number("config.hardware.memoryMB").unwrap_or_default(),
        annotation: text("config.annotation").to_owned(),
        powered_on: text("runtime.powerState") == "poweredOn",
        linux_guest: is_linux(text("config.guestId")),
        macs: devices.into_iter().flat_map(nics).filter_map(|nic| nic.mac).collect(),
    }
}

fn mark(extra_config: Node<'_, '_>) -> Option<String> {
    answer::children(extra_config, "OptionValue")
        .find(|option| answer::text(*option, "key") == Some(MARK_KEY))
        .and_then(|option| answer::text(option, "value"))
        .map(str::to_owned)
}

/// A network card.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Nic {
    /// Its class, as `VirtualVmxnet3`.
    pub(super) kind: String,
    pub(super) key: i64,
    pub(super) controller_key: Option<i64>,
    pub(super) unit_number: Option<i64>,
    pub(super) label: String,
    pub(super) mac: Option<String>,
}

/// The network cards among the devices: those with a MAC address, of whatever class.
pub(super) fn nics<'a, 'input>(
    devices: Node<'a, 'input>,
) -> impl Iterator<Item = Nic> + use<'a, 'input> {
    devices.children().filter(|device| answer::child(*device, "macAddress").is_some()).filter_map(
        |device| {
            let number = |name| answer::child(device, name).and_then(answer::number);
            let label = answer::child(device, "deviceInfo")
                .and_then(|info| answer::text(info, "label"))
                .unwrap_or_default();
            Some(Nic {
                kind: answer::kind(device)?.to_owned(),
                key: number("key")?,
                controller_key: number("controllerKey"),
                unit_number: number("unitNumber"),
                label: label.to_owned(),
                mac: answer::text(device, "macAddress").map(str::to_lowercase),
            })
        },
    )
}

fn disk_bytes(devices: Node<'_, '_>) -> u64 {
    devices
        .children()
        .filter_map(|device| {
            let bytes = answer::child(device, "capacityInBytes").and_then(answer::number::<u64>);
            let kib = || answer::child(device, "capacityInKB").and_then(answer::number::<u64>);
            bytes.or_else(|| kib().map(|kib| kib.saturating_mul(1024)))
        })
        .fold(0, u64::saturating_add)
}

/// Whether a `guestId` names a Linux, which `CustomizationLinuxPrep` is for.
pub(super) fn is_linux(guest_id: &str) -> bool {
    const FAMILIES: [&str; 24] = [
        "almalinux",
        "amazonlinux",
        "asianux",
        "centos",
        "coreos",
        "crxpod",
        "debian",
        "fedora",
        "fusionos",
        "mandrake",
        "mandriva",
        "nld",
        "oes",
        "opensuse",
        "pardus",
        "redhat",
        "rhel",
        "rocky",
        "sjds",
        "sles",
        "suse",
        "ubuntu",
        "vmwarephoton",
        "kylin",
    ];
    let id = guest_id.to_lowercase();
    id.contains("linux") || FAMILIES.iter().any(|family| id.starts_with(family))
}

/// A name as people know it: vCenter writes `%`, `/` and `\` in names as `%25`, `%2f` and `%5c`.
pub(super) fn unescape(name: &str) -> String {
    // The percent sign last, so that what it gives is not read again.
    ["%2f", "%2F", "%5c", "%5C", "%25"]
        .iter()
        .zip(["/", "/", "\\", "\\", "%"])
        .fold(name.to_owned(), |name, (code, character)| name.replace(code, character))
}

/// The templates below a folder, by name. Only those get all their properties read: a folder may have
/// thousands of VMs beside them.
pub(super) async fn find_templates(
    session: &Session,
    folder: &ObjectRef,
) -> Result<Vec<(String, ObjectRef)>, ApiError> {
    let sets = [PropertySet { kind: "VirtualMachine", paths: &["name", "config.template"] }];
    let mut found = Vec::new();
    retrieve_below(session, folder, &sets, |object| {
        if object.flag("config.template") {
            found.push((unescape(object.text("name").unwrap_or_default()), object.object.clone()));
        }
    })
    .await?;
    Ok(found)
}

/// Reads templates. One that was deleted meanwhile is left out.
pub(super) async fn read_templates(
    session: &Session,
    templates: Vec<ObjectRef>,
) -> Result<Vec<VmTemplate>, ApiError> {
    let sets = [PropertySet { kind: "VirtualMachine", paths: &TEMPLATE_PATHS }];
    let mut found = Vec::new();
    for some in templates.chunks(TEMPLATES_READ_AT_ONCE) {
        let outcome =
            retrieve(session, &sets, some, |object| found.push(vm_template(object))).await;
        match outcome {
            Err(error) if is_gone(&error) => {}
            outcome => outcome?,
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

fn vm_template(object: &Properties<'_, '_>) -> VmTemplate {
    let guest = object.text("config.guestFullName").or(object.text("config.guestId"));
    let disk = object.get("config.hardware.device").map(disk_bytes).unwrap_or_default();
    VmTemplate {
        name: unescape(object.text("name").unwrap_or_default()),
        moref: object.object.moref(),
        guest: guest.unwrap_or_default().to_owned(),
        cpus: object.number("config.hardware.numCPU").unwrap_or_default(),
        memory_mib: object.number("config.hardware.memoryMB").unwrap_or_default(),
        disk_gib: u32::try_from(disk.div_ceil(GIB)).unwrap_or(u32::MAX),
    }
}

/// Reads the network cards of a VM or template.
pub(super) async fn read_nics(session: &Session, vm: &ObjectRef) -> Result<Vec<Nic>, ApiError> {
    let sets = [PropertySet { kind: "VirtualMachine", paths: &["config.hardware.device"] }];
    let mut found = Vec::new();
    retrieve(session, &sets, from_ref(vm), |object| {
        found = object.get("config.hardware.device").into_iter().flat_map(nics).collect();
    })
    .await?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::super::xml::XSI;
    use super::*;

    const DEVICES: &str = "<VirtualDevice x:type='VirtualIDEController'><key>200</key></VirtualDevice>\
        <VirtualDevice x:type='VirtualDisk'><key>2000</key><capacityInKB>1</capacityInKB>\
        <capacityInBytes>5368709121</capacityInBytes></VirtualDevice>\
        <VirtualDevice x:type='VirtualDisk'><key>2001</key><capacityInKB>1048576</capacityInKB>\
        </VirtualDevice>\
        <VirtualDevice x:type='VirtualVmxnet3'><key>4000</key><deviceInfo x:type='Description'>\
        <label>Network adapter 1</label><summary>VM Network</summary></deviceInfo>\
        <controllerKey>100</controllerKey><unitNumber>7</unitNumber>\
        <macAddress>00:50:56:AB:CD:EF</macAddress></VirtualDevice>\
        <VirtualDevice x:type='VirtualE1000'><key>4001</key><macAddress/></VirtualDevice>";

    fn with_devices<T>(read: impl FnOnce(Node<'_, '_>) -> T) -> T {
        let text = format!("<val xmlns:x='{XSI}'>{DEVICES}</val>");
        let document = Document::parse(&text).expect("well-formed");
        read(document.root_element())
    }

    #[test]
    fn network_cards_are_what_has_a_mac_address() {
        let nics: Vec<_> = with_devices(|devices| nics(devices).collect());
        let first = Nic {
            kind: "VirtualVmxnet3".to_owned(),
            key: 4000,
            controller_key: Some(100),
            unit_number: Some(7),
            label: "Network adapter 1".to_owned(),
            mac: Some("00:50:56:ab:cd:ef".to_owned()),
        };
        assert_eq!(nics.len(), 2);
        assert_eq!(nics[0], first);
        assert_eq!((nics[1].key, nics[1].mac.as_deref()), (4001, None));
    }

    #[test]
    fn disks_count_by_bytes_else_by_kib() {
        assert_eq!(with_devices(disk_bytes), 5_368_709_121 + 1_073_741_824);
    }

    #[test]
    fn linux_guests_are_known_by_their_id() {
        for id in [
            "ubuntu64Guest",
            "debian12_64Guest",
            "rhel9_64Guest",
            "other5xLinux64Guest",
            "oracleLinux8_64Guest",
            "vmwarePhoton64Guest",
            "sles15_64Guest",
            "rockylinux_64Guest",
        ] {
            assert!(is_linux(id), "{id}");
        }
        for id in [
            "windows2019srvNext_64Guest",
            "otherGuest64",
            "freebsd14_64Guest",
            "darwin21_64Guest",
            "",
        ] {
            assert!(!is_linux(id), "{id}");
        }
    }

    #[test]
    fn names_are_shown_as_people_know_them() {
        assert_eq!(unescape("a%2fb%5cc%25"), "a/b\\c%");
        assert_eq!(unescape("100%252f"), "100%2f");
    }

    #[test]
    fn the_mark_is_found_among_the_options() {
        let text = format!(
            "<val xmlns:x='{XSI}'><OptionValue x:type='OptionValue'><key>a</key><value>1</value>\
             </OptionValue><OptionValue><key>{MARK_KEY}</key><value x:type='xsd:string'>id</value>\
             </OptionValue></val>"
        );
        let document = Document::parse(&text).expect("well-formed");
        assert_eq!(mark(document.root_element()).as_deref(), Some("id"));
    }
}
