//! A real server in a process of its own that dies at a point of the test's choice.
//!
//! It is the server of the product in every part: the same library, put together by `bootstrap` from
//! the same settings, with watched ports in between. Its program is this test binary, run again for
//! one test only, so that neither a normal build nor a release has anything of it in it.

use std::io::{BufRead, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use app::api::Status;
use server::bootstrap::{Server, Waits};
use server::config::Config;
use server::infrastructure::vsphere::api::{Fault, VcenterApi};
use server::infrastructure::vsphere::simulated::{
    Failure, Operation, Script, SimulatedSettings, SimulatedVcenter,
};
use server::telemetry;

use super::points::Points;
use super::ports::{Watched, watch};
use crate::support::process::Program;
use crate::support::server::{TEMPLATE, connect};
use crate::support::{Api, World, eventually};

/// Set in the process of a victim.
const VARIABLE: &str = "STAGEWATCH_TEST_VICTIM";
/// The point of its first takeover at which a victim dies.
pub(super) const DIES_AT: &str = "STAGEWATCH_TEST_DIES_AT";
/// The name of the test below.
const TEST: &str = "kills::victim::a_server_with_watched_ports_works_as_any_other";

/// What a victim is told on its standard input.
const ARM: &str = "arm ";
const HANG_CLONE: &str = "hang the next clone";
const REFUSE_CONFIGURATION: &str = "refuse the next configuration";
const TELL: &str = "tell";
/// What it says.
const SEEN: &str = "come to: ";
const END_OF_SEEN: &str = "that is all";

/// A running victim.
#[derive(Debug)]
pub(super) struct Victim {
    pub(super) program: Program,
}

impl Victim {
    pub(super) async fn start(data_dir: &Path, settings: &[(&str, &str)]) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command
            .args([TEST, "--exact", "--nocapture", "--test-threads", "1"])
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| name == "PATH" || name == "HOME"))
            .envs([("STAGEWATCH_LISTEN", "127.0.0.1:0"), ("STAGEWATCH_LOG_FORMAT", "json")])
            .env("STAGEWATCH_DATA_DIR", data_dir)
            .env(VARIABLE, "yes")
            .envs(settings.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        Self { program: Program::start_by(command).await }
    }

    /// Lets it die when its next request comes to this point.
    pub(super) async fn arm(&mut self, point: &str) {
        self.obeys(&format!("{ARM}{point}")).await;
    }

    /// Lets the next clone not end.
    pub(super) async fn hang_next_clone(&mut self) {
        self.obeys(HANG_CLONE).await;
    }

    /// Lets the next configuration be refused.
    pub(super) async fn refuse_next_configuration(&mut self) {
        self.obeys(REFUSE_CONFIGURATION).await;
    }

    async fn obeys(&mut self, order: &str) {
        self.answers(order, &format!("obeyed: {order}\n")).await;
    }

    /// Gives an order, and waits for these words; returns what was said since.
    async fn answers(&mut self, order: &str, words: &str) -> String {
        let before = self.program.log().len();
        self.program.tell(order);
        eventually(order, async || {
            let said = self.program.log().split_off(before);
            said.contains(words).then_some(said)
        })
        .await
    }

    /// The points that its work has come to so far, in order.
    pub(super) async fn points(&mut self) -> Vec<String> {
        let said = self.answers(TELL, END_OF_SEEN).await;
        said.lines().filter_map(|line| line.strip_prefix(SEEN)).map(str::to_owned).collect()
    }

    /// Waits until its work has come to this point.
    pub(super) async fn until_it_comes_to(&mut self, point: &str) {
        eventually(point, async || {
            self.points().await.iter().any(|seen| seen == point).then_some(())
        })
        .await;
    }
}

/// Is a victim for as long as it lives.
async fn be_a_victim() {
    let config = Config::read(["stagewatch"]).expect("good settings");
    telemetry::start(&config.log, config.log_format).expect("a log");
    let points = Arc::new(Points::new());
    if let Some(point) = std::env::var_os(DIES_AT) {
        points.arm_for_takeover(point.to_str().expect("a point in UTF-8"));
    }
    let settings = SimulatedSettings { delay: config.simulated_delay, seed: Some(1) };
    let vcenter = SimulatedVcenter::open(&config.data_dir, settings).expect("a vCenter");
    let script = vcenter.script();
    let vcenter: Arc<dyn VcenterApi> = Arc::new(vcenter);
    let watched = Arc::new(Watched::new(&points, vcenter));
    let server = Server::start_between(
        config,
        Waits::default(),
        |config| Ok(connect(config, watched)),
        |ports| watch(&points, ports),
    );
    let _server = server.await.expect("a server");
    tokio::task::spawn_blocking(move || obey(&points, &script)).await.expect("orders");
}

/// Obeys orders until there are no more: then the test has ended.
fn obey(points: &Points, script: &Script) {
    for order in std::io::stdin().lock().lines().map_while(Result::ok) {
        let mut answer = format!("obeyed: {order}\n");
        if let Some(point) = order.strip_prefix(ARM) {
            points.arm(point);
        } else if order == HANG_CLONE {
            script.fail(Operation::Clone, 1, Failure::TaskHangs);
        } else if order == REFUSE_CONFIGURATION {
            let (kind, message) = ("InvalidArgument".to_owned(), "not like that".to_owned());
            let fault = Fault { kind, message, existing_state: None };
            script.fail(Operation::Reconfigure, 1, Failure::Refused(fault));
        } else if order == TELL {
            answer = points.seen().iter().map(|point| format!("{SEEN}{point}\n")).collect();
            answer.push_str(END_OF_SEEN);
            answer.push('\n');
        }
        std::io::stderr().write_all(answer.as_bytes()).expect("somebody listens");
    }
}

/// The server with watched ports, which a victim is, makes a VM as any other does; run as a victim,
/// this test is that server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_watched_ports_works_as_any_other() {
    if std::env::var_os(VARIABLE).is_some() {
        return be_a_victim().await;
    }
    let world = World::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let url = world.database.url();
    let settings = [("DATABASE_URL", url.as_str()), ("STAGEWATCH_SIMULATED_DELAY", "0s")];
    let mut victim = Victim::start(folder.path(), &settings).await;
    ready(&victim.program).await;
    let id = victim.program.ask("a", TEMPLATE).await.id;
    assert_eq!(victim.program.ended(id).await.status, Status::Ready);
    let points = victim.points().await;
    assert!(points.contains(&"CLONING: after CloneVM_Task".to_owned()), "{points:?}");
}

/// Waits until a server can do its work.
pub(super) async fn ready(api: &Api) {
    let ready = async || (api.get("/readyz").await.status == 200).then_some(());
    eventually("readiness", ready).await;
}
