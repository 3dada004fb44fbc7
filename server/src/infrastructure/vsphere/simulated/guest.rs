//! What the guest of a running VM reports, and when.

use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::inventory::Vm;
use super::templates::{Behaviour, behaviour};
use super::timing::Millis;
use crate::infrastructure::vsphere::api::{GuestInfo, GuestNic};

/// When a guest's Tools, its link-local address and its real one appear, as shares of the time that
/// the whole start of its network takes, in percent.
const TOOLS_AT_PERCENT: Millis = 40;
const LINK_LOCAL_AT_PERCENT: Millis = 55;

/// One start of a guest: everything that will be seen of it, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Boot {
    pub(super) tools_at: Millis,
    pub(super) link_local_at: Millis,
    /// `None` when no usable address ever comes.
    pub(super) address_at: Option<Millis>,
}

impl Boot {
    /// The start of a guest that is powered on at `from` and has its address after `takes`.
    pub(super) fn new(from: Millis, takes: Millis, template: &str, held: bool) -> Self {
        let at = |percent| from.saturating_add(takes / 100 * percent + takes % 100 * percent / 100);
        let has_address = !held && behaviour(template) != Behaviour::NoAddress;
        Self {
            tools_at: at(TOOLS_AT_PERCENT),
            link_local_at: at(LINK_LOCAL_AT_PERCENT),
            address_at: has_address.then(|| from.saturating_add(takes)),
        }
    }
}

/// What a VM's guest reports at `now`.
pub(super) fn guest(vm: &Vm, now: Millis) -> GuestInfo {
    let Some(boot) = vm.boot.as_ref().filter(|boot| vm.powered_on && boot.tools_at <= now) else {
        return GuestInfo { powered_off: !vm.powered_on, ..GuestInfo::default() };
    };
    let addresses = vm.scripted.clone().unwrap_or_else(|| {
        let link_local = (boot.link_local_at <= now).then(|| IpAddr::V6(link_local(&vm.mac)));
        let address = boot
            .address_at
            .filter(|at| *at <= now)
            .map(|_| IpAddr::V4(vm.settings.address.unwrap_or(vm.lease)));
        address.into_iter().chain(link_local).collect()
    });
    GuestInfo {
        ip_address: addresses.first().copied(),
        nics: vec![GuestNic { mac: Some(vm.mac.clone()), connected: true, addresses }],
        tools_running: true,
        powered_off: false,
        hostname: Some(vm.settings.hostname.clone().unwrap_or_else(|| vm.origin.replace('.', "-"))),
    }
}

/// When the guest next reports something new by itself.
pub(super) fn next_change(vm: &Vm, now: Millis) -> Option<Millis> {
    let boot = vm.boot.as_ref()?;
    [Some(boot.tools_at), Some(boot.link_local_at), boot.address_at]
        .into_iter()
        .flatten()
        .filter(|at| *at > now)
        .min()
}

/// The link-local address that a guest makes from its MAC address (modified EUI-64).
fn link_local(mac: &str) -> Ipv6Addr {
    let mut bytes = [0u8; 6];
    for (byte, text) in bytes.iter_mut().zip(mac.split(':')) {
        *byte = u8::from_str_radix(text, 16).unwrap_or(0);
    }
    let [a, b, c, d, e, f] = bytes;
    let pair = |high: u8, low: u8| u16::from_be_bytes([high, low]);
    let eui = [pair(a ^ 2, b), pair(c, 0xff), pair(0xfe, d), pair(e, f)];
    Ipv6Addr::new(0xfe80, 0, 0, 0, eui[0], eui[1], eui[2], eui[3])
}

#[cfg(test)]
mod tests {
    use super::super::inventory::Inventory;
    use super::*;

    #[test]
    fn tools_come_first_then_link_local_then_the_address() {
        let mut vm = Inventory::new().vms.into_values().next().expect("a template");
        (vm.powered_on, vm.boot) = (true, Some(Boot::new(0, 100, "any", false)));
        let seen = [0, 39, 40, 54, 55, 99, 100].map(|now| {
            let seen = guest(&vm, now);
            (seen.tools_running, seen.ip_address.map(|ip| ip.is_ipv4()))
        });
        let (off, tools) = ((false, None), (true, None));
        let (link_local, address) = ((true, Some(false)), (true, Some(true)));
        assert_eq!(seen, [off, off, tools, tools, link_local, link_local, address]);
    }
}
