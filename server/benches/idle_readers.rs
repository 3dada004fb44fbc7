//! The memory that an idle reader of a stream costs the server, beside a bare TCP accept of as many
//! connections with a task each.
//!
//! Both are processes of their own, so that what the readers themselves need is not counted. Counted
//! is what the process has resident; what the kernel keeps for a socket is the same for both.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench that cannot measure ends with the reason; its output is what was asked for"
)]
#![allow(missing_docs, unreachable_pub, dead_code, reason = "a bench is nobody's interface")]

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::program::Program;
use support::{Arrival, PATIENCE, read_stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

mod support;

/// Readers that are open at once: enough for the growth to stand far above what the allocator rounds.
const READERS: usize = 2_000;

/// The argument with which this program is the bare accept loop.
const BARE_ACCEPT: &str = "--bare-accept";

fn main() {
    raise_file_limit();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if std::env::args().any(|argument| argument == BARE_ACCEPT) {
        return runtime.block_on(bare_accept());
    }
    let (server, bare) =
        runtime.block_on(async { (of_the_server().await, of_bare_accept().await) });
    let (per_server, per_bare) = (per_reader_kib(server), per_reader_kib(bare));
    println!(
        "memory per idle reader ({READERS})\t{per_server:.1} KiB\t\tbare TCP accept, a task each\t{per_bare:.1} KiB\t\t{:.1}",
        per_server / per_bare
    );
}

fn raise_file_limit() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("the hard limit is allowed");
}

#[expect(clippy::cast_precision_loss, reason = "sizes of a process are far below 2^53")]
fn per_reader_kib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / READERS as f64
}

/// By how much the server grows with its readers, in bytes.
async fn of_the_server() -> u64 {
    let folder = tempfile::Builder::new().prefix("stagewatch-bench-").tempdir().expect("a folder");
    // PostgreSQL may run as another user, who must get in.
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).expect("a mode");
    let server = Program::start(folder.path(), &[("RUST_LOG", "info")]);
    let address = server.address;
    let path = server.ask("idle").await;
    eprintln!("{READERS} idle readers of {address}{path}");
    let mut reading = JoinSet::new();
    let mut open = |count| {
        let (tell, arrivals) = channel();
        for _ in 0..count {
            let (path, tell) = (path.clone(), tell.clone());
            reading.spawn(async move { read_stream(address, &path, tell).await });
        }
        arrivals
    };
    // The first reader pays for what all share. After its first ping a reader is idle.
    wait_for_pings(&open(1), 1).await;
    let before = resident_bytes(server.id());
    wait_for_pings(&open(READERS), READERS).await;
    let after = resident_bytes(server.id());
    reading.abort_all();
    server.end(Signal::SIGTERM);
    after.saturating_sub(before)
}

/// By how much a program that only accepts grows, in bytes.
async fn of_bare_accept() -> u64 {
    let mut bare = Command::new(std::env::current_exe().expect("this program"))
        .arg(BARE_ACCEPT)
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program again");
    let mut line = String::new();
    let said = bare.stdout.take().expect("a pipe");
    BufReader::new(said).read_line(&mut line).expect("its address");
    let address: SocketAddr = line.trim().parse().expect("an address");
    let mut connections = vec![connect_and_echo(address).await];
    let before = resident_bytes(bare.id());
    for _ in 0..READERS {
        connections.push(connect_and_echo(address).await);
    }
    let after = resident_bytes(bare.id());
    stop(bare, Signal::SIGKILL);
    after.saturating_sub(before)
}

/// The yardstick: accepts, and gives each connection a task that waits to read from it.
async fn bare_accept() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    println!("{}", listener.local_addr().expect("its number"));
    loop {
        let (mut connection, _) = listener.accept().await.expect("a connection");
        tokio::spawn(async move {
            let mut byte = [0];
            while let Ok(1) = connection.read(&mut byte).await {
                connection.write_all(&byte).await.ok();
            }
        });
    }
}

/// One byte there and back: then the connection was accepted and has its task.
async fn connect_and_echo(address: SocketAddr) -> TcpStream {
    let mut connection = TcpStream::connect(address).await.expect("a connection");
    connection.write_all(b"x").await.expect("a byte sent");
    connection.read_exact(&mut [0]).await.expect("a byte back");
    connection
}

/// Waits until so many readers have heard a `ping`.
async fn wait_for_pings(arrivals: &Receiver<Arrival>, readers: usize) {
    let give_up = Instant::now() + PATIENCE;
    let mut pings = 0;
    while pings < readers {
        assert!(Instant::now() < give_up, "only {pings} of {readers} readers heard a ping");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        pings += arrivals.try_iter().filter(|arrival| arrival.seq == 0).count();
    }
}

/// What a process has resident, in bytes (`VmRSS`).
fn resident_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its size");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1024
}

fn stop(mut child: Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    kill(pid, signal).expect("it is there");
    child.wait().expect("its end");
}
