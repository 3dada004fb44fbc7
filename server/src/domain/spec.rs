//! What a VM is to be like: parsed once, at the door, and valid from then on.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use super::ids::RequestId;

/// Memory is given in steps of this many MiB: vSphere refuses anything finer.
pub const MEMORY_STEP_MIB: u32 = 4;
/// The longest name of a VM: it is one DNS label (RFC 1123).
pub const VM_NAME_CHARS_MAX: usize = 63;
/// The longest template or network name that is taken: vSphere's own limit for the name of an object.
pub const NAME_CHARS_MAX: usize = 80;

/// A valid wish for one VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmSpec {
    /// The request that it is for; the VM carries it as its mark.
    pub request_id: RequestId,
    /// The VM's name, which is also its guest's host name: a DNS label (RFC 1123).
    pub name: String,
    /// The name of the template to clone.
    pub template: String,
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// The wanted network; without it the template's, with DHCP.
    pub network: Option<NetworkSpec>,
}

/// The wanted network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkSpec {
    /// The network's name in vCenter; without it the template's.
    pub name: Option<String>,
    /// A fixed address; without it DHCP.
    pub address: Option<FixedAddress>,
}

/// A fixed IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedAddress {
    /// The guest's address.
    pub ip: Ipv4Addr,
    /// The length of the network's prefix, 1 to 30.
    pub prefix_len: u8,
    /// The default gateway, inside the same network.
    pub gateway: Option<Ipv4Addr>,
}

/// A wish as it came in, before anything is known of it.
#[derive(Debug, Clone, Default)]
pub struct RawSpec {
    /// The VM's name.
    pub name: String,
    /// The template's name.
    pub template: String,
    /// Virtual CPUs.
    pub cpus: i64,
    /// Memory in MiB.
    pub memory_mib: i64,
    /// The network, if the caller said anything about it.
    pub network: Option<RawNetwork>,
}

/// A network as it came in.
#[derive(Debug, Clone, Default)]
pub struct RawNetwork {
    /// The network's name.
    pub name: Option<String>,
    /// Address and prefix length, `10.20.30.40/24`.
    pub ip_address: Option<String>,
    /// The gateway.
    pub gateway: Option<String>,
}

/// What may be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecLimits {
    /// Virtual CPUs.
    pub cpus: RangeInclusive<u32>,
    /// Memory in MiB.
    pub memory_mib: RangeInclusive<u32>,
}

/// One wrong field of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidField {
    /// The field's name as the API knows it, with dots for nesting.
    pub field: &'static str,
    /// What is wrong with it, for a person.
    pub message: String,
}

impl VmSpec {
    /// Checks a wish.
    ///
    /// # Errors
    ///
    /// All wrong fields at once.
    pub fn parse(
        request_id: RequestId,
        raw: &RawSpec,
        limits: &SpecLimits,
    ) -> Result<Self, Vec<InvalidField>> {
        let mut wrong = Vec::new();
        check(&mut wrong, "name", vm_name_error(&raw.name));
        check(&mut wrong, "template", object_name_error(&raw.template, "a template"));
        let cpus = within(&mut wrong, "cpus", raw.cpus, &limits.cpus, "");
        let memory_mib =
            within(&mut wrong, "memoryMib", raw.memory_mib, &limits.memory_mib, " MiB");
        if memory_mib.is_some_and(|mib| mib % MEMORY_STEP_MIB != 0) {
            let message = format!("must be a multiple of {MEMORY_STEP_MIB} MiB");
            wrong.push(InvalidField { field: "memoryMib", message });
        }
        let network = raw.network.as_ref().and_then(|network| parse_network(&mut wrong, network));
        match (cpus, memory_mib) {
            (Some(cpus), Some(memory_mib)) if wrong.is_empty() => Ok(Self {
                request_id,
                name: raw.name.clone(),
                template: raw.template.clone(),
                cpus,
                memory_mib,
                network,
            }),
            _ => Err(wrong),
        }
    }

    /// Equal for equal wishes only, whichever request they are of.
    pub fn fingerprint(&self) -> String {
        let network = self.network.clone().unwrap_or_default();
        let address = network.address.map(|fixed| {
            let gateway = fixed.gateway.map(|gateway| gateway.to_string()).unwrap_or_default();
            format!("{}/{} {gateway}", fixed.ip, fixed.prefix_len)
        });
        // No name has a control character in it, so a line break keeps the fields apart.
        [
            self.name.clone(),
            self.template.clone(),
            self.cpus.to_string(),
            self.memory_mib.to_string(),
            network.name.unwrap_or_default(),
            address.unwrap_or_default(),
        ]
        .join("\n")
    }

    /// The size in a person's words, as `2 CPUs, 4096 MiB`.
    pub fn size(&self) -> String {
        let cpus = if self.cpus == 1 { "CPU" } else { "CPUs" };
        format!("{} {cpus}, {} MiB", self.cpus, self.memory_mib)
    }
}

fn check(wrong: &mut Vec<InvalidField>, field: &'static str, error: Option<String>) {
    wrong.extend(error.map(|message| InvalidField { field, message }));
}

fn within(
    wrong: &mut Vec<InvalidField>,
    field: &'static str,
    value: i64,
    range: &RangeInclusive<u32>,
    unit: &str,
) -> Option<u32> {
    let valid = u32::try_from(value).ok().filter(|value| range.contains(value));
    if valid.is_none() {
        let message = format!("must be {} to {}{unit}", range.start(), range.end());
        wrong.push(InvalidField { field, message });
    }
    valid
}

/// Whether a VM may have this name.
pub fn is_vm_name(name: &str) -> bool {
    vm_name_error(name).is_none()
}

/// RFC 1123: the name becomes the guest's host name, so it must be one DNS label.
fn vm_name_error(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("give the VM a name".to_owned());
    }
    let characters =
        name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !characters {
        return Some("may only have small letters a-z, digits and hyphens".to_owned());
    }
    if name.len() > VM_NAME_CHARS_MAX {
        return Some(format!("may have at most {VM_NAME_CHARS_MAX} characters"));
    }
    (name.starts_with('-') || name.ends_with('-'))
        .then(|| "must not begin or end with a hyphen".to_owned())
}

fn object_name_error(name: &str, what: &str) -> Option<String> {
    if name.trim().is_empty() {
        return Some(format!("choose {what}"));
    }
    if name.chars().count() > NAME_CHARS_MAX {
        return Some(format!("may have at most {NAME_CHARS_MAX} characters"));
    }
    name.chars().any(char::is_control).then(|| "must not have control characters".to_owned())
}

fn parse_network(wrong: &mut Vec<InvalidField>, raw: &RawNetwork) -> Option<NetworkSpec> {
    if let Some(name) = &raw.name {
        check(wrong, "network.name", object_name_error(name, "a network"));
    }
    let address = raw.ip_address.as_ref().map(|text| parse_address(text));
    let gateway = raw.gateway.as_ref().map(|text| text.parse::<Ipv4Addr>());
    if let Some(Err(message)) = &address {
        check(wrong, "network.ipAddress", Some(message.clone()));
    }
    match (&address, &gateway) {
        (_, Some(Err(_))) => {
            check(wrong, "network.gateway", Some("must be an IPv4 address".to_owned()));
        }
        (None, Some(Ok(_))) => {
            let message = "goes with a fixed address: give network.ipAddress too".to_owned();
            check(wrong, "network.gateway", Some(message));
        }
        (Some(Ok((ip, prefix_len))), Some(Ok(gateway))) => {
            check(wrong, "network.gateway", gateway_error(*ip, *prefix_len, *gateway));
        }
        _ => {}
    }
    let address = address.and_then(Result::ok).map(|(ip, prefix_len)| FixedAddress {
        ip,
        prefix_len,
        gateway: gateway.and_then(Result::ok),
    });
    (raw.name.is_some() || address.is_some())
        .then(|| NetworkSpec { name: raw.name.clone(), address })
}

fn parse_address(text: &str) -> Result<(Ipv4Addr, u8), String> {
    let form = || "must be an IPv4 address with its prefix length, as 10.20.30.40/24".to_owned();
    let (ip, prefix_len) = text.split_once('/').ok_or_else(form)?;
    let ip: Ipv4Addr = ip.parse().map_err(|_| form())?;
    // In digits alone: Rust's own reading takes a plus too.
    let digits = Some(prefix_len).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let prefix_len: u8 = digits.and_then(|text| text.parse().ok()).ok_or_else(form)?;
    if !(1..=30).contains(&prefix_len) {
        return Err("must have a prefix length of 1 to 30".to_owned());
    }
    if ip.is_unspecified() || ip.is_loopback() || ip.is_link_local() || ip.is_multicast() {
        return Err("must be an address that a guest can have".to_owned());
    }
    if is_of_no_host(ip, prefix_len) {
        return Err(OF_NO_HOST.to_owned());
    }
    Ok((ip, prefix_len))
}

const OF_NO_HOST: &str = "is the network's own or its broadcast address";

/// Whether an address is the network's own or its broadcast address.
fn is_of_no_host(ip: Ipv4Addr, prefix_len: u8) -> bool {
    let host_bits = u32::MAX >> prefix_len;
    let host = ip.to_bits() & host_bits;
    ip.is_broadcast() || host == 0 || host == host_bits
}

fn gateway_error(ip: Ipv4Addr, prefix_len: u8, gateway: Ipv4Addr) -> Option<String> {
    let network = |address: Ipv4Addr| address.to_bits() >> (32 - u32::from(prefix_len));
    if gateway == ip {
        return Some("must not be the VM's own address".to_owned());
    }
    if network(gateway) != network(ip) {
        return Some(format!("must be in the network of {ip}/{prefix_len}"));
    }
    is_of_no_host(gateway, prefix_len).then(|| OF_NO_HOST.to_owned())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn parse(raw: &RawSpec) -> Result<VmSpec, Vec<InvalidField>> {
        let limits = SpecLimits { cpus: 1..=64, memory_mib: 256..=1_048_576 };
        VmSpec::parse(RequestId(Uuid::nil()), raw, &limits)
    }

    fn raw() -> RawSpec {
        RawSpec {
            name: "build-agent-07".to_owned(),
            template: "ubuntu-24.04".to_owned(),
            cpus: 2,
            memory_mib: 4096,
            network: None,
        }
    }

    fn wrong_fields(raw: &RawSpec) -> Vec<&'static str> {
        parse(raw).expect_err("must be refused").into_iter().map(|wrong| wrong.field).collect()
    }

    #[test]
    fn a_good_wish_is_taken_as_it_is() {
        let spec = parse(&raw()).expect("valid");
        assert_eq!((spec.name.as_str(), spec.cpus, spec.memory_mib), ("build-agent-07", 2, 4096));
        assert_eq!(spec.size(), "2 CPUs, 4096 MiB");
    }

    #[test]
    fn all_wrong_fields_are_named_at_once() {
        let network = RawNetwork {
            name: Some(String::new()),
            ip_address: Some("10.0.0.1".to_owned()),
            gateway: Some("x".to_owned()),
        };
        let raw = RawSpec {
            name: "Über".to_owned(),
            template: " ".to_owned(),
            cpus: 0,
            memory_mib: -1,
            network: Some(network),
        };
        let expected = [
            "name",
            "template",
            "cpus",
            "memoryMib",
            "network.name",
            "network.ipAddress",
            "network.gateway",
        ];
        assert_eq!(wrong_fields(&raw), expected);
    }

    #[test]
    fn names_are_dns_labels() {
        for (name, good) in [
            ("a", true),
            ("a-1", true),
            (&"a".repeat(63) as &str, true),
            (&"a".repeat(64), false),
            ("", false),
            ("-a", false),
            ("a-", false),
            ("a.b", false),
            ("A", false),
            ("a b", false),
        ] {
            let raw = RawSpec { name: name.to_owned(), ..raw() };
            assert_eq!(parse(&raw).is_ok(), good, "{name:?}");
        }
    }

    #[test]
    fn sizes_have_limits_and_memory_a_step() {
        for (cpus, memory_mib, wrong) in [
            (65, 4096, vec!["cpus"]),
            (64, 1_048_576, vec![]),
            (1, 255, vec!["memoryMib"]),
            (1, 258, vec!["memoryMib"]),
            (i64::MAX, i64::MIN, vec!["cpus", "memoryMib"]),
        ] {
            let raw = RawSpec { cpus, memory_mib, ..raw() };
            let fields = parse(&raw).err().unwrap_or_default();
            assert_eq!(fields.iter().map(|wrong| wrong.field).collect::<Vec<_>>(), wrong);
        }
    }

    #[test]
    fn fixed_addresses_must_be_usable() {
        for (address, gateway, wrong) in [
            ("10.20.30.40/24", Some("10.20.30.1"), vec![]),
            ("10.20.30.40/24", None, vec![]),
            ("10.20.30.40/24", Some("10.20.31.1"), vec!["network.gateway"]),
            ("10.20.30.40/24", Some("10.20.30.40"), vec!["network.gateway"]),
            ("10.20.30.40/24", Some("10.20.30.0"), vec!["network.gateway"]),
            ("10.20.30.40/24", Some("10.20.30.255"), vec!["network.gateway"]),
            ("10.20.30.40/+24", None, vec!["network.ipAddress"]),
            ("10.20.30.0/24", None, vec!["network.ipAddress"]),
            ("10.20.30.255/24", None, vec!["network.ipAddress"]),
            ("10.20.30.40/31", None, vec!["network.ipAddress"]),
            ("127.0.0.1/8", None, vec!["network.ipAddress"]),
            ("fe80::1/64", None, vec!["network.ipAddress"]),
        ] {
            let network = RawNetwork {
                name: None,
                ip_address: Some(address.to_owned()),
                gateway: gateway.map(str::to_owned),
            };
            let raw = RawSpec { network: Some(network), ..raw() };
            let fields = parse(&raw).err().unwrap_or_default();
            assert_eq!(
                fields.iter().map(|wrong| wrong.field).collect::<Vec<_>>(),
                wrong,
                "{address}"
            );
        }
    }

    #[test]
    fn a_gateway_alone_is_refused() {
        let network = RawNetwork { gateway: Some("10.0.0.1".to_owned()), ..RawNetwork::default() };
        assert_eq!(wrong_fields(&RawSpec { network: Some(network), ..raw() }), ["network.gateway"]);
    }
}
