//! The real program as a process of its own, which can be killed.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::sync::watch;

use super::{Api, LOOK_AGAIN, eventually, in_time};

/// How many lines of its log, the newest, a failed test shows.
const LOG_LINES: usize = 60;

/// A running `stagewatch`. Dropping it kills it, and shows the end of its log when a test has failed.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    log: Arc<Mutex<String>>,
    pub(crate) address: SocketAddr,
    api: Api,
}

impl Deref for Program {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

impl Program {
    /// Starts it with this data folder and these settings, on a free port.
    pub(crate) async fn start(data_dir: &Path, settings: &[(&str, &str)]) -> Self {
        Self::start_by(command(data_dir, settings)).await
    }

    /// The same for a command of the caller's, whose standard error is piped.
    pub(crate) async fn start_by(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the program runs");
        let (sender, mut address) = watch::channel(None);
        let log = Arc::new(Mutex::new(String::new()));
        let (lines, kept) = (child.stderr.take().expect("its standard error"), log.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                if let Some(found) = ready_at(&line) {
                    sender.send_replace(Some(found));
                }
                let mut kept = kept.lock().expect("nobody panics with it");
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let ready = in_time("the program's address", address.wait_for(Option::is_some)).await;
        let said = || log.lock().expect("nobody panics with it").clone();
        let address = ready.unwrap_or_else(|_| panic!("it ended:\n{}", said())).expect("some");
        Self { child, log, address, api: Api::new(address) }
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("nobody panics with it").clone()
    }

    /// Waits until it can do its work.
    pub(crate) async fn ready(&self) {
        let ready = async || (self.get("/readyz").await.status == 200).then_some(());
        eventually("readiness", ready).await;
    }

    /// Waits until it has logged this.
    pub(crate) async fn logs(&self, words: &str) {
        eventually(words, async || self.log().contains(words).then_some(())).await;
    }

    /// Writes a line to its standard input, which is piped.
    pub(crate) fn tell(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("its standard input");
        writeln!(input, "{line}").expect("it listens");
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn until_it_ends(&mut self) -> ExitStatus {
        in_time("the program's end", async {
            loop {
                if let Some(status) = self.child.try_wait().expect("its state") {
                    return status;
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        })
        .await
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("its end");
    }

    /// Ctrl-C; returns how it ended.
    pub(crate) async fn interrupt(self) -> ExitStatus {
        self.end_by(Signal::SIGINT).await
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("it was running");
    }

    /// Sends it a signal that ends it; returns how it ended.
    pub(crate) async fn end_by(mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        self.until_it_ends().await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // An error only says that it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let newest = &lines[lines.len().saturating_sub(LOG_LINES)..];
            eprintln!("the log of a program, at its end:\n{}", newest.join("\n"));
        }
    }
}

/// Runs the program until it ends by itself, and returns how it ended and what it said.
pub(crate) async fn run_to_end(data_dir: &Path, settings: &[(&str, &str)]) -> (ExitStatus, String) {
    let mut command = tokio::process::Command::from(command(data_dir, settings));
    let run = command.kill_on_drop(true).output();
    let output = in_time(&format!("the end with {settings:?}"), run).await.expect("it runs");
    (output.status, String::from_utf8(output.stderr).expect("text"))
}

fn command(data_dir: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stagewatch"));
    command
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| name == "PATH" || name == "HOME"))
        .envs([("STAGEWATCH_LISTEN", "127.0.0.1:0"), ("STAGEWATCH_LOG_FORMAT", "json")])
        .env("STAGEWATCH_DATA_DIR", data_dir)
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// The address in the line that says that it is ready.
fn ready_at(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    let message = line.get("message")?.as_str()?;
    message.strip_prefix("http://")?.split_once(" is ready")?.0.parse().ok()
}
