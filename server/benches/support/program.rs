//! The server as a process of its own, which can be killed.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::PATIENCE;

/// What the feed logs when it reads a journal.
const READ: &str = "the journal is read on from";

/// A running server.
#[derive(Debug)]
pub struct Program {
    child: Child,
    pub address: SocketAddr,
    reads: Arc<AtomicUsize>,
}

impl Program {
    /// Starts it with these settings and returns when it answers.
    pub fn start(data_dir: &Path, settings: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stagewatch"))
            .env("STAGEWATCH_LISTEN", "127.0.0.1:0")
            .env("STAGEWATCH_DATA_DIR", data_dir)
            // So long that nothing happens to a request while it is watched.
            .env("STAGEWATCH_SIMULATED_DELAY", "1h")
            .env("STAGEWATCH_LOG_FORMAT", "json")
            .env("RUST_LOG", "info,server::application::feed=debug")
            .env_remove("DATABASE_URL")
            .env_remove("VSPHERE_URL")
            .envs(settings.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server");
        let mut log = BufReader::new(child.stderr.take().expect("a pipe"));
        let (mut line, mut last) = (String::new(), String::new());
        let address = loop {
            std::mem::swap(&mut line, &mut last);
            line.clear();
            let count = log.read_line(&mut line).expect("a log");
            assert!(count > 0, "the server ended before it was ready: {last}");
            let told =
                line.split_once("http://").and_then(|(_, rest)| rest.split_once(" is ready"));
            if let Some((address, _)) = told {
                break address.parse().expect("an address");
            }
        };
        let reads = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&reads);
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                if line.contains(READ) {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self { child, address, reads }
    }

    /// How often it has read a request's journal for those who watch it.
    pub fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it can work: over a shared PostgreSQL it answers before the schema is there.
    pub async fn wait_until_ready(&self) {
        wait_until_ready(self.address).await;
    }

    /// Asks for a VM as soon as it is ready; returns the path of its stream.
    pub async fn ask(&self, name: &str) -> String {
        self.wait_until_ready().await;
        ask(self.address, name).await
    }

    /// Ends it by a signal, and waits until it is gone.
    pub fn end(mut self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.id()).expect("a process id"));
        kill(pid, signal).expect("it is there");
        self.child.wait().expect("its end");
    }
}

/// Waits until a server can work.
pub async fn wait_until_ready(address: SocketAddr) {
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let give_up = Instant::now() + PATIENCE;
    loop {
        let answer = exchange(address, &request).await;
        if answer.starts_with("HTTP/1.1 200") {
            return;
        }
        assert!(Instant::now() < give_up, "{answer}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Asks a server for a VM; returns the path of its stream.
pub async fn ask(address: SocketAddr, name: &str) -> String {
    let body =
        format!(r#"{{"name":"{name}","template":"ubuntu-24.04","cpus":2,"memoryMib":4096}}"#);
    let answer = post(address, "/api/requests", &body).await;
    let (_, rest) = answer.split_once("\"events\":\"").expect(&answer);
    rest.split('"').next().expect("its end").to_owned()
}

/// Posts JSON to a server; returns the whole answer.
pub async fn post(address: SocketAddr, path: &str, body: &str) -> String {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    exchange(address, &request).await
}

/// Sends a request and reads the whole answer.
async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut connection = TcpStream::connect(address).await.expect("a connection");
    connection.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.expect("an answer");
    answer
}
