//! The stages of a provisioning, in their one order.

use std::fmt;

/// A stage. The order of the variants is the order of the work; within an attempt it only goes forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VmProvisioningStage {
    /// Asked for, waiting for a worker.
    Created,
    /// Cloning from the template.
    Cloning,
    /// Applying CPUs, memory and guest customisation.
    Configuring,
    /// Powering on.
    PoweringOn,
    /// Waiting for the guest's address.
    WaitingForNetwork,
    /// The VM is there.
    Ready,
}

impl VmProvisioningStage {
    /// Every stage, in order.
    pub const ALL: [Self; 6] = [
        Self::Created,
        Self::Cloning,
        Self::Configuring,
        Self::PoweringOn,
        Self::WaitingForNetwork,
        Self::Ready,
    ];

    /// The stages that take time, and so can be learned from: all but [`Ready`](Self::Ready).
    pub const TIMED: [Self; 5] = [
        Self::Created,
        Self::Cloning,
        Self::Configuring,
        Self::PoweringOn,
        Self::WaitingForNetwork,
    ];

    /// The stable name, as stored and as told to programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Cloning => "CLONING",
            Self::Configuring => "CONFIGURING",
            Self::PoweringOn => "POWERING_ON",
            Self::WaitingForNetwork => "WAITING_FOR_NETWORK",
            Self::Ready => "READY",
        }
    }

    /// The stage with this stable name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == name)
    }

    /// The stage in a person's words.
    pub fn label(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::Cloning => "Cloning from template",
            Self::Configuring => "Apply configuration",
            Self::PoweringOn => "Start VM",
            Self::WaitingForNetwork => "Wait for network",
            Self::Ready => "Ready",
        }
    }

    /// Its place in the order, from 0.
    pub fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for VmProvisioningStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::VmProvisioningStage as Stage;

    #[test]
    fn names_round_trip_and_the_order_is_the_array() {
        for (index, stage) in Stage::ALL.into_iter().enumerate() {
            assert_eq!(Stage::parse(stage.as_str()), Some(stage));
            assert_eq!(stage.index(), index);
        }
        assert_eq!(Stage::parse("cloning"), None);
    }
}
