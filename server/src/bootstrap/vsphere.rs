//! Which vCenter this server works with: the real one that the settings name, or the simulated one.

use std::sync::Arc;

use crate::config::Config;
use crate::domain::ports::vsphere::VspherePort;
use crate::infrastructure::vsphere::adapter::{Deadlines, Pace, VsphereAdapter};
use crate::infrastructure::vsphere::simulated::{SimulatedSettings, SimulatedVcenter};

/// vCenter, and its name for people.
#[derive(Debug)]
pub struct Vsphere {
    /// The port.
    pub port: Arc<dyn VspherePort>,
    /// Which one, in words.
    pub name: String,
    /// Whether it is the simulated one.
    pub simulated: bool,
}

/// Puts the port together. Nothing is sent yet.
///
/// # Errors
///
/// One line that says what is wrong with the settings or the inventory.
pub fn connect(config: &Config) -> anyhow::Result<Vsphere> {
    let deadlines = Deadlines {
        clone: config.vsphere_clone_timeout,
        customize: config.vsphere_customize_timeout,
        network: config.vsphere_network_timeout,
        call: config.call_timeout(),
    };
    let settings = SimulatedSettings { delay: config.simulated_delay, seed: None };
    let simulated = SimulatedVcenter::open(&config.data_dir, settings)?;
    // A simulated guest's address never changes again, so it need not settle for long.
    let settling = Pace::REAL.settling.min(config.simulated_delay / 10);
    let pace = Pace { settling, ..Pace::REAL };
    let adapter = VsphereAdapter::new(Arc::new(simulated), deadlines).with_pace(pace);
    Ok(Vsphere { port: Arc::new(adapter), name: "simulated vCenter".to_owned(), simulated: true })
}
