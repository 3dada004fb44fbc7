//! Servers in this process, each in a runtime of its own, so that one can be stopped as a person stops
//! it or ended in the middle of everything as `kill -9` does.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use server::bootstrap::vsphere::Vsphere;
use server::bootstrap::{Server, Waits};
use server::config::Config;
use server::infrastructure::vsphere::adapter::{Deadlines, Pace, VsphereAdapter};
use server::infrastructure::vsphere::api::VcenterApi;
use server::infrastructure::vsphere::simulated::{
    Script, SimulatedSettings, SimulatedVcenter, SimulatedVm,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::postgres::TestDatabase;
use super::{Api, eventually, in_time};

/// The template of ordinary VMs.
pub(crate) const TEMPLATE: &str = "ubuntu-24.04";

/// A data folder, and the vCenter whose inventory is in it.
#[derive(Debug)]
pub(crate) struct Site {
    vcenter: SimulatedVcenter,
    folder: TempDir,
}

impl Site {
    /// A vCenter with nothing in it, whose stages take about so long.
    pub(crate) fn new(delay: Duration) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = SimulatedSettings { delay, seed: Some(1) };
        let vcenter = SimulatedVcenter::open(folder.path(), settings).expect("a vCenter");
        Self { vcenter, folder }
    }

    /// Directs the vCenter.
    pub(crate) fn script(&self) -> Script {
        self.vcenter.script()
    }

    /// The VMs that carry this request's mark.
    pub(crate) fn vms_of(&self, request: Uuid) -> Vec<SimulatedVm> {
        let mark = Some(request.to_string());
        self.script().vms().into_iter().filter(|vm| vm.mark == mark).collect()
    }

    /// A server here, with its database at this address. It may not be ready yet.
    pub(crate) async fn server_at(&self, database_url: &str, settings: &[&str]) -> TestServer {
        let config = self.config(database_url, settings);
        TestServer::start(config, Arc::new(self.vcenter.clone())).await
    }

    /// The same with other waits.
    pub(crate) async fn server_that_waits(
        &self,
        database_url: &str,
        waits: Waits,
        settings: &[&str],
    ) -> TestServer {
        let config = self.config(database_url, settings);
        TestServer::start_with(config, waits, Arc::new(self.vcenter.clone())).await
    }

    fn config(&self, database_url: &str, settings: &[&str]) -> Config {
        let folder = self.folder.path().to_str().expect("a plain path");
        let own = ["--listen", "127.0.0.1:0", "--database-url", database_url, "--data-dir", folder];
        // A vCenter that a test holds must not be given up for silent while the test looks around.
        let patient = ["--lease", "10m", "--vsphere-call-timeout", "5m"];
        let patient = if settings.contains(&"--lease") { &[][..] } else { &patient[..] };
        let args = ["stagewatch"].iter().chain(&own).chain(patient).chain(settings);
        Config::read(args).expect("good settings")
    }
}

/// Everything that outlives a server.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) database: TestDatabase,
    site: Site,
}

impl Deref for World {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl World {
    /// An empty journal, and a vCenter that does everything at once.
    pub(crate) async fn new() -> Self {
        Self::with_delay(Duration::ZERO).await
    }

    /// The same with a vCenter whose stages take about so long.
    pub(crate) async fn with_delay(delay: Duration) -> Self {
        Self { database: TestDatabase::new().await, site: Site::new(delay) }
    }

    /// A server in this world, ready for work.
    pub(crate) async fn server(&self) -> TestServer {
        self.server_with(&[]).await
    }

    /// A server with these settings too.
    pub(crate) async fn server_with(&self, settings: &[&str]) -> TestServer {
        let server = self.server_at(&self.database.url(), settings).await;
        server.ready().await;
        server
    }

    /// Waits until a request has ended, whoever may see it.
    pub(crate) async fn ended_in_journal(&self, request: Uuid) {
        eventually("the request's end", async || {
            let ended = "select 1 from vm_requests where id = $1
                         and status not in ('queued', 'provisioning', 'undoing')";
            let row: Option<i32> = sqlx::query_scalar(ended)
                .bind(request)
                .fetch_optional(&self.database.pool)
                .await
                .expect("the request's row");
            row.map(|_| ())
        })
        .await;
    }

    /// Waits until a task of vCenter's is known to run for this request. What is told live is not
    /// repeated, so whoever listens too late would wait for it in vain.
    pub(crate) async fn task_runs(&self, request: Uuid) {
        let runs =
            "select jsonb_typeof(checkpoint->'task') = 'object' from vm_requests where id = $1";
        eventually("a task in vCenter", async || {
            let runs: Option<bool> = sqlx::query_scalar(runs)
                .bind(request)
                .fetch_one(&self.database.pool)
                .await
                .expect("a row");
            runs.unwrap_or(false).then_some(())
        })
        .await;
    }

    /// Lets the first lease of a request run out, again and again while its holder renews it, until
    /// somebody has taken the next one.
    pub(crate) async fn pass_on_first_lease(&self, request: Uuid) {
        eventually("another lease", async || {
            let ended = "update vm_requests set lease_until = clock_timestamp()
                         where id = $1 and lease_epoch = 1";
            let done = sqlx::query(ended).bind(request).execute(&self.database.pool).await;
            (done.expect("an update").rows_affected() == 0).then_some(())
        })
        .await;
    }
}

/// A running server. Dropping it is like killing it.
#[derive(Debug)]
pub(crate) struct TestServer {
    runtime: Option<Runtime>,
    server: Option<Server>,
    pub(crate) address: SocketAddr,
    api: Api,
}

impl Deref for TestServer {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

impl TestServer {
    /// A server over any vCenter.
    pub(crate) async fn start(config: Config, vcenter: Arc<dyn VcenterApi>) -> Self {
        Self::start_with(config, Waits::default(), vcenter).await
    }

    /// The same with other waits.
    pub(crate) async fn start_with(
        config: Config,
        waits: Waits,
        vcenter: Arc<dyn VcenterApi>,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let start = Server::start_with(config, waits, move |config| Ok(connect(config, vcenter)));
        let started = in_time("the server's start", runtime.spawn(start)).await;
        let server = started.expect("no panic").unwrap_or_else(|error| panic!("{error:#}"));
        let address = server.address();
        Self { runtime: Some(runtime), server: Some(server), address, api: Api::new(address) }
    }

    /// Waits until it can do its work.
    pub(crate) async fn ready(&self) {
        let ready = async || (self.get("/readyz").await.status == 200).then_some(());
        eventually("readiness", ready).await;
    }

    /// Stops it as Ctrl-C does.
    pub(crate) async fn stop(mut self) {
        let (runtime, server) = (self.runtime.as_ref(), self.server.take());
        let stop = server.expect("a server").stop();
        let stopped = in_time("the server's stop", runtime.expect("a runtime").spawn(stop)).await;
        stopped.expect("no panic").unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Ends it in the middle of everything: no lease is handed back, no stream is ended.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // The server's own tasks are ended with its runtime, wherever they are.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The adapter over the test's vCenter, at a pace that does not make tests wait.
pub(crate) fn connect(config: &Config, vcenter: Arc<dyn VcenterApi>) -> Vsphere {
    let deadlines = Deadlines {
        clone: config.vsphere_clone_timeout,
        customize: config.vsphere_customize_timeout,
        network: config.vsphere_network_timeout,
        call: config.call_timeout(),
    };
    let pace = Pace { settling: Duration::ZERO, first_pause: Duration::from_millis(5) };
    let adapter = VsphereAdapter::new(vcenter, deadlines).with_pace(pace);
    let name = "simulated vCenter".to_owned();
    Vsphere { port: Arc::new(adapter), name, simulated: true, session: None }
}
