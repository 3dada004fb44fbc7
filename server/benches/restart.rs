//! A server that is killed: how long until all who watched are back at the next one, beside that one's
//! own start, and how many journal reads that costs; and how long until another server goes on with its
//! work, beside the lease.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench that cannot measure ends with the reason; its output is what was asked for"
)]
#![allow(missing_docs, unreachable_pub, dead_code, reason = "a bench is nobody's interface")]

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use server::infrastructure::postgres::embedded::EmbeddedPostgres;
use sqlx::ConnectOptions;
use support::program::Program;
use support::{PATIENCE, Samples, row};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

mod support;

/// Readers, and the requests that they watch.
const READERS: usize = 2_000;
const REQUESTS: usize = 20;
/// Servers that are killed, one after the other, each followed by the next.
const TAKEOVERS: usize = 8;
/// The lease that is waited for.
const LEASE: Duration = Duration::from_secs(2);

fn main() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("the hard limit is allowed");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        readers_come_back().await;
        another_takes_over().await;
    });
    runtime.shutdown_background();
}

fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("stagewatch-bench-").tempdir().expect("a folder");
    // PostgreSQL may run as another user, who must get in.
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).expect("a mode");
    folder
}

async fn readers_come_back() {
    let folder = folder();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("a folder");
    std::fs::set_permissions(&data, PermissionsExt::from_mode(0o711)).expect("a mode");
    let server = Program::start(&data, &[]);
    let address = server.address;
    let (tell, opened) = channel();
    let mut paths = Vec::new();
    for number in 0..REQUESTS {
        paths.push(server.ask(&format!("vm-{number}")).await);
    }
    eprintln!("{READERS} readers of {REQUESTS} requests, whose server is killed");
    for path in paths.iter().cycle().take(READERS) {
        tokio::spawn(keep_reading(address, path.clone(), tell.clone()));
    }
    wait_for_all(&opened).await;
    let killed = Instant::now();
    server.end(Signal::SIGKILL);
    let listen = address.to_string();
    let next = Program::start(&data, &[("STAGEWATCH_LISTEN", listen.as_str())]);
    let mut start = Samples::default();
    start.push(killed.elapsed());
    let mut back = Samples::default();
    for at in wait_for_all(&opened).await {
        back.push(at.saturating_duration_since(killed));
    }
    let reads = next.reads();
    println!("{}", row("kill -9 to its readers back", &back, "to the next server's start", &start));
    println!(
        "journal reads until {READERS} are back\t{reads}\t\trequests that they watch\t{REQUESTS}\t\t{:.2}",
        ratio(reads, REQUESTS)
    );
    next.end(Signal::SIGTERM);
}

#[expect(clippy::cast_precision_loss, reason = "both are small")]
fn ratio(measured: usize, beside: usize) -> f64 {
    measured as f64 / beside as f64
}

/// Waits until so many streams were opened as there are readers, and returns when.
async fn wait_for_all(opened: &Receiver<Instant>) -> Vec<Instant> {
    let give_up = Instant::now() + PATIENCE;
    let mut all = Vec::with_capacity(READERS);
    while all.len() < READERS {
        assert!(Instant::now() < give_up, "only {} of {READERS} readers are there", all.len());
        tokio::time::sleep(Duration::from_millis(10)).await;
        all.extend(opened.try_iter());
    }
    all
}

/// Reads a stream for ever: when it breaks, it waits as long as the server has said, and comes back
/// with its last id. Tells each time when its stream has begun.
async fn keep_reading(address: SocketAddr, path: String, opened: Sender<Instant>) {
    let (mut last_id, mut pause) = (String::new(), Duration::from_secs(1));
    loop {
        // An error only says that it broke, or that nobody listens yet.
        read_once(address, &path, &mut last_id, &mut pause, &opened).await.ok();
        tokio::time::sleep(pause).await;
    }
}

async fn read_once(
    address: SocketAddr,
    path: &str,
    last_id: &mut String,
    pause: &mut Duration,
    opened: &Sender<Instant>,
) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nLast-Event-ID: {last_id}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let (mut text, mut buffer, mut has_begun) = (String::new(), vec![0; 4 * 1024], false);
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        text.push_str(&String::from_utf8_lossy(buffer.get(..count).unwrap_or_default()));
        while let Some(end) = text.find('\n') {
            let line: String = text.drain(..=end).collect();
            if let Some(retry) = line.strip_prefix("retry: ").and_then(|ms| ms.trim().parse().ok())
            {
                *pause = Duration::from_millis(retry);
            }
            if let Some(id) = line.strip_prefix("id: ") {
                id.trim().clone_into(last_id);
            }
            // At first it is the snapshot that counts; who comes back has all there is.
            let is_begin = if last_id.is_empty() { false } else { !has_begun };
            if is_begin && (line.starts_with("id: ") || line.starts_with(": stagewatch")) {
                has_begun = true;
                opened.send(Instant::now()).ok();
            }
        }
    }
}

/// One server after the other is killed in the middle of a clone, and the next one goes on.
async fn another_takes_over() {
    let (postgres_folder, folder) = (folder(), folder());
    let postgres = EmbeddedPostgres::start(postgres_folder.path()).await.expect("PostgreSQL");
    let url = postgres.connect_options().to_url_lossy().to_string();
    let lease = format!("{}s", LEASE.as_secs());
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("STAGEWATCH_LEASE", lease.as_str()),
        ("VSPHERE_CALL_TIMEOUT", "1s"),
    ];
    eprintln!("{TAKEOVERS} servers that are killed, under a lease of {lease}");
    let (mut took, mut leases) = (Samples::default(), Samples::default());
    let mut server = Program::start(folder.path(), &settings);
    for number in 0..TAKEOVERS {
        let path = server.ask(&format!("vm-{number}")).await;
        wait_for_event(server.address, &path, r#""currentStage":"CLONING""#).await;
        let next = Program::start(folder.path(), &settings);
        next.wait_until_ready().await;
        let told = tokio::spawn(wait_for_resumed(next.address, path));
        let killed = Instant::now();
        server.end(Signal::SIGKILL);
        let resumed = told.await.expect("the next server goes on");
        took.push(resumed.saturating_duration_since(killed));
        leases.push(LEASE);
        server = next;
    }
    server.end(Signal::SIGTERM);
    println!("{}", row("kill -9 to another server going on", &took, "the lease", &leases));
    postgres.stop().await.expect("PostgreSQL's end");
}

async fn wait_for_resumed(address: SocketAddr, path: String) -> Instant {
    wait_for_event(address, &path, "event: resumed").await
}

/// Reads a stream until it says this; returns when.
async fn wait_for_event(address: SocketAddr, path: &str, words: &str) -> Instant {
    let read = async {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("a request");
        let (mut text, mut buffer) = (String::new(), vec![0; 16 * 1024]);
        loop {
            let count = stream.read(&mut buffer).await.expect("more of the stream");
            let at = Instant::now();
            assert!(count > 0, "the stream ended before {words}: {text}");
            text.push_str(&String::from_utf8_lossy(buffer.get(..count).unwrap_or_default()));
            if text.contains(words) {
                return at;
            }
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("what must come")
}
