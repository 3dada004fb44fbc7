//! A server's parts in this process, put together as the composition root does, but for the saga: a
//! bench writes instead.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use async_trait::async_trait;
use server::application::feed::tail::LOOK_INTERVAL;
use server::application::feed::{Feed, tail};
use server::application::insights::Insights;
use server::application::journal::{Journal, OpenRequest};
use server::application::progress_query::ProgressQuery;
use server::application::requests::{Accepted, Requests, RequestsParts};
use server::application::trigger_provisioning::driving::Driving;
use server::application::vcenter::CurrentVcenter;
use server::application::vcenter_health::VcenterHealth;
use server::config::Config;
use server::domain::event::RecordedEvent;
use server::domain::ids::{LeaseEpoch, MoRef, Owner, RequestId, VcenterId, Viewer};
use server::domain::ports::event_store::{
    Append, AppendError, CreateError, Created, EventStore, Idempotency, NewRequest, StoreError,
};
use server::domain::ports::journal_tail::{Doorbell, JournalTail};
use server::domain::ports::vsphere::{VmProvisioningResult, VspherePort};
use server::domain::spec::RawSpec;
use server::domain::stage::VmProvisioningStage as Stage;
use server::domain::vm::Command;
use server::http::frames::{Epoch, ProtocolFrames};
use server::http::serve::Limits;
use server::http::{AppState, MachineLinks, router, serve};
use server::infrastructure::clock::PostgresClock;
use server::infrastructure::postgres::doorbell::PgDoorbell;
use server::infrastructure::postgres::event_store::PgEventStore;
use server::infrastructure::postgres::insights::PgInsights;
use server::infrastructure::postgres::leases::PgLeases;
use server::infrastructure::postgres::progress::PgProgressRepository;
use server::infrastructure::postgres::tail::PgJournalTail;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Arrival, PATIENCE, read_stream};

/// Streams at once: more than any bench opens.
const STREAMS: usize = 10_000;

/// The parts that a bench drives.
pub struct Parts {
    pub address: SocketAddr,
    pub journal: Arc<Journal>,
    pub requests: Arc<Requests>,
    pub leases: PgLeases,
    pub store: Arc<TimedStore>,
    pub shutdown: CancellationToken,
}

/// A doorbell that nobody hears.
#[derive(Debug)]
struct Silent;

impl Doorbell for Silent {
    fn ring(&self) {}
}

/// An event store that remembers when its last append began and when its COMMIT returned.
#[derive(Debug)]
pub struct TimedStore {
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

impl TimedStore {
    /// When the last append began, and when its COMMIT returned.
    pub fn last(&self) -> (Instant, Instant) {
        self.last.lock().expect("nobody panics with it").expect("an append")
    }
}

/// Puts the parts together as the composition root does, but for the saga: the bench writes instead.
///
/// `rings` says whether its writes ring the doorbell; it hears that of others in any case.
pub async fn compose(config: &Config, pool: &PgPool, folder: &Path, rings: bool) -> Parts {
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
    let health = Arc::new(VcenterHealth::new(Arc::clone(&vsphere), clock.clone()));
    let query = Arc::new(ProgressQuery::new(
        store.clone(),
        repository.clone(),
        Arc::clone(&feed),
        Arc::clone(&vcenter),
        Arc::clone(&health),
        clock.clone(),
    ));
    let look = Arc::new(Notify::new());
    let doorbell = PgDoorbell::new(pool.clone(), Arc::clone(&look));
    let journal = Arc::new(Journal::new(
        store.clone(),
        repository.clone(),
        Arc::clone(&vcenter),
        clock.clone(),
        Arc::clone(&feed),
        if rings { Arc::new(doorbell.clone()) } else { Arc::new(Silent) },
    ));
    let requests = Arc::new(Requests::new(RequestsParts {
        store: store.clone(),
        repository,
        vsphere,
        vcenter,
        health,
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
        insights: Arc::new(Insights::new(Arc::new(PgInsights::new(pool.clone())), clock.clone())),
        streams: Arc::new(Semaphore::new(STREAMS)),
        streams_max: STREAMS,
        ready: Arc::new(AtomicBool::new(true)),
        shutdown: shutdown.clone(),
        vcenter_name: "simulated vCenter".into(),
        simulated: true,
        machine_links: MachineLinks::default(),
        site_dir: folder.to_owned(),
    };
    let address = serve(state).await;
    let driving = Arc::default();
    let tail = tail::run(feed, driving, journal_tail, look, LOOK_INTERVAL, shutdown.clone());
    tokio::spawn(tail);
    tokio::spawn(doorbell.run(shutdown.clone()));
    let leases = PgLeases::new(pool.clone());
    Parts { address, journal, requests, leases, store, shutdown }
}

/// Serves on a free port until the state's shutdown.
async fn serve(state: AppState) -> SocketAddr {
    let localhost = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    let listener = TcpListener::bind(localhost).await.expect("a port");
    let address = listener.local_addr().expect("its number");
    let limits = Limits { connections_max: STREAMS, stalled_max: serve::STALLED_MAX };
    let shutdown = state.shutdown.clone();
    tokio::spawn(serve::run(listener, router(state), limits, shutdown));
    address
}

/// The simulated vCenter, which is only asked for its templates here.
fn simulated(config: &Config, folder: &Path) -> Arc<dyn VspherePort> {
    let config = Config { data_dir: folder.to_owned(), ..config.clone() };
    server::bootstrap::vsphere::connect(&config).expect("the simulated vCenter").port
}

impl Parts {
    /// Asks for a VM.
    pub async fn ask(&self) -> RequestId {
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

    /// Records what a worker does, where the server's own tasks run.
    pub async fn append(
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
}

/// Runs something where the server's own tasks run, and not on the main thread, which waits.
pub async fn on_a_worker<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    tokio::spawn(work).await.expect("no panic")
}

/// What a worker records of a provisioning that goes well.
pub fn commands(id: RequestId) -> Vec<Command> {
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
pub fn watch(
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
pub fn wait_for(arrivals: &Receiver<Arrival>, readers: usize, seq: u32) -> Vec<Arrival> {
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
