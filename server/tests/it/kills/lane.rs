//! A place where one server after the other runs and dies, and what must be true in the end.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use app::api::{Progress, Request, Status};
use nix::sys::signal::Signal;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use super::points::TAKEN_OVER;
use super::scenario::{Kill, Scenario};
use super::victim::{DIES_AT, Victim, ready};
use crate::support::client::wish;
use crate::support::eventually;
use crate::support::postgres::TestDatabase;

/// A point that no work comes to.
const NOWHERE: &str = "nowhere";
/// The last point of an attempt that has failed.
const HANDED_BACK: &str = "VmProvisioningFailed: after hand-back";

/// A place where one server after the other runs and dies.
pub(super) struct Lane {
    database: TestDatabase,
    folder: TempDir,
    client: Client,
    number: usize,
    settings: &'static [(&'static str, &'static str)],
    asked: usize,
    /// How many VMs were to be made here so far.
    made: usize,
}

impl Lane {
    pub(super) async fn new(
        number: usize,
        settings: &'static [(&'static str, &'static str)],
    ) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = Client::builder().no_proxy().build().expect("a client");
        let folder = tempfile::tempdir().expect("a folder");
        let database = TestDatabase::new().await;
        Self { database, folder, client, number, settings, asked: 0, made: 0 }
    }

    /// A server that is ready for work.
    pub(super) async fn server(&self) -> Victim {
        let victim = self.start(&[]).await;
        ready(&victim.program).await;
        victim
    }

    async fn start(&self, more: &[(&str, &str)]) -> Victim {
        let url = self.database.url();
        let own = [("DATABASE_URL", url.as_str()), ("STAGEWATCH_SIMULATED_DELAY", "0s")];
        let settings = [&own, self.settings, more].concat();
        Victim::start(self.folder.path(), &settings).await
    }

    /// One request that nobody is killed for, and the points that its work came to.
    pub(super) async fn scout(&mut self, victim: &mut Victim, scenario: Scenario) -> Vec<String> {
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

    /// Kills the server at a point, and lets the next one go on; returns that one, and the points that
    /// taking over came to.
    pub(super) async fn scout_takeover(
        &mut self,
        mut victim: Victim,
        scenario: Scenario,
        point: &str,
    ) -> (Victim, Vec<String>) {
        victim.arm(point).await;
        let name = self.next_name();
        let id = self.begin(&mut victim, scenario, &name).await.expect("an answer");
        self.dies(victim).await;
        let mut next = self.start(&[(DIES_AT, NOWHERE)]).await;
        ready(&next.program).await;
        self.assert_ended(&next, scenario, id).await;
        let mut points = next.points().await;
        points.retain(|point| point.starts_with(TAKEN_OVER));
        (next, points)
    }

    /// Kills one or two servers, each at its point; returns the next one, which has brought the request
    /// to its end.
    pub(super) async fn kill(&mut self, mut victim: Victim, kill: &Kill) -> Victim {
        let scenario = kill.scenario;
        victim.arm(&kill.point).await;
        let name = self.next_name();
        let accepted = self.begin(&mut victim, scenario, &name).await;
        self.dies(victim).await;
        if let Some(point) = &kill.then {
            let second = self.start(&[(DIES_AT, point)]).await;
            self.dies(second).await;
        }
        let next = self.server().await;
        let id = match accepted {
            Some(id) => id,
            // Nobody answered, so whoever asked asks again.
            None => self.ask(&next, scenario, &name).await.expect("an answer"),
        };
        if scenario.hangs() {
            assert!(self.wish(&next, id, "cancel").await, "the wish is heard the second time");
        }
        if scenario == Scenario::Retried && !self.was_retried(id).await {
            assert!(self.wish(&next, id, "retry").await, "the wish is heard the second time");
        }
        self.assert_ended(&next, scenario, id).await;
        next
    }

    /// Waits until a server has died at its point, and lets its lease run out as time would.
    async fn dies(&self, mut victim: Victim) {
        let how = victim.program.until_it_ends().await;
        assert_eq!(how.signal(), Some(Signal::SIGKILL as i32), "{}", victim.program.log());
        self.database.end_leases_of_the_dead().await;
    }

    fn next_name(&mut self) -> String {
        self.asked += 1;
        format!("vm-{}-{}", self.number, self.asked)
    }

    /// Asks for what the scenario is about, and does what else a person does in it. `None` when the
    /// server died before it had answered.
    async fn begin(&self, victim: &mut Victim, scenario: Scenario, name: &str) -> Option<Uuid> {
        if scenario.hangs() {
            victim.hang_next_clone().await;
        }
        if scenario == Scenario::Retried {
            victim.refuse_next_configuration().await;
        }
        let id = self.ask(victim, scenario, name).await?;
        if scenario == Scenario::Retried {
            assert_eq!(victim.program.ended(id).await.status, Status::Failed);
            // What the first attempt still does is not the second one's.
            victim.until_it_comes_to(HANDED_BACK).await;
            // It may die before it answers.
            self.wish(victim, id, "retry").await;
        }
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
            self.wish(victim, id, "cancel").await;
        }
        Some(id)
    }

    /// `None` when the server died before it had answered.
    async fn ask(&self, victim: &Victim, scenario: Scenario, name: &str) -> Option<Uuid> {
        let ask = async || {
            let asked = self
                .client
                .post(victim.program.url("/api/requests"))
                .header("content-type", "application/json")
                .header("idempotency-key", name)
                .body(wish(name, scenario.template()).to_string());
            let Ok(answer) = asked.send().await else { return Some(None) };
            let status = answer.status();
            let Ok(body) = answer.text().await else { return Some(None) };
            // PostgreSQL was too late for what the server promises: asked again it is asked once.
            (status != StatusCode::SERVICE_UNAVAILABLE).then_some(Some((status, body)))
        };
        let (status, body) = eventually("another answer than 503", ask).await?;
        assert!(status.is_success(), "{status}: {body}");
        Some(serde_json::from_str::<Request>(&body).expect("a request").id)
    }

    /// Sends a person's wish; whether the server has answered.
    async fn wish(&self, victim: &Victim, id: Uuid, wish: &str) -> bool {
        let url = victim.program.url(&format!("/api/requests/{id}/{wish}"));
        let send = async || {
            let Ok(answer) = self.client.request(Method::POST, &url).send().await else {
                return Some(None);
            };
            // PostgreSQL was too late for what the server promises.
            Some(Some(answer.status()))
                .filter(|_| answer.status() != StatusCode::SERVICE_UNAVAILABLE)
        };
        let status = eventually("another answer than 503", send).await;
        // What came to the journal without an answer in time is not possible a second time.
        assert!(status.is_none_or(|status| matches!(status.as_u16(), 202 | 409)), "{status:?}");
        status.is_some()
    }

    /// Whether the wish to try it again has come to the journal.
    async fn was_retried(&self, id: Uuid) -> bool {
        let retried = "select exists (select 1 from events where request_id = $1
                       and type = 'VmProvisioningRetryRequested')";
        let retried = sqlx::query_scalar(retried).bind(id).fetch_one(&self.database.pool);
        retried.await.expect("an answer")
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
        self.made += scenario.vms();
        let marks = self.marks();
        let ours = marks.iter().filter(|mark| **mark == id.to_string()).count();
        assert_eq!(ours, scenario.vms(), "VMs with our mark");
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
