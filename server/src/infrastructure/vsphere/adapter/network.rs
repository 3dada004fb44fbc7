//! Waiting until the guest has an address that can be used.

use std::net::IpAddr;

use tokio::time::Instant;

use super::failure::{Failure, rejected};
use super::run::Run;
use super::wait::{IDLE_PAUSE, WAIT_MAX};
use crate::domain::ids::MoRef;
use crate::domain::ports::vsphere::{
    Checkpoint, RejectionCode, VmProvisioningResult, VsphereError,
};
use crate::domain::stage::VmProvisioningStage;
use crate::infrastructure::vsphere::api::{GuestInfo, GuestNic, VmInfo};

/// An address that is to be believed once it has stayed the same.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    address: IpAddr,
    since: Instant,
    /// Whether it came before the deadline.
    in_time: bool,
}

impl Run<'_> {
    /// Waits for the address of our running VM, and tells what was made.
    pub(super) async fn wait_for_network(
        &mut self,
        vm: &MoRef,
    ) -> Result<VmProvisioningResult, Failure> {
        self.progress.stage(VmProvisioningStage::WaitingForNetwork, None).await?;
        let info = self.our_vm(vm).await?;
        let wanted = self.wanted_address(&info);
        if self.checkpoint.address_since.is_none() {
            // Nothing is in flight any more.
            let (vm, address_since) = (Some(vm.clone()), Some(self.progress.now()));
            self.tell(Checkpoint { task: None, vm, address_since }).await?;
        }
        let (ip_address, guest) = self.settled_address(vm, &info, wanted).await?;
        // Read once more: what is told must be the VM that is there now.
        let info = self.our_vm(vm).await?;
        let hostname = match guest.hostname {
            Some(hostname) if !info.linux_guest => hostname,
            // A guest that was customised may still report the template's name for a moment.
            _ => self.spec.name.clone(),
        };
        Ok(VmProvisioningResult {
            moref: vm.clone(),
            instance_uuid: info.instance_uuid.unwrap_or(self.spec.request_id.instance_uuid()),
            hostname,
            ip_address,
        })
    }

    /// The one address that counts, when the guest was told to take a fixed one.
    fn wanted_address(&self, info: &VmInfo) -> Option<IpAddr> {
        let address = self.spec.network.as_ref()?.address?;
        info.linux_guest.then_some(IpAddr::V4(address.ip))
    }

    async fn settled_address(
        &self,
        vm: &MoRef,
        info: &VmInfo,
        wanted: Option<IpAddr>,
    ) -> Result<(IpAddr, GuestInfo), Failure> {
        let left = self.left_of(self.deadlines.network, self.checkpoint.address_since);
        let end = Instant::now() + left;
        let mut seen: Option<GuestInfo> = None;
        let mut candidate: Option<Candidate> = None;
        loop {
            let begun = Instant::now();
            // An address that came in time may settle past the deadline.
            let until = candidate.map_or(end, |candidate| candidate.since + self.pace.settling);
            let wait = until.saturating_duration_since(begun).min(WAIT_MAX);
            let waited = tokio::select! {
                waited = self.api.wait_for_guest(vm, seen.as_ref(), wait) => waited,
                stop = self.progress.stopped() => return Err(VsphereError::from(stop).into()),
            };
            let guest = waited.map_err(Failure::of_vm)?;
            let now = Instant::now();
            let address = usable_address(&guest, &info.macs, wanted);
            candidate = address.map(|address| match candidate {
                Some(candidate) if candidate.address == address => candidate,
                // What the first look sees may have come while nobody looked.
                Some(_) | None => {
                    Candidate { address, since: now, in_time: seen.is_none() || now < end }
                }
            });
            if let Some(Candidate { address, since, .. }) = candidate
                && now.duration_since(since) >= self.pace.settling
            {
                return Ok((address, guest));
            }
            let in_time = candidate.is_some_and(|candidate| candidate.in_time);
            if now >= end && !in_time {
                return Err(self.no_address(vm, &guest, wanted).await?);
            }
            if seen.as_ref() == Some(&guest) {
                if begun.elapsed() < IDLE_PAUSE.min(wait) {
                    tokio::time::sleep(IDLE_PAUSE.min(wait)).await;
                }
                // A long silence may mean that there is no VM any more.
                self.our_vm(vm).await?;
            }
            // Told again after a silence, too: somebody may have begun to watch meanwhile.
            let details = match candidate {
                Some(Candidate { address, .. }) => {
                    format!("{address} seen, making sure that it stays")
                }
                None => waits_for(&guest, wanted),
            };
            self.progress.live(None, Some(details));
            seen = Some(guest);
        }
    }

    async fn no_address(
        &self,
        vm: &MoRef,
        guest: &GuestInfo,
        wanted: Option<IpAddr>,
    ) -> Result<Failure, Failure> {
        let power = if self.our_vm(vm).await?.powered_on { "" } else { "the VM is powered off, " };
        let asked = wanted.map_or_else(String::new, |ip| format!("{ip} was asked for, "));
        let limit = humantime::format_duration(self.deadlines.network);
        let reason = format!("no usable address within {limit}: {power}{asked}{}", describe(guest));
        Ok(rejected(RejectionCode::NoAddress, reason).into())
    }
}

/// The address to tell, if there is one: the wanted one, or else IPv4 before IPv6, and what vCenter
/// calls the guest's main address before others.
fn usable_address(guest: &GuestInfo, macs: &[String], wanted: Option<IpAddr>) -> Option<IpAddr> {
    let of_nics: Vec<IpAddr> = guest
        .nics
        .iter()
        .filter(|nic| belongs(nic, macs))
        .flat_map(|nic| nic.addresses.iter().copied())
        .collect();
    // The main address may be one of a bridge inside the guest: it counts only when it is on one of
    // the VM's own cards, or when nothing is known of the cards.
    let knows_cards = guest.nics.iter().any(|nic| !nic.addresses.is_empty());
    let main = guest.ip_address.filter(|ip| !knows_cards || of_nics.contains(ip));
    let usable: Vec<IpAddr> = main.into_iter().chain(of_nics).filter(is_usable).collect();
    match wanted {
        Some(wanted) => usable.contains(&wanted).then_some(wanted),
        None => usable.iter().find(|ip| ip.is_ipv4()).or(usable.first()).copied(),
    }
}

/// Whether a card that the guest reports is one of the VM's (and not a bridge inside the guest).
fn belongs(nic: &GuestNic, macs: &[String]) -> bool {
    match &nic.mac {
        Some(mac) if !macs.is_empty() => macs.iter().any(|known| known.eq_ignore_ascii_case(mac)),
        _ => true,
    }
}

fn is_usable(ip: &IpAddr) -> bool {
    let is_broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    let reaches_nobody = ip.is_loopback() || ip.is_unspecified() || ip.is_multicast();
    !(is_link_local(ip) || is_broadcast || reaches_nobody)
}

/// An address that a guest gives itself where nobody else does.
fn is_link_local(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// What a guest without a usable address lacks, for the person who waits for it.
fn waits_for(guest: &GuestInfo, wanted: Option<IpAddr>) -> String {
    if guest.powered_off {
        return "the VM is powered off".to_owned();
    }
    match wanted {
        Some(wanted) => format!("{}; {wanted} was asked for", describe(guest)),
        None => describe(guest),
    }
}

/// What is seen of a guest, for a person.
fn describe(guest: &GuestInfo) -> String {
    let tools = if guest.tools_running { "Tools running" } else { "Tools not running" };
    let nic = match (guest.nics.is_empty(), guest.nics.iter().any(|nic| nic.connected)) {
        (true, _) => "no NIC reported",
        (false, true) => "NIC connected",
        (false, false) => "NIC not connected",
    };
    let mut addresses: Vec<IpAddr> = guest.ip_address.into_iter().collect();
    for address in guest.nics.iter().flat_map(|nic| &nic.addresses) {
        if !addresses.contains(address) {
            addresses.push(*address);
        }
    }
    if addresses.is_empty() {
        return format!("{tools}, {nic}, no address seen");
    }
    let no_dhcp = if addresses.iter().all(is_link_local) { ", which is link-local" } else { "" };
    let addresses: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    format!("{tools}, {nic}, only {} seen{no_dhcp}", addresses.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn nic(mac: &str, addresses: &[&str]) -> GuestNic {
        let addresses = addresses.iter().map(|text| ip(text)).collect();
        GuestNic { mac: Some(mac.to_owned()), connected: true, addresses }
    }

    fn guest(main: Option<&str>, nics: Vec<GuestNic>) -> GuestInfo {
        let tools_running = true;
        GuestInfo { ip_address: main.map(ip), nics, tools_running, ..GuestInfo::default() }
    }

    fn found(guest: &GuestInfo) -> Option<IpAddr> {
        usable_address(guest, &["00:50:56:00:00:01".to_owned()], None)
    }

    const OURS: &str = "00:50:56:00:00:01";
    const BRIDGE: &str = "02:42:ac:11:00:01";

    #[test]
    fn addresses_that_nobody_can_reach_are_ignored() {
        for address in [
            "127.0.0.1",
            "169.254.7.7",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "ff02::1",
        ] {
            assert_eq!(found(&guest(Some(address), vec![])), None, "{address}");
            assert_eq!(found(&guest(None, vec![nic(OURS, &[address])])), None, "{address}");
        }
    }

    #[test]
    fn ipv4_comes_before_ipv6_and_the_main_address_before_others() {
        let both = nic(OURS, &["fe80::1", "2001:db8::7", "10.0.0.7", "10.0.0.8"]);
        assert_eq!(found(&guest(None, vec![both.clone()])), Some(ip("10.0.0.7")));
        assert_eq!(found(&guest(Some("10.0.0.8"), vec![both.clone()])), Some(ip("10.0.0.8")));
        assert_eq!(found(&guest(Some("2001:db8::7"), vec![both])), Some(ip("10.0.0.7")));
        let only_v6 = nic(OURS, &["fe80::1", "2001:db8::7"]);
        assert_eq!(found(&guest(None, vec![only_v6])), Some(ip("2001:db8::7")));
    }

    #[test]
    fn a_bridge_inside_the_guest_is_not_the_vm() {
        let bridge = nic(BRIDGE, &["172.17.0.1"]);
        assert_eq!(found(&guest(Some("172.17.0.1"), vec![bridge.clone()])), None);
        let ours = nic(&OURS.to_uppercase(), &["10.0.0.7"]);
        assert_eq!(found(&guest(Some("172.17.0.1"), vec![bridge, ours])), Some(ip("10.0.0.7")));
    }

    #[test]
    fn without_known_cards_the_main_address_counts() {
        assert_eq!(found(&guest(Some("10.0.0.7"), vec![])), Some(ip("10.0.0.7")));
        assert_eq!(found(&guest(Some("10.0.0.7"), vec![nic(OURS, &[])])), Some(ip("10.0.0.7")));
        let unnamed = GuestNic { mac: None, ..nic(OURS, &["10.0.0.9"]) };
        assert_eq!(found(&guest(None, vec![unnamed])), Some(ip("10.0.0.9")));
    }

    #[test]
    fn a_fixed_address_is_the_only_one_that_counts() {
        let macs = [OURS.to_owned()];
        let wanted = Some(ip("10.0.0.9"));
        let other = guest(Some("10.0.0.7"), vec![nic(OURS, &["10.0.0.7"])]);
        assert_eq!(usable_address(&other, &macs, wanted), None);
        let right = guest(Some("10.0.0.7"), vec![nic(OURS, &["10.0.0.7", "10.0.0.9"])]);
        assert_eq!(usable_address(&right, &macs, wanted), wanted);
    }

    #[test]
    fn what_was_seen_is_told_in_words() {
        assert_eq!(
            describe(&guest(Some("fe80::1"), vec![nic(OURS, &["fe80::1"])])),
            "Tools running, NIC connected, only fe80::1 seen, which is link-local"
        );
        let other = guest(Some("10.0.0.7"), vec![nic(OURS, &["10.0.0.7"])]);
        assert_eq!(
            waits_for(&other, Some(ip("10.0.0.9"))),
            "Tools running, NIC connected, only 10.0.0.7 seen; 10.0.0.9 was asked for"
        );
        let off = GuestInfo { powered_off: true, ..GuestInfo::default() };
        assert_eq!(waits_for(&off, None), "the VM is powered off");
        assert_eq!(
            describe(&GuestInfo::default()),
            "Tools not running, no NIC reported, no address seen"
        );
    }
}
