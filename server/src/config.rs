//! The settings. `stagewatch --help` is their reference; each is a flag and an environment variable.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, ValueEnum};
use secrecy::SecretString;
use url::Url;

use crate::domain::spec::SpecLimits;

/// Provisions VMs on vSphere and shows every stage as it happens.
#[derive(Debug, Clone, Parser)]
#[command(name = "stagewatch", version, max_term_width = 100)]
pub struct Config {
    /// Address of the HTTP server. Until there is sign-in, it must be a loopback address.
    #[arg(long, env = "STAGEWATCH_LISTEN", default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,

    /// PostgreSQL to use (a direct or session-mode connection). Without it the server runs a private,
    /// durable PostgreSQL of its own in the data folder.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<SecretString>,

    /// The data folder.
    #[arg(long, env = "STAGEWATCH_DATA_DIR", default_value = ".stagewatch")]
    pub data_dir: PathBuf,

    /// Where the page's script, WebAssembly and style are [default: `site` beside the program or
    /// beside its folder, else `target/site`].
    #[arg(long, env = "STAGEWATCH_SITE_DIR")]
    pub site_dir: Option<PathBuf>,

    /// vCenter's SDK address, as `https://vcenter.example.com/sdk`. Without it a simulated vCenter is used.
    #[arg(long, env = "VSPHERE_URL")]
    pub vsphere_url: Option<Url>,

    /// vCenter's account.
    #[arg(long, env = "VSPHERE_USERNAME")]
    pub vsphere_username: Option<String>,

    /// Its password. Better in the environment or in a file than on a command line, which others can read.
    #[arg(long, env = "VSPHERE_PASSWORD", hide_env_values = true)]
    pub vsphere_password: Option<SecretString>,

    /// A file whose first line is the password.
    #[arg(long, env = "VSPHERE_PASSWORD_FILE")]
    pub vsphere_password_file: Option<PathBuf>,

    /// A PEM file with the certificate authority of vCenter [default: the system's authorities].
    #[arg(long, env = "VSPHERE_CA_FILE")]
    pub vsphere_ca_file: Option<PathBuf>,

    /// The datacenter [default: the only one there is].
    #[arg(long, env = "VSPHERE_DATACENTER")]
    pub vsphere_datacenter: Option<String>,

    /// The cluster that VMs are made in [default: the only one there is].
    #[arg(long, env = "VSPHERE_CLUSTER")]
    pub vsphere_cluster: Option<String>,

    /// The folder that VMs are made in [default: the datacenter's VM folder].
    #[arg(long, env = "VSPHERE_FOLDER")]
    pub vsphere_folder: Option<String>,

    /// The resource pool that VMs are made in [default: the cluster's root pool].
    #[arg(long, env = "VSPHERE_POOL")]
    pub vsphere_pool: Option<String>,

    /// The datastore that VMs are made on [default: the only one there is].
    #[arg(long, env = "VSPHERE_DATASTORE")]
    pub vsphere_datastore: Option<String>,

    /// The network that VMs are connected to, when a request names none [default: the template's].
    #[arg(long, env = "VSPHERE_NETWORK")]
    pub vsphere_network: Option<String>,

    /// The folder in which templates are looked for, at any depth [default: the datacenter's VM folder].
    #[arg(long, env = "VSPHERE_TEMPLATE_FOLDER")]
    pub vsphere_template_folder: Option<String>,

    /// How long a clone may take.
    #[arg(long, env = "VSPHERE_CLONE_TIMEOUT", default_value = "30m", value_parser = duration)]
    pub vsphere_clone_timeout: Duration,

    /// How long each other task on the VM may take: configuration, customisation, power, removal.
    #[arg(long, env = "VSPHERE_CUSTOMIZE_TIMEOUT", default_value = "10m", value_parser = duration)]
    pub vsphere_customize_timeout: Duration,

    /// How long a started VM may take to get an address.
    #[arg(long, env = "VSPHERE_NETWORK_TIMEOUT", default_value = "5m", value_parser = duration)]
    pub vsphere_network_timeout: Duration,

    /// How long any one call to vCenter may take; never more than two thirds of the lease.
    #[arg(long, env = "VSPHERE_CALL_TIMEOUT", default_value = "10s", value_parser = duration)]
    pub vsphere_call_timeout: Duration,

    /// Mean time of a stage in the simulated vCenter.
    #[arg(long, env = "STAGEWATCH_SIMULATED_DELAY", default_value = "2s", value_parser = duration)]
    pub simulated_delay: Duration,

    /// From when on "Provisioning is taking longer than usual..." is said.
    #[arg(long, env = "STAGEWATCH_SLOW_AFTER", default_value = "10m", value_parser = duration)]
    pub slow_after: Duration,

    /// How long a worker may be silent before another one takes over its requests.
    #[arg(long, env = "STAGEWATCH_LEASE", default_value = "15s", value_parser = duration)]
    pub lease: Duration,

    /// How many VMs this server builds at once.
    #[arg(long, env = "STAGEWATCH_WORKERS", default_value = "16",
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub workers: u32,

    /// How many live streams are open at once at most; never more than the file limit allows.
    #[arg(long, env = "STAGEWATCH_MAX_STREAMS", default_value = "16000",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_streams: u32,

    /// How many CPUs may be asked for.
    #[arg(long, env = "STAGEWATCH_CPUS", default_value = "1-64", value_parser = range)]
    pub cpus: RangeInclusive<u32>,

    /// How much memory may be asked for, in MiB.
    #[arg(long, env = "STAGEWATCH_MEMORY_MIB", default_value = "256-1048576", value_parser = range)]
    pub memory_mib: RangeInclusive<u32>,

    /// The user in the `ssh` line of a finished VM [default: none, so that ssh's own settings decide].
    #[arg(long, env = "STAGEWATCH_SSH_USER", value_parser = ssh_user)]
    pub ssh_user: Option<String>,

    /// How the log looks [default: pretty on a terminal, else json].
    #[arg(long, env = "STAGEWATCH_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,

    /// What is logged, as in `info,server=debug`.
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log: String,
}

/// How the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// The shortest lease: below it a renewal that is late by a moment loses the work.
const LEASE_MIN: Duration = Duration::from_secs(1);

/// The longest user name of Linux.
const SSH_USER_CHARS_MAX: usize = 32;

/// What [`Config::read`] ends with when the server is not to be started.
#[derive(Debug)]
pub enum Refusal {
    /// Text that was asked for: `--help`, `--version`.
    Asked(String),
    /// One line that names what is wrong and says what to do.
    Wrong(String),
}

impl Config {
    /// Reads the settings from a command line and the environment.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when the server is not to be started.
    pub fn read<T: Into<OsString> + Clone>(
        args: impl IntoIterator<Item = T>,
    ) -> Result<Self, Refusal> {
        let config = Self::try_parse_from(args).map_err(|error| {
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
                Refusal::Asked(error.to_string())
            } else {
                Refusal::Wrong(one_line(&error))
            }
        })?;
        config.check().map_err(Refusal::Wrong)?;
        Ok(config)
    }

    /// What no single setting can know.
    fn check(&self) -> Result<(), String> {
        if !self.listen.ip().is_loopback() {
            return Err(format!(
                "STAGEWATCH_LISTEN={}: there is no sign-in yet, so only a loopback address is safe; \
                 use 127.0.0.1:{} and a tunnel",
                self.listen,
                self.listen.port()
            ));
        }
        if self.lease < LEASE_MIN {
            return Err(format!("STAGEWATCH_LEASE: must be at least {LEASE_MIN:?}"));
        }
        let Some(url) = &self.vsphere_url else { return Ok(()) };
        if url.scheme() != "https" || url.host_str().is_none() {
            return Err(format!(
                "VSPHERE_URL={url}: must be an https address, as https://vcenter.example.com/sdk"
            ));
        }
        if self.vsphere_username.is_none() {
            return Err("VSPHERE_USERNAME: is needed with VSPHERE_URL".to_owned());
        }
        if self.vsphere_password.is_none() && self.vsphere_password_file.is_none() {
            return Err("VSPHERE_PASSWORD: is needed with VSPHERE_URL (or VSPHERE_PASSWORD_FILE)"
                .to_owned());
        }
        Ok(())
    }

    /// What may be asked for.
    pub fn spec_limits(&self) -> SpecLimits {
        SpecLimits { cpus: self.cpus.clone(), memory_mib: self.memory_mib.clone() }
    }

    /// How long a call to vCenter may take so that the lease outlasts it.
    pub fn call_timeout(&self) -> Duration {
        self.vsphere_call_timeout.min(self.lease * 2 / 3)
    }
}

/// clap's error in one line that names the variable too.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let variable = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(arg)) => variable_of(arg),
        _ => None,
    };
    let variable = variable.map(|variable| format!("{variable}: ")).unwrap_or_default();
    format!("{variable}{first} (stagewatch --help tells all settings)")
}

/// The environment variable of a flag, as in `--listen <LISTEN>`.
fn variable_of(arg: &str) -> Option<String> {
    let flag = arg.split_whitespace().next()?.strip_prefix("--")?;
    let command = Config::command();
    let known = command.get_arguments().find(|known| known.get_long() == Some(flag))?;
    known.get_env().map(|env| env.to_string_lossy().into_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    humantime::parse_duration(text)
        .map_err(|_| "give a time with its unit, as 500ms, 15s or 10m".to_owned())
}

/// A POSIX user name, so that the line that is copied into a shell is nothing but an `ssh` line.
fn ssh_user(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let is_one = text.len() <= SSH_USER_CHARS_MAX
        && text.chars().all(is_plain)
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let wrong = || "give a user name of letters, digits, `_`, `-` and `.`".to_owned();
    is_one.then(|| text.to_owned()).ok_or_else(wrong)
}

fn range(text: &str) -> Result<RangeInclusive<u32>, String> {
    let range = || {
        let (least, most) = text.split_once('-')?;
        let (least, most) = (least.trim().parse().ok()?, most.trim().parse().ok()?);
        (1 <= least && least <= most).then_some(least..=most)
    };
    range().ok_or_else(|| "give the least and the most, as 1-64".to_owned())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn wrong(args: &[&str]) -> String {
        match Config::read(["stagewatch"].iter().chain(args)) {
            Err(Refusal::Wrong(line)) => line,
            other => panic!("must be refused: {other:?}"),
        }
    }

    #[test]
    fn a_wrong_value_ends_in_one_line_that_names_the_variable() {
        for (args, variable) in [
            (&["--slow-after", "soon"][..], "STAGEWATCH_SLOW_AFTER"),
            (&["--listen", "x"], "STAGEWATCH_LISTEN"),
            (&["--listen", "0.0.0.0:3000"], "STAGEWATCH_LISTEN"),
            (&["--workers", "0"], "STAGEWATCH_WORKERS"),
            (&["--cpus", "9-1"], "STAGEWATCH_CPUS"),
            (&["--lease", "10ms"], "STAGEWATCH_LEASE"),
            (&["--vsphere-url", "http://vc/sdk"], "VSPHERE_URL"),
            (&["--vsphere-url", "https://vc/sdk"], "VSPHERE_USERNAME"),
            (&["--vsphere-url", "https://vc/sdk", "--vsphere-username", "u"], "VSPHERE_PASSWORD"),
        ] {
            let line = wrong(args);
            assert!(line.starts_with(variable), "{line}");
            assert_eq!(line.lines().count(), 1, "{line}");
        }
    }

    #[test]
    fn secrets_are_never_printed() {
        let args = [
            "stagewatch",
            "--vsphere-password",
            "hunter2",
            "--database-url",
            "postgres://u:hunter2@h/d",
        ];
        let config = Config::read(args).expect("valid");
        assert!(!format!("{config:?}").contains("hunter2"));
        assert_eq!(config.vsphere_password.expect("given").expose_secret(), "hunter2");
    }

    #[test]
    fn a_call_never_outlives_its_lease() {
        let config = Config::read(["stagewatch", "--lease", "3s"]).expect("valid");
        assert_eq!(config.call_timeout(), Duration::from_secs(2));
    }

    #[test]
    fn the_readme_tells_every_setting_and_its_default() {
        let readme = include_str!("../../README.md");
        for setting in Config::command().get_arguments().filter(|known| known.get_env().is_some()) {
            let variable = setting.get_env().expect("filtered").to_string_lossy();
            let row = readme.lines().find(|line| line.starts_with(&format!("| `{variable}` |")));
            let row = row.unwrap_or_else(|| panic!("README.md has no row for {variable}"));
            for default in setting.get_default_values() {
                let default = default.to_string_lossy();
                assert!(row.contains(&format!("`{default}`")), "{variable}: {default}: {row}");
            }
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Config::command().debug_assert();
    }
}
