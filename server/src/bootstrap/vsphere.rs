//! Which vCenter this server works with: the real one that the settings name, or the simulated one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use secrecy::SecretString;
use url::Url;

use crate::config::Config;
use crate::domain::ports::vsphere::VspherePort;
use crate::infrastructure::vsphere::adapter::{Deadlines, Pace, VsphereAdapter};
use crate::infrastructure::vsphere::simulated::{SimulatedSettings, SimulatedVcenter};
use crate::infrastructure::vsphere::soap::{Placement, SoapClient, SoapSettings};

/// How long a stop waits for vCenter to end our session: it ends by itself otherwise.
const LOG_OUT_MAX: Duration = Duration::from_secs(2);

/// vCenter, and its name for people.
#[derive(Debug)]
pub struct Vsphere {
    /// The port.
    pub port: Arc<dyn VspherePort>,
    /// Which one, in words.
    pub name: String,
    /// Whether it is the simulated one.
    pub simulated: bool,
    /// The client whose session is ended at the stop.
    pub session: Option<Arc<SoapClient>>,
}

/// Puts the port together. Nothing is sent yet.
///
/// # Errors
///
/// One line that says what is wrong with the settings or the inventory.
pub fn connect(config: &Config) -> anyhow::Result<Vsphere> {
    match &config.vsphere_url {
        Some(url) => real(config, url),
        None => simulated(config),
    }
}

/// Ends the session with vCenter, if there is one and vCenter answers.
pub async fn log_out(session: Option<Arc<SoapClient>>) {
    let Some(client) = session else { return };
    match tokio::time::timeout(LOG_OUT_MAX, client.log_out()).await {
        Ok(Ok(())) => {}
        _ => tracing::debug!("vCenter's session could not be ended; it ends by itself"),
    }
}

fn deadlines(config: &Config) -> Deadlines {
    Deadlines {
        clone: config.vsphere_clone_timeout,
        customize: config.vsphere_customize_timeout,
        network: config.vsphere_network_timeout,
        call: config.call_timeout(),
    }
}

fn real(config: &Config, url: &Url) -> anyhow::Result<Vsphere> {
    let settings = SoapSettings {
        url: url.clone(),
        username: config.vsphere_username.clone().unwrap_or_default(),
        password: password(config)?,
        ca_file: config.vsphere_ca_file.clone(),
        placement: Placement {
            datacenter: config.vsphere_datacenter.clone(),
            cluster: config.vsphere_cluster.clone(),
            folder: config.vsphere_folder.clone(),
            pool: config.vsphere_pool.clone(),
            datastore: config.vsphere_datastore.clone(),
            network: config.vsphere_network.clone(),
            template_folder: config.vsphere_template_folder.clone(),
        },
        call_timeout: config.call_timeout(),
    };
    let client = Arc::new(SoapClient::new(settings)?);
    let adapter = VsphereAdapter::new(client.clone(), deadlines(config));
    let name = format!("vCenter {}", url.host_str().unwrap_or_default());
    Ok(Vsphere { port: Arc::new(adapter), name, simulated: false, session: Some(client) })
}

fn password(config: &Config) -> anyhow::Result<SecretString> {
    if let Some(password) = &config.vsphere_password {
        return Ok(password.clone());
    }
    let file = config.vsphere_password_file.as_deref().unwrap_or(Path::new(""));
    let content = std::fs::read_to_string(file).with_context(|| {
        format!("VSPHERE_PASSWORD_FILE={}: the password cannot be read", file.display())
    })?;
    let password = content.lines().next().filter(|line| !line.is_empty());
    let empty = || anyhow!("VSPHERE_PASSWORD_FILE={}: the first line is empty", file.display());
    Ok(password.ok_or_else(empty)?.into())
}

fn simulated(config: &Config) -> anyhow::Result<Vsphere> {
    let settings = SimulatedSettings { delay: config.simulated_delay, seed: None };
    let simulated = SimulatedVcenter::open(&config.data_dir, settings)?;
    if !simulated.claim().unwrap_or(true) {
        tracing::warn!(
            "another stagewatch works with the simulated vCenter in {}: neither sees what the other \
             makes there, and either may overwrite it; set STAGEWATCH_DATA_DIR to another folder, or \
             VSPHERE_URL to a vCenter for both",
            config.data_dir.display()
        );
    }
    // A simulated guest's address never changes again, so it need not settle for long.
    let settling = Pace::REAL.settling.min(config.simulated_delay / 10);
    let pace = Pace { settling, ..Pace::REAL };
    let adapter = VsphereAdapter::new(Arc::new(simulated), deadlines(config)).with_pace(pace);
    let name = "simulated vCenter".to_owned();
    Ok(Vsphere { port: Arc::new(adapter), name, simulated: true, session: None })
}
