//! Cancelling against govmomi's simulator, over SOAP: whatever stage it is in, nothing is left.

use std::sync::Arc;
use std::time::Duration;

use app::api::{Status, UndoState};
use serde_json::json;
use server::config::Config;
use server::infrastructure::vsphere::soap::SoapClient;

use super::failures::undone;
use super::story::assert_numbered_in_order;
use crate::soap::vcsim::Vcsim;
use crate::support::postgres::TestDatabase;
use crate::support::sse::{Frame, numbered};
use crate::support::{EventStream, TestServer};

/// Long enough that a stage is cancelled while its task runs.
const TASK: Duration = Duration::from_secs(2);

struct World {
    vcsim: Vcsim,
    database: TestDatabase,
    server: TestServer,
}

impl World {
    async fn new() -> Self {
        let vcsim = Vcsim::start();
        vcsim.withhold_addresses(true).await;
        let database = TestDatabase::new().await;
        let folder = vcsim.folder().to_str().expect("a plain path").to_owned();
        let url = database.url();
        let args = ["stagewatch", "--listen", "127.0.0.1:0", "--database-url", &url];
        let args = args.into_iter().chain(["--data-dir", &folder]);
        let config = Config::read(args).expect("good settings");
        let client: Arc<SoapClient> = Arc::new(vcsim.client());
        let server = TestServer::start(config, client).await;
        server.ready().await;
        Self { vcsim, database, server }
    }

    /// Asks for a VM and cancels it when its stream has told `stage`.
    async fn cancel_in(&self, stage: &str) -> Vec<(String, UndoState)> {
        let (server, vcsim) = (&self.server, &self.vcsim);
        let before = vcsim.machines().await.len();
        let name = format!("cancelled-{}", stage.to_lowercase().replace('_', "-"));
        // Earlier stages are quick.
        let slow = match stage {
            "CLONING" => "CloneVM_Task",
            "CONFIGURING" => "ReconfigVM_Task",
            "POWERING_ON" => "PowerOnVM_Task",
            _ => "",
        };
        vcsim.slow_task(slow, if slow.is_empty() { Duration::ZERO } else { TASK }).await;
        let id = server.ask(&name, "ubuntu-24.04").await.id;
        let mut stream: EventStream = server.stream(id).await;
        let in_stage = |frame: &Frame| {
            let data = frame.data.as_deref().unwrap_or_default();
            !data.is_empty()
                && (frame.json()["currentStage"] == stage
                    || frame.json()["progress"]["currentStage"] == stage)
        };
        stream.until(in_stage).await;
        assert_eq!(server.cancel(id).await.status, 202);
        let told = numbered(&stream.rest().await);
        assert!(told.iter().any(|frame| frame.name() == "undo"), "{told:#?}");
        assert_eq!(told.last().map(Frame::name), Some("cancelled"), "{told:#?}");

        let progress = server.progress(id).await;
        assert_eq!(progress.status, Status::Cancelled, "{progress:#?}");
        assert_eq!(vcsim.machines().await.len(), before, "no VM is left");
        assert_numbered_in_order(&server.history(id).await);
        let rows: i64 = sqlx::query_scalar("select count(*) from provisioning_progress")
            .fetch_one(&self.database.pool)
            .await
            .expect("a count");
        assert_eq!(rows, 0);
        vcsim.slow_task(slow, Duration::ZERO).await;
        undone(&progress).into_iter().map(|(step, state)| (step.to_owned(), state)).collect()
    }
}

#[tokio::test]
async fn a_request_is_cancelled_in_every_stage() {
    let world = World::new().await;
    let step = |step: &str| (step.to_owned(), UndoState::Done);
    assert_eq!(world.cancel_in("CLONING").await, [step("cancel clone")]);
    assert_eq!(world.vcsim.calls("CancelTask").await, 1);
    assert_eq!(world.cancel_in("CONFIGURING").await, [step("delete VM")]);
    for stage in ["POWERING_ON", "WAITING_FOR_NETWORK"] {
        assert_eq!(world.cancel_in(stage).await, [step("power off"), step("delete VM")], "{stage}");
    }
    assert_eq!(world.vcsim.calls("CancelTask").await, 1, "only a clone says that it can be");
}

/// Debian's own simulator knows no `CancelTask`, and neither do some real servers.
#[tokio::test]
async fn a_clone_that_cannot_be_cancelled_is_waited_for_and_removed() {
    let world = World::new().await;
    world.vcsim.rule("CancelTask", "fault", json!({ "fault": "NotSupported" })).await;
    let undone = world.cancel_in("CLONING").await;
    assert_eq!(undone, [("delete VM".to_owned(), UndoState::Done)]);
}
