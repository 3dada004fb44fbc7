//! From the COMMIT of a stage event to its bytes at a reader of the stream, beside a bare
//! INSERT + COMMIT of the same row over one connection.
//!
//! The server's own parts run here as the composition root puts them together: PostgreSQL, journal,
//! feed, tail, HTTP over real sockets. Only the event store is wrapped, to learn when COMMIT returned.
//! The readers have a thread of their own, since they are not the server's work. Yardstick and
//! measured alternate, so that both meet the same moments of a shared machine.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench that cannot measure ends with the reason; its output is what was asked for"
)]
#![allow(missing_docs, unreachable_pub, reason = "a bench is nobody's interface")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use server::application::feed::{Feed, tail};
use server::application::journal::{Journal, OpenRequest};
use server::application::progress_query::ProgressQuery;
use server::application::requests::{Accepted, Requests, RequestsParts};
use server::application::trigger_provisioning::driving::Driving;
use server::application::vcenter::CurrentVcenter;
use server::config::Config;
use server::domain::event::{NewEvent, RecordedEvent};
use server::domain::ids::{LeaseEpoch, MoRef, Owner, RequestId, VcenterId, Viewer};
use server::domain::ports::event_store::{
    Append, AppendError, CreateError, Created, EventStore, Idempotency, Leases, NewRequest,
    StoreError,
};
use server::domain::ports::journal_tail::JournalTail;
use server::domain::ports::vsphere::{VmProvisioningResult, VspherePort};
use server::domain::spec::RawSpec;
use server::domain::stage::VmProvisioningStage as Stage;
use server::domain::vm::{Command, decide};
use server::http::frames::{Epoch, ProtocolFrames};
use server::http::serve::Limits;
use server::http::{AppState, MachineLinks, router, serve};
use server::infrastructure::clock::PostgresClock;
use server::infrastructure::postgres::doorbell::PgDoorbell;
use server::infrastructure::postgres::embedded::EmbeddedPostgres;
use server::infrastructure::postgres::event_record::{SCHEMA_VERSION, encode};
use server::infrastructure::postgres::event_store::PgEventStore;
use server::infrastructure::postgres::leases::PgLeases;
use server::infrastructure::postgres::progress::PgProgressRepository;
use server::infrastructure::postgres::tail::PgJournalTail;
use server::infrastructure::postgres::{MIGRATOR, pool};
use sqlx::{Connection, PgConnection, PgPool};
use support::{Arrival, PATIENCE, Samples, read_stream, row};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

mod support;

/// How many readers watch at once, and how many requests are then driven to their end. One of six
/// events each; the first requests warm up the caches and are not counted.
const ROUNDS: [(usize, usize); 2] = [(1, 120), (200, 30)];
const WARM_UP_REQUESTS: usize = 3;

/// An event store that remembers when its last append began and when its COMMIT returned.
#[derive(Debug)]
struct TimedStore {
    inner: PgEventStore,
    last: Mutex<Option<(Instant, Instant)>>,
}

#[async_trait]
impl EventStore for TimedStore {
    async fn create(&self, new: NewRequest) -> Result<Created, CreateError> {
        self.inner.create(new).await
    }

    async fn find(
        &self,
        owner: &Owner,
        idempotency: &Idempotency,
    ) -> Result<Option<RequestId>, CreateError> {
        self.inner.find(owner, idempotency).await
    }

    async fn load(
        &self,
        request: RequestId,
        after_seq: u32,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.inner.load(request, after_seq).await
    }

    async fn append(&self, append: Append) -> Result<Vec<RecordedEvent>, AppendError> {
        let begun = Instant::now();
        let recorded = self.inner.append(append).await;
        *self.last.lock().expect("nobody panics with it") = Some((begun, Instant::now()));
        recorded
    }

    async fn try_write(&self) -> Result<(), StoreError> {
        self.inner.try_write().await
    }
}

/// The server's parts that the bench drives.
struct Bench {
    address: SocketAddr,
    journal: Arc<Journal>,
    requests: Arc<Requests>,
    leases: PgLeases,
    store: Arc<TimedStore>,
    /// The yardstick's own connection; away while it is used.
    bare: Option<PgConnection>,
    shutdown: CancellationToken,
}

/// What was measured with one number of readers.
#[derive(Default)]
struct Measured {
    bare_insert: Samples,
    commit_to_each: Samples,
    commit_to_last: Samples,
    begin_to_last: Samples,
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(run());
}

async fn run() {
    let folder = tempfile::Builder::new().prefix("stagewatch-bench-").tempdir().expect("a folder");
    // PostgreSQL may run as another user, who must get in.
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).expect("a mode");
    let postgres = EmbeddedPostgres::start(folder.path()).await.expect("PostgreSQL");
    let pool = pool(postgres.connect_options());
    MIGRATOR.run(&pool).await.expect("the schema");
    let mut bare =
        PgConnection::connect_with(&postgres.connect_options()).await.expect("a connection");
    // The same columns, checks, defaults and indexes; only the request's row is not asked for.
    sqlx::query("create table bare_events (like events including all)")
        .execute(&mut bare)
        .await
        .expect("the yardstick's table");
    let config = Config::read(["bench", "--simulated-delay", "0"]).expect("settings");
    let mut bench = compose(&config, &pool, folder.path(), bare).await;
    for (readers, requests) in ROUNDS {
        eprintln!("{readers} readers, {requests} requests of 6 events each");
        let measured = bench.measure(readers, requests).await;
        print_rows(readers, &measured);
    }
    bench.shutdown.cancel();
    drop(bench.bare.take());
    pool.close().await;
    postgres.stop().await.expect("PostgreSQL's end");
}

fn print_rows(readers: usize, measured: &Measured) {
    const BESIDE: &str = "bare INSERT + COMMIT of the row";
    let bare = &measured.bare_insert;
    let print = |what: &str, samples| println!("{}", row(what, samples, BESIDE, bare));
    match readers {
        1 => print("COMMIT to byte, 1 reader", &measured.commit_to_each),
        _ => {
            print(&format!("COMMIT to byte, each of {readers} readers"), &measured.commit_to_each);
            print(&format!("COMMIT to byte, last of {readers} readers"), &measured.commit_to_last);
        }
    }
    let readers = if readers == 1 { "1 reader".to_owned() } else { format!("{readers} readers") };
    print(&format!("before the append to byte, {readers}"), &measured.begin_to_last);
}

/// Puts the parts together as the composition root does, but for the saga: the bench writes instead.
async fn compose(
    config: &Config,
    pool: &PgPool,
    folder: &std::path::Path,
    bare: PgConnection,
) -> Bench {
    let vsphere = simulated(config, folder);
    let clock = Arc::new(PostgresClock::new());
    let inner = PgEventStore::new(pool.clone());
    let store = Arc::new(TimedStore { inner, last: Mutex::new(None) });
    let repository = Arc::new(PgProgressRepository::new(pool.clone()));
    let journal_tail = Arc::new(PgJournalTail::new(pool.clone(), Arc::clone(&clock)));
    let vcenter = Arc::new(CurrentVcenter::new(Arc::clone(&vsphere)));
    let epoch = Epoch::default();
    epoch.set(&journal_tail.epoch().await.expect("the journal's identity"));
    let renderer = Arc::new(ProtocolFrames::new(epoch.clone()));
    let feed = Arc::new(Feed::new(store.clone(), renderer));
    let shutdown = CancellationToken::new();
    let query = Arc::new(ProgressQuery::new(
        store.clone(),
        repository.clone(),
        Arc::clone(&feed),
        Arc::clone(&vcenter),
        clock.clone(),
    ));
    let look = Arc::new(Notify::new());
    let doorbell = PgDoorbell::new(pool.clone(), Arc::clone(&look));
    let journal = Arc::new(Journal::new(
        store.clone(),
        repository.clone(),
        Arc::clone(&vcenter),
        clock,
        Arc::clone(&feed),
        Arc::new(doorbell.clone()),
    ));
    let requests = Arc::new(Requests::new(RequestsParts {
        store: store.clone(),
        repository,
        vsphere,
        vcenter,
        limits: config.spec_limits(),
        slow_after: config.slow_after,
        wake: Arc::new(Notify::new()),
        journal: Arc::clone(&journal),
        driving: Arc::new(Driving::default()),
    }));
    let state = AppState {
        query,
        requests: Arc::clone(&requests),
        epoch,
        streams: Arc::new(Semaphore::new(10_000)),
        ready: Arc::new(AtomicBool::new(true)),
        shutdown: shutdown.clone(),
        vcenter_name: "simulated vCenter".into(),
        simulated: true,
        machine_links: MachineLinks::default(),
        site_dir: folder.to_owned(),
    };
    let localhost = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    let listener = TcpListener::bind(localhost).await.expect("a port");
    let address = listener.local_addr().expect("its number");
    let limits = Limits { connections_max: 10_000, stalled_max: serve::STALLED_MAX };
    tokio::spawn(serve::run(listener, router(state), limits, shutdown.clone()));
    tokio::spawn(tail::run(
        feed,
        Arc::new(Driving::default()),
        journal_tail,
        look,
        shutdown.clone(),
    ));
    tokio::spawn(doorbell.run(shutdown.clone()));
    let leases = PgLeases::new(pool.clone());
    Bench { address, journal, requests, leases, store, bare: Some(bare), shutdown }
}

/// The simulated vCenter, which is only asked for its templates here.
fn simulated(config: &Config, folder: &std::path::Path) -> Arc<dyn VspherePort> {
    let config = Config { data_dir: folder.to_owned(), ..config.clone() };
    server::bootstrap::vsphere::connect(&config).expect("the simulated vCenter").port
}

impl Bench {
    async fn measure(&mut self, readers: usize, requests: usize) -> Measured {
        let mut measured = Measured::default();
        let mut warm_up = Measured::default();
        for request in 0..requests + WARM_UP_REQUESTS {
            let into = if request < WARM_UP_REQUESTS { &mut warm_up } else { &mut measured };
            self.drive_one(readers, into).await;
        }
        measured
    }

    /// Drives one request to its end with so many readers, as a worker does under its lease.
    async fn drive_one(&mut self, readers: usize, measured: &mut Measured) {
        let id = self.ask().await;
        let (tell, arrivals) = channel();
        let path = format!("/api/requests/{}/provisioning-progress/events", id.0);
        let thread = watch(self.address, path, readers, tell);
        wait_for(&arrivals, readers, 1);
        let lease = Duration::from_secs(600);
        let claims = self.leases.claim("bench", None, lease, 1).await.expect("a claim");
        let claim = claims.first().expect("the request is due");
        let mut open = self.journal.open(id).await.expect("a journal").expect("a request");
        for (seq, command) in (2..).zip(commands(id)) {
            let event = decide(&open.aggregate, command.clone()).expect("it is possible");
            let new = NewEvent { event: event[0].clone(), told: open.timeline.told };
            // In turns, and each first as often as the other.
            if seq % 2 == 0 {
                measured.bare_insert.push(self.bare_insert(id, seq, &new).await);
            }
            open = self.append(open, claim.epoch, command).await;
            let (begun, committed) =
                self.store.last.lock().expect("nobody panics with it").expect("an append");
            let read = wait_for(&arrivals, readers, seq);
            for arrival in &read {
                measured.commit_to_each.push(arrival.at - committed);
            }
            let last = read.iter().map(|arrival| arrival.at).max().expect("a reader");
            measured.commit_to_last.push(last - committed);
            measured.begin_to_last.push(last - begun);
            if seq % 2 == 1 {
                measured.bare_insert.push(self.bare_insert(id, seq, &new).await);
            }
        }
        thread.join().expect("the readers end with the request");
    }

    async fn ask(&self) -> RequestId {
        let raw = RawSpec {
            name: format!("vm-{}", Uuid::now_v7().simple()),
            template: "ubuntu-24.04".to_owned(),
            cpus: 2,
            memory_mib: 4_096,
            network: None,
        };
        let viewer = Viewer(Owner::local());
        match self.requests.accept(&viewer, &raw, None).await.expect("a valid wish") {
            Accepted::New(id) | Accepted::Existing(id) => id,
        }
    }

    async fn append(
        &self,
        mut open: OpenRequest,
        epoch: LeaseEpoch,
        command: Command,
    ) -> OpenRequest {
        let journal = Arc::clone(&self.journal);
        let append = async move {
            journal.record(&mut open, Some(epoch), command).await.expect("an append");
            open
        };
        on_a_worker(append).await
    }

    /// The same row into a table like the journal's: one statement that commits itself.
    async fn bare_insert(&mut self, id: RequestId, seq: u32, new: &NewEvent) -> Duration {
        let payload = encode(new).expect("a payload");
        let insert = sqlx::query(
            "insert into bare_events (request_id, seq, type, schema_version, payload)
             values ($1, $2, $3, $4, $5)",
        );
        let insert = insert
            .bind(id.0)
            .bind(i32::try_from(seq).expect("a small number"))
            .bind(new.event.type_name())
            .bind(SCHEMA_VERSION)
            .bind(payload);
        let mut bare = self.bare.take().expect("nobody else uses it");
        let timed = async move {
            let begun = Instant::now();
            insert.execute(&mut bare).await.expect("a row");
            (begun.elapsed(), bare)
        };
        let (took, bare) = on_a_worker(timed).await;
        self.bare = Some(bare);
        took
    }
}

/// Runs something where the server's own tasks run, and not on the main thread, which waits.
async fn on_a_worker<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    tokio::spawn(work).await.expect("no panic")
}

/// What a worker records of a provisioning that goes well.
fn commands(id: RequestId) -> Vec<Command> {
    let start =
        Command::Start { vcenter: VcenterId("bench".to_owned()), worker: "bench".to_owned() };
    let stages = [
        (Stage::Cloning, "from ubuntu-24.04"),
        (Stage::Configuring, "2 CPUs, 4096 MiB"),
        (Stage::PoweringOn, "powering on"),
        (Stage::WaitingForNetwork, "Tools running"),
    ];
    let progress = stages.map(|(stage, details)| {
        let details = Some(details.to_owned());
        Command::UpdateProgress { stage, details }
    });
    let vm = VmProvisioningResult {
        moref: MoRef("vm-1".to_owned()),
        instance_uuid: id.instance_uuid(),
        hostname: "vm".to_owned(),
        ip_address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
    };
    [start].into_iter().chain(progress).chain([Command::Complete { vm }]).collect()
}

/// Opens readers in a thread of their own; it ends when all their streams have.
fn watch(
    address: SocketAddr,
    path: String,
    readers: usize,
    tell: Sender<Arrival>,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let mut reading = tokio::task::JoinSet::new();
            for _ in 0..readers {
                let (path, tell) = (path.clone(), tell.clone());
                reading.spawn(async move { read_stream(address, &path, tell).await });
            }
            while let Some(read) = reading.join_next().await {
                read.expect("a reader").expect("a stream");
            }
        });
    })
}

/// Waits until every reader has read the frame with this number.
fn wait_for(arrivals: &Receiver<Arrival>, readers: usize, seq: u32) -> Vec<Arrival> {
    let give_up = Instant::now() + PATIENCE;
    let mut read = Vec::with_capacity(readers);
    while read.len() < readers {
        let left = give_up.saturating_duration_since(Instant::now());
        let arrival = arrivals.recv_timeout(left).expect("a frame for every reader");
        if arrival.seq == seq {
            read.push(arrival);
        }
    }
    read
}
