//! A clone that hangs holds one worker: how long others need beside it until all of them are ready, beside
//! the same without it.
//!
//! The whole server runs here, put together by the composition root; only its simulated vCenter is
//! directed. Rounds with and without alternate, so that both meet the same moments of a shared machine.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench that cannot measure ends with the reason; its output is what was asked for"
)]
#![allow(missing_docs, unreachable_pub, dead_code, reason = "a bench is nobody's interface")]

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use server::bootstrap::vsphere::Vsphere;
use server::bootstrap::{Server, Waits};
use server::config::Config;
use server::infrastructure::postgres::embedded::EmbeddedPostgres;
use server::infrastructure::vsphere::adapter::{Deadlines, Pace, VsphereAdapter};
use server::infrastructure::vsphere::simulated::{
    Failure, Operation, Script, SimulatedSettings, SimulatedVcenter,
};
use sqlx::ConnectOptions;
use support::program::{ask, post, wait_until_ready};
use support::{PATIENCE, Samples, read_stream, row};
use tempfile::TempDir;
use tokio::task::JoinSet;

mod support;

/// How many VMs are asked for at once: more than there are workers.
const OTHERS: usize = 20;
/// Rounds of each kind, and how many before them are not counted.
const ROUNDS: usize = 12;
const WARM_UP_ROUNDS: usize = 1;
/// What a stage takes in vCenter on average: the more, the less this machine's own speed counts.
const DELAY: &str = "100ms";
/// The pause between looks at what cannot be waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(run());
}

async fn run() {
    let (postgres_folder, folder) = (folder(), folder());
    let postgres = EmbeddedPostgres::start(postgres_folder.path()).await.expect("PostgreSQL");
    let url = postgres.connect_options().to_url_lossy().to_string();
    let config = config(&url, folder.path());
    let workers = config.workers;
    let settings = SimulatedSettings { delay: config.simulated_delay, seed: Some(1) };
    let vcenter = SimulatedVcenter::open(folder.path(), settings).expect("a vCenter");
    let script = vcenter.script();
    let server =
        Server::start_with(config, Waits::default(), |config| Ok(connect(config, vcenter)));
    let server = server.await.expect("a server");
    let address = server.address();
    wait_until_ready(address).await;
    eprintln!("{ROUNDS} rounds of {OTHERS} VMs each, with a clone that hangs and without");
    let (mut beside, mut without) = (Samples::default(), Samples::default());
    for round in 0..WARM_UP_ROUNDS + ROUNDS {
        let kinds = if round % 2 == 0 { [true, false] } else { [false, true] };
        for hangs in kinds {
            let took = round_takes(address, &script, round, hangs).await;
            if round >= WARM_UP_ROUNDS {
                if hangs { beside.push(took) } else { without.push(took) }
            }
        }
    }
    server.stop().await.expect("the server's end");
    postgres.stop().await.expect("PostgreSQL's end");
    let what =
        format!("{OTHERS} VMs by {workers} workers, one of which waits for a clone that hangs");
    println!("{}", row(&what, &beside, "the same without it", &without));
}

fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("stagewatch-bench-").tempdir().expect("a folder");
    // PostgreSQL may run as another user, who must get in.
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).expect("a mode");
    folder
}

fn config(url: &str, folder: &Path) -> Config {
    let folder = folder.to_str().expect("a plain path");
    let own = ["bench", "--listen", "127.0.0.1:0", "--database-url", url, "--data-dir", folder];
    Config::read(own.iter().chain(&["--simulated-delay", DELAY])).expect("settings")
}

/// The port over this vCenter, as the composition root puts it together.
fn connect(config: &Config, vcenter: SimulatedVcenter) -> Vsphere {
    let deadlines = Deadlines {
        clone: config.vsphere_clone_timeout,
        customize: config.vsphere_customize_timeout,
        network: config.vsphere_network_timeout,
        call: config.call_timeout(),
    };
    let pace = Pace { settling: config.simulated_delay / 10, ..Pace::REAL };
    let adapter = VsphereAdapter::new(Arc::new(vcenter), deadlines).with_pace(pace);
    let name = "simulated vCenter".to_owned();
    Vsphere { port: Arc::new(adapter), name, simulated: true, session: None }
}

/// How long it takes until all VMs of a round are ready.
async fn round_takes(address: SocketAddr, script: &Script, round: usize, hangs: bool) -> Duration {
    let kind = if hangs { "beside" } else { "without" };
    let hung = if hangs { Some(hang(address, script, round).await) } else { None };
    let begun = Instant::now();
    let mut making = JoinSet::new();
    for number in 0..OTHERS {
        let name = format!("vm-{kind}-{round}-{number}");
        making.spawn(async move {
            let path = ask(address, &name).await;
            wait_for_end(address, &path).await;
        });
    }
    making.join_all().await;
    let took = begun.elapsed();
    if let Some(path) = hung {
        let (request, _) = path.split_once("/provisioning-progress").expect("a stream's path");
        let answer = post(address, &format!("{request}/cancel"), "").await;
        assert!(answer.starts_with("HTTP/1.1 202"), "it still hangs: {answer}");
        wait_for_end(address, &path).await;
    }
    took
}

/// Asks for a VM whose clone hangs, and waits until it does; returns the path of its stream.
async fn hang(address: SocketAddr, script: &Script, round: usize) -> String {
    script.forget_calls();
    script.fail(Operation::Clone, 1, Failure::TaskHangs);
    let path = ask(address, &format!("vm-hung-{round}")).await;
    let called = async {
        while !script.calls().iter().any(|call| call.operation == Operation::Clone) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(PATIENCE, called).await.expect("the clone");
    path
}

/// Reads a request's stream to its end.
async fn wait_for_end(address: SocketAddr, path: &str) {
    // What comes on it is of no interest.
    let (tell, _frames) = channel();
    let read = tokio::time::timeout(PATIENCE, read_stream(address, path, tell)).await;
    read.expect("the request's end").expect("a stream");
}
