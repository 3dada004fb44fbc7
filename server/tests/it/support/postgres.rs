//! One PostgreSQL for all tests of this process, and a database of its own for each test.
//!
//! It is the private PostgreSQL of the product itself, in the build's folder, so that it need not be
//! made anew for each run; or the one that `STAGEWATCH_TEST_DATABASE_URL` names, for one run at a time.
//! It ends with this process, however this process ends.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use server::infrastructure::postgres::MIGRATOR;
use server::infrastructure::postgres::embedded::{EmbeddedError, EmbeddedPostgres};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, oneshot};

use super::eventually;

/// Names another PostgreSQL to use.
const URL_VARIABLE: &str = "STAGEWATCH_TEST_DATABASE_URL";
/// What the names of all databases of these tests begin with; leftovers are found by it.
const PREFIX: &str = "stagewatch_it_";
/// How many runs of the tests may go on side by side, each with a PostgreSQL of its own.
const SLOTS: u32 = 8;

/// The one PostgreSQL.
static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();

#[derive(Debug)]
struct Cluster {
    /// To a database that is always there.
    maintenance: PgConnectOptions,
    /// The migrated database that all others are copies of.
    template: String,
    /// Where databases are dropped, since the runtime of a test ends with it.
    runtime: Handle,
}

/// A migrated database for one test; dropped with this value.
#[derive(Debug)]
pub(crate) struct TestDatabase {
    name: String,
    pub(crate) options: PgConnectOptions,
    pub(crate) pool: PgPool,
}

impl TestDatabase {
    pub(crate) async fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let cluster = cluster().await;
        let name = format!("{PREFIX}{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let copy = format!("create database {name} template {}", cluster.template);
        execute(&cluster.maintenance, copy).await;
        let options = cluster.maintenance.clone().database(&name);
        // Told from the sessions of servers.
        let own = options.clone().application_name("test");
        let pool = PgPoolOptions::new().max_connections(5).connect_lazy_with(own);
        Self { name, options, pool }
    }

    /// Does something to this database that cannot be done from within it.
    pub(crate) async fn administer(&self, statement: &str) {
        execute(&cluster().await.maintenance, statement.replace("$name", &self.name)).await;
    }

    /// Ends every session in it, as a restart of PostgreSQL does.
    pub(crate) async fn end_sessions(&self) {
        let end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = '$name'";
        self.administer(end).await;
    }

    /// Lets every lease run out now, as time would, once no server is connected any more: what a dead one
    /// had asked for is still done, and its claim or renewal would give the lease a new time.
    pub(crate) async fn end_leases_of_the_dead(&self) {
        eventually("the end of the dead servers' sessions", async || {
            let lives = "select exists (select 1 from pg_stat_activity
                         where datname = current_database() and application_name = 'stagewatch')";
            let lives: bool =
                sqlx::query_scalar(lives).fetch_one(&self.pool).await.expect("an answer");
            (!lives).then_some(())
        })
        .await;
        let end = "update vm_requests set lease_until = clock_timestamp()";
        sqlx::query(end).execute(&self.pool).await.expect("an update");
    }

    /// As `DATABASE_URL` has it.
    pub(crate) fn url(&self) -> String {
        self.options.to_url_lossy().to_string()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Some(cluster) = CLUSTER.get() else { return };
        let drop = format!("drop database if exists {} with (force)", self.name);
        // Not waited for: what is left when the process ends goes at the next start.
        cluster.runtime.spawn(execute(&cluster.maintenance, drop));
    }
}

async fn cluster() -> &'static Cluster {
    CLUSTER.get_or_init(start_in_thread).await
}

/// Starts PostgreSQL in a thread that lives as long as the process: each test has a runtime that ends
/// with it, and what belongs to all must not.
async fn start_in_thread() -> Cluster {
    let (sender, started) = oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let (cluster, embedded) = start().await;
            sender.send(cluster).expect("a test waits for it");
            std::future::pending::<()>().await;
            drop(embedded);
        });
    });
    started.await.expect("PostgreSQL starts")
}

async fn start() -> (Cluster, Option<EmbeddedPostgres>) {
    let (maintenance, embedded) = match std::env::var_os(URL_VARIABLE) {
        Some(url) => {
            let url = url.into_string().expect("an address is text");
            (PgConnectOptions::from_str(&url).expect(URL_VARIABLE), None)
        }
        None => {
            let embedded = start_embedded().await;
            (embedded.connect_options().database("postgres"), Some(embedded))
        }
    };
    let mut connection = connect(&maintenance).await;
    let leftovers: Vec<String> =
        sqlx::query_scalar("select datname::text from pg_database where starts_with(datname, $1)")
            .bind(PREFIX)
            .fetch_all(&mut connection)
            .await
            .expect("the names of the databases");
    for leftover in leftovers {
        execute(&maintenance, format!("drop database {leftover} with (force)")).await;
    }
    if embedded.is_some() {
        stop_at_the_end_of_this_process(&mut connection).await;
    }
    let template = format!("{PREFIX}template");
    execute(&maintenance, format!("create database {template}")).await;
    let migrated = maintenance.clone().database(&template);
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(migrated);
    MIGRATOR.run(&pool).await.expect("the migrations");
    pool.close().await;
    (Cluster { maintenance, template, runtime: Handle::current() }, embedded)
}

/// The first PostgreSQL that no other run of the tests is using.
async fn start_embedded() -> EmbeddedPostgres {
    for slot in 1..=SLOTS {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("postgres-{slot}"));
        match EmbeddedPostgres::start(&folder).await {
            Err(EmbeddedError::InUse { .. }) => {}
            started => return started.unwrap_or_else(|reason| panic!("{reason}")),
        }
    }
    panic!("{SLOTS} runs of these tests are going on already")
}

/// Leaves a watcher behind that stops PostgreSQL when this process has ended: then its standard
/// input, of which this process holds the other end, is at its end. No destructor is as sure.
async fn stop_at_the_end_of_this_process(connection: &mut PgConnection) {
    let data: String = sqlx::query_scalar("select current_setting('data_directory')")
        .fetch_one(connection)
        .await
        .expect("the data folder");
    let pid = postmaster(Path::new(&data)).expect("the postmaster's process id");
    let watcher = Command::new("sh")
        .args(["-c", &format!("read -r _; kill -INT {pid}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C must not end the watcher before it has done its work.
        .process_group(0)
        .spawn()
        .expect("a shell");
    // Never closed by us.
    std::mem::forget(watcher);
}

/// The process id of the postmaster that serves this data folder.
pub(crate) fn postmaster(data: &Path) -> io::Result<i32> {
    let file = std::fs::read_to_string(data.join("postmaster.pid"))?;
    let pid = file.lines().next().and_then(|line| line.trim().parse().ok());
    pid.ok_or_else(|| io::Error::other("no process id in postmaster.pid"))
}

async fn connect(options: &PgConnectOptions) -> PgConnection {
    PgConnection::connect_with(options).await.expect("a connection to PostgreSQL")
}

fn execute(
    options: &PgConnectOptions,
    statement: String,
) -> impl Future<Output = ()> + Send + use<> {
    let options = options.clone();
    async move {
        let mut connection = connect(&options).await;
        let done = sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await;
        done.expect("a statement on databases");
        connection.close().await.expect("a closed connection");
    }
}
