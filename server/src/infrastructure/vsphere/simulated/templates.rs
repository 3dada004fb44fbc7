//! The templates that the simulated vCenter offers.

/// A template that is always there.
#[derive(Debug)]
pub(super) struct BuiltIn {
    pub(super) name: &'static str,
    pub(super) guest: Guest,
    pub(super) cpus: u32,
    pub(super) memory_mib: u32,
    pub(super) disk_gib: u32,
    pub(super) behaviour: Behaviour,
}

/// A guest operating system.
#[derive(Debug)]
pub(super) struct Guest {
    /// vCenter's words for it.
    pub(super) full_name: &'static str,
    /// Its `guestId`.
    pub(super) id: &'static str,
    /// Whether it can be customised as a Linux.
    pub(super) linux: bool,
}

/// What is special about the VMs made from a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// Nothing.
    Ordinary,
    /// The customisation ends in a fault.
    FailsConfiguring,
    /// Only a link-local address ever comes.
    NoAddress,
    /// The clone takes [`SLOW_CLONE_STAGES`] times as long as others.
    SlowClone,
    /// The reply to the first power-on is lost, then one call is answered by a proxy's 503.
    Flaky,
}

/// How many mean stages a clone of `demo-slow-clone` takes at least: long enough to be called slow.
pub(super) const SLOW_CLONE_STAGES: u32 = 8;

const UBUNTU: Guest =
    Guest { full_name: "Ubuntu Linux (64-bit)", id: "ubuntu64Guest", linux: true };
const DEBIAN: Guest =
    Guest { full_name: "Debian GNU/Linux 12 (64-bit)", id: "debian12_64Guest", linux: true };
const ROCKY: Guest =
    Guest { full_name: "Rocky Linux (64-bit)", id: "rockylinux_64Guest", linux: true };
const WINDOWS: Guest = Guest {
    full_name: "Microsoft Windows Server 2022 (64-bit)",
    id: "windows2019srvNext_64Guest",
    linux: false,
};

pub(super) const BUILT_IN: [BuiltIn; 8] = [
    ordinary("debian-12", DEBIAN, 1, 1_024, 10),
    demo("demo-fails-configuring", Behaviour::FailsConfiguring),
    demo("demo-flaky", Behaviour::Flaky),
    demo("demo-no-address", Behaviour::NoAddress),
    demo("demo-slow-clone", Behaviour::SlowClone),
    ordinary("rocky-9", ROCKY, 2, 2_048, 20),
    ordinary("ubuntu-24.04", UBUNTU, 2, 2_048, 20),
    ordinary("windows-2022", WINDOWS, 4, 8_192, 60),
];

const fn ordinary(
    name: &'static str,
    guest: Guest,
    cpus: u32,
    memory_mib: u32,
    disk_gib: u32,
) -> BuiltIn {
    BuiltIn { name, guest, cpus, memory_mib, disk_gib, behaviour: Behaviour::Ordinary }
}

const fn demo(name: &'static str, behaviour: Behaviour) -> BuiltIn {
    BuiltIn { name, guest: UBUNTU, cpus: 2, memory_mib: 2_048, disk_gib: 20, behaviour }
}

/// The template of this name.
pub(super) fn built_in(name: &str) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().find(|template| template.name == name)
}

/// What is special about VMs made from the template of this name.
pub(super) fn behaviour(template: &str) -> Behaviour {
    built_in(template).map_or(Behaviour::Ordinary, |template| template.behaviour)
}

/// The networks that a VM can be put on.
pub(super) const NETWORKS: [&str; 3] = ["VM Network", "dmz", "lab"];
