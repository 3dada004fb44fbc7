//! The matrix: a server is killed at every point that its work comes to, going forward and undoing,
//! and the next one must bring the request to its true end: every event once and in order, one VM or
//! none, and nothing left over.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use app::api::{Progress, Request, Status};
use futures_util::future::join_all;
use nix::sys::signal::Signal;
use reqwest::{Client, Method};
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use super::victim::{Victim, ready};
use crate::support::client::wish;
use crate::support::eventually;
use crate::support::postgres::TestDatabase;
use crate::support::server::TEMPLATE;

/// How many servers die side by side. Most of the time is spent with starting them.
const LANES: usize = 4;

/// A point that no work comes to.
const NOWHERE: &str = "nowhere";

/// What is asked for, and what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scenario {
    /// The VM is made.
    Made,
    /// Its configuration is refused, so the clone is removed.
    Refused,
    /// It never gets an address, so it is powered off and removed.
    NoAddress,
    /// A person cancels it while the clone runs.
    Cancelled,
}

const SCENARIOS: [Scenario; 4] =
    [Scenario::Made, Scenario::Refused, Scenario::NoAddress, Scenario::Cancelled];

impl Scenario {
    fn template(self) -> &'static str {
        match self {
            Self::Made | Self::Cancelled => TEMPLATE,
            Self::Refused => "demo-fails-configuring",
            Self::NoAddress => "demo-no-address",
        }
    }

    fn end(self) -> (Status, &'static str) {
        match self {
            Self::Made => (Status::Ready, "VmProvisioned"),
            Self::Refused | Self::NoAddress => (Status::Failed, "VmProvisioningFailed"),
            Self::Cancelled => (Status::Cancelled, "VmProvisioningCancelled"),
        }
    }

    /// What begins the part of the work that no other scenario has.
    fn begins_with(self) -> Option<&'static str> {
        match self {
            Self::Made => None,
            Self::Refused | Self::NoAddress => Some("before commit of VmProvisioningUndoStarted"),
            Self::Cancelled => Some("before commit of VmProvisioningCancelRequested"),
        }
    }
}

/// A place where one server after the other runs and dies.
struct Lane {
    database: TestDatabase,
    folder: TempDir,
    client: Client,
    number: usize,
    asked: usize,
    /// How many VMs were to be made here so far.
    made: usize,
}

impl Lane {
    async fn new(number: usize) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = Client::builder().no_proxy().build().expect("a client");
        let folder = tempfile::tempdir().expect("a folder");
        Self { database: TestDatabase::new().await, folder, client, number, asked: 0, made: 0 }
    }

    async fn server(&self) -> Victim {
        let url = self.database.url();
        let settings = [
            ("DATABASE_URL", url.as_str()),
            ("STAGEWATCH_SIMULATED_DELAY", "0s"),
            ("VSPHERE_NETWORK_TIMEOUT", "100ms"),
            // Nothing runs out while a test looks around.
            ("STAGEWATCH_LEASE", "10m"),
        ];
        let victim = Victim::start(self.folder.path(), &settings).await;
        ready(&victim.program).await;
        victim
    }

    /// One request that nobody is killed for, and the points that its work came to.
    async fn scout(&mut self, victim: &mut Victim, scenario: Scenario) -> Vec<String> {
        victim.arm(NOWHERE).await;
        let name = self.next_name();
        let id = self.begin(victim, scenario, &name).await.expect("an answer");
        self.assert_ended(victim, scenario, id).await;
        let points = victim.points().await;
        let begin = scenario.begins_with().map_or(0, |begins_with| {
            let begin = points.iter().position(|point| point.ends_with(begins_with));
            begin.unwrap_or_else(|| panic!("{scenario:?} does not come to {begins_with}"))
        });
        points[begin..].to_vec()
    }

    /// Kills the server at a point; returns the next one, which has brought the request to its end.
    async fn kill_at(&mut self, mut victim: Victim, scenario: Scenario, point: &str) -> Victim {
        victim.arm(point).await;
        let name = self.next_name();
        let accepted = self.begin(&mut victim, scenario, &name).await;
        let how = victim.program.until_it_ends().await;
        assert_eq!(how.signal(), Some(Signal::SIGKILL as i32), "{}", victim.program.log());
        // As time would.
        sqlx::query("update vm_requests set lease_until = clock_timestamp()")
            .execute(&self.database.pool)
            .await
            .expect("an update");
        let next = self.server().await;
        let id = match accepted {
            Some(id) => id,
            // Nobody answered, so whoever asked asks again.
            None => self.ask(&next, scenario, &name).await.expect("an answer"),
        };
        if scenario == Scenario::Cancelled {
            assert!(self.cancel(&next, id).await, "the wish is heard the second time");
        }
        self.assert_ended(&next, scenario, id).await;
        next
    }

    fn next_name(&mut self) -> String {
        self.asked += 1;
        format!("vm-{}-{}", self.number, self.asked)
    }

    /// Asks for what the scenario is about, and does what else a person does in it. `None` when the
    /// server died before it had answered.
    async fn begin(&self, victim: &mut Victim, scenario: Scenario, name: &str) -> Option<Uuid> {
        if scenario == Scenario::Cancelled {
            victim.hang_next_clone().await;
        }
        let id = self.ask(victim, scenario, name).await?;
        if scenario == Scenario::Cancelled {
            let runs = "select checkpoint->'task'->>'operation' = 'CloneVM_Task'
                        from vm_requests where id = $1";
            eventually("the clone", async || {
                let runs: Option<bool> = sqlx::query_scalar(runs)
                    .bind(id)
                    .fetch_one(&self.database.pool)
                    .await
                    .expect("a row");
                runs.unwrap_or(false).then_some(())
            })
            .await;
            // It may die before it answers.
            self.cancel(victim, id).await;
        }
        Some(id)
    }

    /// `None` when the server died before it had answered.
    async fn ask(&self, victim: &Victim, scenario: Scenario, name: &str) -> Option<Uuid> {
        let asked = self
            .client
            .post(victim.program.url("/api/requests"))
            .header("content-type", "application/json")
            .header("idempotency-key", name)
            .body(wish(name, scenario.template()).to_string());
        let answer = asked.send().await.ok()?;
        let status = answer.status();
        let body = answer.text().await.ok()?;
        assert!(status.is_success(), "{status}: {body}");
        Some(serde_json::from_str::<Request>(&body).expect("a request").id)
    }

    /// Whether the server has answered.
    async fn cancel(&self, victim: &Victim, id: Uuid) -> bool {
        let url = victim.program.url(&format!("/api/requests/{id}/cancel"));
        let Ok(answer) = self.client.request(Method::POST, url).send().await else { return false };
        assert_eq!(answer.status(), 202);
        true
    }

    /// The oracle.
    async fn assert_ended(&mut self, victim: &Victim, scenario: Scenario, id: Uuid) {
        let api = &victim.program;
        let (status, last) = scenario.end();
        let progress: Progress = api.ended(id).await;
        assert_eq!(progress.status, status, "{progress:#?}\n{}", api.log());
        let rows: Vec<(i32, String)> =
            sqlx::query_as("select seq, type from events where request_id = $1 order by seq")
                .bind(id)
                .fetch_all(&self.database.pool)
                .await
                .expect("the journal");
        assert!(rows.iter().zip(1..).all(|((seq, _), n)| *seq == n), "no hole: {rows:?}");
        assert_eq!(rows.last().map(|(_, kind)| kind.as_str()), Some(last), "{rows:?}");
        let ends = rows.iter().filter(|(_, kind)| kind == last).count();
        assert_eq!(ends, 1, "it ends once: {rows:?}");
        assert_eq!(api.all_events(id).await.len(), rows.len(), "every row is a frame");
        let left: i64 = sqlx::query_scalar("select count(*) from provisioning_progress")
            .fetch_one(&self.database.pool)
            .await
            .expect("a count");
        assert_eq!(left, 0, "the progress row is gone");
        self.made += usize::from(scenario == Scenario::Made);
        let marks = self.marks();
        let ours = marks.iter().filter(|mark| **mark == id.to_string()).count();
        assert_eq!(ours, usize::from(scenario == Scenario::Made), "VMs with our mark");
        assert_eq!(marks.len(), self.made, "and no other one");
        eventually("the lease's end", async || {
            let held =
                "select exists (select 1 from vm_requests where lease_until > clock_timestamp())";
            let held: bool =
                sqlx::query_scalar(held).fetch_one(&self.database.pool).await.expect("an answer");
            (!held).then_some(())
        })
        .await;
    }

    /// The marks of all VMs in the vCenter's inventory.
    fn marks(&self) -> Vec<String> {
        let file: PathBuf = self.folder.path().join("simulated-vcenter.json");
        let inventory = std::fs::read(file).expect("the inventory");
        let inventory: Value = serde_json::from_slice(&inventory).expect("JSON");
        let vms = inventory["vms"].as_object().expect("VMs").values();
        let made = vms.filter(|vm| vm["is_template"] == Value::Bool(false));
        made.map(|vm| vm["mark"].as_str().unwrap_or("nobody's").to_owned()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_point_a_request_comes_to_its_true_end() {
    let mut scout = Lane::new(0).await;
    let mut victim = scout.server().await;
    let mut kills = Vec::new();
    for scenario in SCENARIOS {
        for point in scout.scout(&mut victim, scenario).await {
            kills.push((scenario, point));
        }
    }
    drop(victim);
    tell(&kills);
    let kills = &kills;
    join_all((0..LANES).map(async |number| {
        let mut lane = Lane::new(number + 1).await;
        let mut victim = lane.server().await;
        for (scenario, point) in kills.iter().skip(number).step_by(LANES) {
            eprintln!("{scenario:?}, {point}");
            victim = lane.kill_at(victim, *scenario, point).await;
        }
    }))
    .await;
}

/// Prints how many kills there are, and where, also when all goes well.
fn tell(kills: &[(Scenario, String)]) {
    let mut parts: BTreeMap<Scenario, Vec<(&str, usize)>> = BTreeMap::new();
    for (scenario, point) in kills {
        let (context, _) = point.split_once(": ").expect("a context");
        let parts = parts.entry(*scenario).or_default();
        match parts.last_mut() {
            Some((last, count)) if *last == context => *count += 1,
            _ => parts.push((context, 1)),
        }
    }
    let mut told = format!("kill matrix: {} kills\n", kills.len());
    for (scenario, parts) in parts {
        let parts: Vec<_> = parts.iter().map(|(part, count)| format!("{part} {count}")).collect();
        told.push_str(&format!("  {scenario:?}: {}\n", parts.join(", ")));
    }
    // Not by a macro: what those print is kept back when the test passes.
    std::io::stderr().write_all(told.as_bytes()).ok();
}
