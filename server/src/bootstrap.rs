//! The composition root: the one place that knows every port and what it is made of.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow};
use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgPool};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::application::feed::{Feed, forecast, tail};
use crate::application::insights::Insights;
use crate::application::journal::Journal;
use crate::application::progress_query::ProgressQuery;
use crate::application::requests::{Requests, RequestsParts};
use crate::application::trigger_provisioning::TriggerProvisioning;
use crate::application::trigger_provisioning::driving::Driving;
use crate::application::vcenter::CurrentVcenter;
use crate::application::vcenter_health::{Listeners, VcenterHealth};
use crate::config::Config;
use crate::domain::ports::journal_tail::JournalTail;
use crate::http::frames::{Epoch, ProtocolFrames};
use crate::http::serve::Limits;
use crate::http::{AppState, router, serve};
use crate::infrastructure::postgres::embedded::EmbeddedPostgres;
use crate::infrastructure::postgres::migrate;
use crate::infrastructure::vsphere::soap::SoapClient;

mod capacity;
mod listen;
mod page;
mod storage;
pub mod vsphere;
mod waits;

use capacity::places;
use listen::listen;
use page::{machine_links, site_dir};
use storage::Storage;
pub use storage::WritePorts;
use vsphere::Vsphere;
pub use waits::Waits;

/// How long is waited before PostgreSQL is tried again at the start.
const DATABASE_PAUSE: Duration = Duration::from_secs(1);

/// How long connections to PostgreSQL may take to close: on a dead link they never would.
const CLOSE_MAX: Duration = Duration::from_secs(3);

/// How long the background tasks may take to end.
const TASKS_MAX: Duration = Duration::from_secs(8);

/// A running server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    /// Ends the private PostgreSQL's supervisor, after everything that writes.
    database_shutdown: CancellationToken,
    tasks: JoinSet<()>,
    pool: PgPool,
    embedded: Option<Arc<EmbeddedPostgres>>,
    supervisor: Option<tokio::task::JoinHandle<()>>,
    session: Option<Arc<SoapClient>>,
}

impl Server {
    /// Starts everything; the address answers when this returns.
    ///
    /// # Errors
    ///
    /// One line (with its causes) that names what is wrong and says what to do.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        Self::start_with(config, Waits::default(), vsphere::connect).await
    }

    /// The same with a vCenter of the caller's, whose port `connect` puts together, and other waits.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start), and what `connect` says.
    pub async fn start_with(
        config: Config,
        waits: Waits,
        connect: impl FnOnce(&Config) -> anyhow::Result<Vsphere>,
    ) -> anyhow::Result<Self> {
        Self::start_between(config, waits, connect, |ports| ports).await
    }

    /// The same with something of the caller's between the server and what it writes to: `between`
    /// gets the ports that PostgreSQL implements, and gives back those that are used.
    ///
    /// # Errors
    ///
    /// As [`start_with`](Self::start_with).
    pub async fn start_between(
        config: Config,
        waits: Waits,
        connect: impl FnOnce(&Config) -> anyhow::Result<Vsphere>,
        between: impl FnOnce(WritePorts) -> WritePorts,
    ) -> anyhow::Result<Self> {
        install_tls();
        let listener = listen(config.listen).await.with_context(|| {
            format!("{} cannot be listened on; set STAGEWATCH_LISTEN to a free one", config.listen)
        })?;
        let address = listener.local_addr()?;
        std::fs::create_dir_all(&config.data_dir).with_context(|| {
            let dir = config.data_dir.display();
            format!("the data folder {dir} cannot be made; set STAGEWATCH_DATA_DIR to another")
        })?;
        let (options, embedded) = database(&config).await?;
        // After the database, since that locks the data folder: the simulated vCenter is in it too.
        let vsphere = match connect(&config) {
            Ok(vsphere) => vsphere,
            Err(wrong) => {
                stop_database(embedded).await?;
                return Err(wrong);
            }
        };
        let session = vsphere.session.clone();
        let storage = Storage::new(options);
        let ports = between(storage.write_ports());
        let parts = Parts::new(config, storage, ports, vsphere, embedded.is_none());
        let mut server = Self {
            address,
            shutdown: parts.shutdown.clone(),
            database_shutdown: CancellationToken::new(),
            tasks: JoinSet::new(),
            pool: parts.storage.pool.clone(),
            supervisor: None,
            embedded,
            session,
        };
        if let Some(embedded) = server.embedded.clone() {
            let token = server.database_shutdown.clone();
            server.supervisor = Some(tokio::spawn(async move { embedded.supervise(token).await }));
            // The private PostgreSQL answers already: what is wrong now ends the start.
            if let Err(wrong) = parts.take_over().await {
                server.stop().await?;
                return Err(wrong);
            }
        }
        parts.announce(address);
        server.tasks.spawn(parts.run(listener, waits));
        Ok(server)
    }

    /// The address that answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends when the server has died although nobody stopped it.
    pub async fn died(&mut self) {
        if let Some(Err(error)) = self.tasks.join_next().await {
            tracing::error!(error = ?error, "a part of the server has died");
        }
    }

    /// Stops: no new work, leases handed back, streams ended, then PostgreSQL.
    ///
    /// # Errors
    ///
    /// When the private PostgreSQL does not stop.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.shutdown.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(TASKS_MAX * 2, all).await.is_err() {
            warn!("some tasks did not end in time");
            self.tasks.abort_all();
        }
        vsphere::log_out(self.session.take()).await;
        if tokio::time::timeout(CLOSE_MAX, self.pool.close()).await.is_err() {
            warn!("some connections to PostgreSQL did not close in time");
        }
        self.database_shutdown.cancel();
        if let Some(supervisor) = self.supervisor.take() {
            supervisor.await?;
        }
        stop_database(self.embedded.take()).await
    }
}

/// Stops the private PostgreSQL, if there is one.
async fn stop_database(embedded: Option<Arc<EmbeddedPostgres>>) -> anyhow::Result<()> {
    let Some(embedded) = embedded else { return Ok(()) };
    let embedded = Arc::into_inner(embedded).ok_or_else(|| anyhow!("still in use"))?;
    Ok(embedded.stop().await?)
}

/// rustls has no default provider of its own here; a second start in one process finds it set.
fn install_tls() {
    rustls::crypto::ring::default_provider().install_default().ok();
}

/// Where PostgreSQL is: the given one, or a private one that is started now.
async fn database(
    config: &Config,
) -> anyhow::Result<(PgConnectOptions, Option<Arc<EmbeddedPostgres>>)> {
    match &config.database_url {
        Some(url) => {
            let url = url.expose_secret();
            // The parser takes any scheme, and its error is not told: it may repeat the password.
            let is_ours = ["postgres://", "postgresql://"].iter().any(|ours| url.starts_with(ours));
            let options = PgConnectOptions::from_str(url).ok().filter(|_| is_ours);
            let wrong = "DATABASE_URL: is no PostgreSQL address, as postgres://user@host/database";
            Ok((options.ok_or_else(|| anyhow!(wrong))?, None))
        }
        None => {
            let embedded = EmbeddedPostgres::start(&config.data_dir).await?;
            info!("{}", embedded.place());
            Ok((embedded.connect_options(), Some(Arc::new(embedded))))
        }
    }
}

/// Everything that runs, put together.
struct Parts {
    storage: Storage,
    shutdown: CancellationToken,
    state: AppState,
    saga: Arc<TriggerProvisioning>,
    feed: Arc<Feed>,
    vcenter: Arc<CurrentVcenter>,
    connections_max: usize,
    /// Whether PostgreSQL may be away at the start.
    wait_for_database: bool,
}

impl Parts {
    fn new(
        config: Config,
        storage: Storage,
        ports: WritePorts,
        vsphere: Vsphere,
        wait_for_database: bool,
    ) -> Self {
        let Vsphere { port, name, simulated, session: _ } = vsphere;
        let Storage { repository, clock, .. } = &storage;
        let WritePorts { store, leases, doorbell } = ports;
        let (wake, driving) = (Arc::new(Notify::new()), Arc::new(Driving::default()));
        let shutdown = CancellationToken::new();
        let vcenter = Arc::new(CurrentVcenter::new(Arc::clone(&port)));
        let health = Arc::new(VcenterHealth::new(Arc::clone(&port), clock.clone()));
        let epoch = Epoch::default();
        let renderer = Arc::new(ProtocolFrames::new(epoch.clone()));
        let feed = Arc::new(Feed::new(store.clone(), renderer));
        let journal = Arc::new(Journal::new(
            store.clone(),
            repository.clone(),
            Arc::clone(&vcenter),
            clock.clone(),
            Arc::clone(&feed),
            doorbell,
        ));
        let saga = Arc::new(TriggerProvisioning {
            journal: Arc::clone(&journal),
            leases,
            vsphere: Arc::clone(&port),
            vcenter: Arc::clone(&vcenter),
            health: Arc::clone(&health),
            feed: Arc::clone(&feed),
            clock: clock.clone(),
            worker: Uuid::now_v7().to_string(),
            lease: config.lease,
            workers: config.workers,
            wake: Arc::clone(&wake),
            driving: Arc::clone(&driving),
        });
        let query = Arc::new(ProgressQuery::new(
            store.clone(),
            repository.clone(),
            Arc::clone(&feed),
            Arc::clone(&vcenter),
            Arc::clone(&health),
            clock.clone(),
        ));
        let requests = Arc::new(Requests::new(RequestsParts {
            store,
            repository: repository.clone(),
            vsphere: port,
            vcenter: Arc::clone(&vcenter),
            health,
            limits: config.spec_limits(),
            slow_after: config.slow_after,
            wake,
            journal,
            driving,
        }));
        let insights = Arc::new(Insights::new(storage.insights.clone(), clock.clone()));
        let (connections_max, streams) = places(config.max_streams);
        let state = AppState {
            query,
            requests,
            epoch,
            insights,
            streams: Arc::new(Semaphore::new(streams)),
            streams_max: streams,
            ready: Arc::new(AtomicBool::new(false)),
            shutdown: shutdown.clone(),
            vcenter_name: name.into(),
            simulated,
            machine_links: machine_links(&config, simulated),
            site_dir: site_dir(config.site_dir),
        };
        Self { storage, shutdown, state, saga, feed, vcenter, connections_max, wait_for_database }
    }

    /// Who must hear when vCenter goes away and comes back.
    fn listeners(&self) -> Listeners {
        Listeners {
            feed: Arc::clone(&self.feed),
            vcenter: Arc::clone(&self.vcenter),
            repository: self.storage.repository.clone(),
            leases: Arc::clone(&self.saga.leases),
            wake: Arc::clone(&self.saga.wake),
        }
    }

    /// Brings the schema up to date and learns which journal it is.
    async fn prepare(&self) -> anyhow::Result<()> {
        migrate(&self.storage.pool)
            .await
            .context("the database's schema could not be brought up to date")?;
        self.state.epoch.set(&self.storage.tail.epoch().await?);
        self.state.ready.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Prepares a PostgreSQL that nobody else uses.
    async fn take_over(&self) -> anyhow::Result<()> {
        self.prepare().await?;
        // Nobody else can use it while this server holds the data folder's lock, so whoever had a
        // lease is dead: its work need not wait until the lease has run out.
        self.saga.leases.end_all().await?;
        Ok(())
    }

    /// Prepares a PostgreSQL that may not be there yet, however long it takes.
    async fn prepare_patiently(&self) {
        let mut told = false;
        while let Err(error) = self.prepare().await {
            if !std::mem::replace(&mut told, true) {
                warn!(
                    "DATABASE_URL: PostgreSQL is not answering, trying again every second: {error:#}"
                );
            }
            if self.shutdown.run_until_cancelled(tokio::time::sleep(DATABASE_PAUSE)).await.is_none()
            {
                return;
            }
        }
        if told {
            info!("PostgreSQL is there");
        }
    }

    /// Runs until the shutdown.
    async fn run(self, listener: TcpListener, waits: Waits) {
        let router = router(self.state.clone());
        let Waits { stalled_max, look_interval } = waits;
        let limits = Limits { connections_max: self.connections_max, stalled_max };
        let web = serve::run(listener, router, limits, self.shutdown.clone());
        let work = async {
            if self.wait_for_database {
                self.prepare_patiently().await;
            }
            tokio::join!(
                tail::run(
                    Arc::clone(&self.feed),
                    Arc::clone(&self.saga.driving),
                    self.storage.tail.clone(),
                    Arc::clone(&self.storage.look),
                    look_interval,
                    self.shutdown.clone(),
                ),
                self.storage.doorbell.clone().run(self.shutdown.clone()),
                Arc::clone(&self.saga).run(self.shutdown.clone()),
                self.saga.health.watch(self.listeners(), self.shutdown.clone()),
                forecast::run(
                    Arc::clone(&self.feed),
                    self.storage.repository.clone(),
                    Arc::clone(&self.vcenter),
                    self.storage.clock.clone(),
                    self.shutdown.clone(),
                ),
                self.look_at_vcenter(),
            )
        };
        tokio::join!(web, work);
    }

    /// Says in one line at the start whether vCenter can be worked with.
    async fn look_at_vcenter(&self) {
        let look = async {
            let vcenter = self.vcenter.ask().await?;
            let templates = self.state.requests.templates().await?;
            Ok::<_, crate::domain::ports::vsphere::VsphereError>((vcenter, templates.len()))
        };
        match self.shutdown.run_until_cancelled(look).await {
            Some(Ok((vcenter, templates))) => {
                info!(vcenter.id = %vcenter, "{}: {templates} templates", self.state.vcenter_name);
            }
            Some(Err(error)) => {
                warn!("{} cannot be worked with: {error}", self.state.vcenter_name);
            }
            None => {}
        }
    }

    fn announce(&self, address: SocketAddr) {
        if !self.state.site_dir.join("pkg/stagewatch.js").exists() {
            warn!(
                "the page's script is not in {}: pages work, but do not move by themselves; `scripts/build-site` builds it",
                self.state.site_dir.display()
            );
        }
        info!("http://{address} is ready, with the {}", self.state.vcenter_name);
    }
}
