//! Three servers, each of which may be gone at any moment.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use rand::RngExt;
use reqwest::Client;
use tempfile::TempDir;
use tokio::sync::{Mutex, watch};

use crate::soap::vcsim::{PASSWORD, Vcsim};
use crate::support::eventually;
use crate::support::process::Program;

/// How many.
pub(super) const SERVERS: usize = 3;
/// Short, so that takeovers are many.
pub(super) const LEASE: Duration = Duration::from_secs(2);

/// The servers and where they can be reached just now.
pub(super) struct Servers {
    places: Vec<Place>,
    /// For whoever talks to them.
    pub(super) client: Client,
}

/// Where one server after the other runs.
struct Place {
    settings: Vec<(&'static str, String)>,
    folder: TempDir,
    running: Mutex<Option<Program>>,
    address: watch::Sender<Option<SocketAddr>>,
}

impl Servers {
    pub(super) async fn start(database_url: &str, vcenter: &Vcsim) -> Self {
        let connection = vcenter.settings();
        let ca_file: PathBuf = connection.ca_file.expect("its certificate");
        let settings = vec![
            ("DATABASE_URL", database_url.to_owned()),
            ("STAGEWATCH_LEASE", format!("{}s", LEASE.as_secs())),
            ("VSPHERE_CALL_TIMEOUT", "1s".to_owned()),
            ("VSPHERE_URL", connection.url.to_string()),
            ("VSPHERE_USERNAME", connection.username),
            ("VSPHERE_PASSWORD", PASSWORD.to_owned()),
            ("VSPHERE_CA_FILE", ca_file.to_str().expect("a path in UTF-8").to_owned()),
        ];
        let mut places = Vec::new();
        for _ in 0..SERVERS {
            let mode = std::fs::Permissions::from_mode(0o711);
            let folder = tempfile::Builder::new().permissions(mode).tempdir().expect("a folder");
            let place = Place {
                settings: settings.clone(),
                folder,
                running: Mutex::new(None),
                address: watch::Sender::new(None),
            };
            place.go_on().await;
            places.push(place);
        }
        let client = Client::builder().no_proxy().connect_timeout(Duration::from_secs(2));
        Self { places, client: client.build().expect("a client") }
    }

    /// The address of any server that is running now, or `None` when the one looked at is not.
    pub(super) fn any(&self, rng: &mut impl RngExt) -> Option<SocketAddr> {
        *self.places[rng.random_range(0..SERVERS)].address.borrow()
    }

    /// The address of a server once there is one.
    pub(super) async fn first(&self) -> SocketAddr {
        let mut address = self.places[0].address.subscribe();
        let running = address.wait_for(Option::is_some).await;
        running.expect("the place is there").expect("some")
    }

    /// Kills a server, which runs no more.
    pub(super) async fn kill(&self, place: usize) {
        if let Some(program) = self.places[place].leave().await {
            program.kill();
        }
    }

    /// Ends a server as an operator does, who expects that it ends well.
    pub(super) async fn terminate(&self, place: usize) {
        if let Some(program) = self.places[place].leave().await {
            let status = program.end_by(Signal::SIGTERM).await;
            assert!(status.success(), "SIGTERM: {status}");
        }
    }

    /// Stops a server in the middle of whatever it does, or lets it go on.
    pub(super) async fn signal(&self, place: usize, signal: Signal) {
        if let Some(program) = &*self.places[place].running.lock().await {
            program.signal(signal);
        }
    }

    /// Starts a server where none runs.
    pub(super) async fn start_at(&self, place: usize) {
        self.places[place].go_on().await;
    }

    /// Waits until every server says that it can do its work.
    pub(super) async fn all_ready(&self) {
        for place in &self.places {
            place.go_on().await;
            let address = place.address.borrow().expect("it runs");
            let ready = async || {
                let asked = self.client.get(format!("http://{address}/readyz")).send().await;
                asked.is_ok_and(|answer| answer.status() == 200).then_some(())
            };
            eventually("readiness", ready).await;
        }
    }
}

impl Place {
    async fn leave(&self) -> Option<Program> {
        let program = self.running.lock().await.take();
        self.address.send_replace(None);
        program
    }

    async fn go_on(&self) {
        let mut running = self.running.lock().await;
        if running.is_none() {
            let settings: Vec<(&str, &str)> =
                self.settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let program = Program::start(self.folder.path(), &settings).await;
            self.address.send_replace(Some(program.address));
            *running = Some(program);
        }
    }
}
