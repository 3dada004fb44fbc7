//! A server that only seems to be dead: stopped for longer than its lease lasts, while another one
//! takes over, and then continued.

use std::path::Path;
use std::time::Duration;

use app::api::Status;
use futures_util::future::join_all;
use nix::sys::signal::Signal;

use super::victim::ready;
use crate::saga::story::assert_story;
use crate::soap::vcsim::{PASSWORD, Vcsim};
use crate::support::eventually;
use crate::support::postgres::TestDatabase;
use crate::support::process::Program;
use crate::support::server::TEMPLATE;

/// Short, so that a takeover comes soon, and long enough for a machine that has much else to do.
const LEASE: &str = "4s";

/// Longer than a lease, so that the takeover finds the task running.
const TASK_TIME: Duration = Duration::from_secs(10);

async fn start(database: &TestDatabase, vcenter: &Vcsim, folder: &Path) -> Program {
    let connection = vcenter.settings();
    let ca_file = connection.ca_file.expect("its certificate");
    let (url, at) = (database.url(), connection.url.to_string());
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("STAGEWATCH_LEASE", LEASE),
        ("VSPHERE_CALL_TIMEOUT", "1s"),
        ("VSPHERE_URL", at.as_str()),
        ("VSPHERE_USERNAME", connection.username.as_str()),
        ("VSPHERE_PASSWORD", PASSWORD),
        ("VSPHERE_CA_FILE", ca_file.to_str().expect("a path in UTF-8")),
    ];
    let program = Program::start(folder, &settings).await;
    ready(&program).await;
    program
}

#[tokio::test]
async fn a_worker_that_is_stopped_past_its_lease_and_continued_changes_nothing_more() {
    let methods = ["CloneVM_Task", "ReconfigVM_Task", "PowerOnVM_Task"];
    join_all(methods.map(stopped_in)).await;
}

/// Stops the first server while a task of this method runs.
async fn stopped_in(method: &str) {
    let vcenter = Vcsim::start();
    vcenter.slow_task(method, TASK_TIME).await;
    let database = TestDatabase::new().await;
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stopped = start(&database, &vcenter, here.path()).await;
    let id = stopped.ask("build-agent-07", TEMPLATE).await.id;
    eventually("the task", async || (vcenter.calls(method).await > 0).then_some(())).await;
    stopped.signal(Signal::SIGSTOP);

    let other = start(&database, &vcenter, there.path()).await;
    let resumed = async || {
        let names = other.event_names(id).await;
        names.contains(&"VmProvisioningResumed".to_owned()).then_some(())
    };
    eventually("the takeover", resumed).await;
    assert_eq!(other.ended(id).await.status, Status::Ready, "{method}");
    let told = other.history(id).await;
    assert_story(&told);

    stopped.signal(Signal::SIGCONT);
    // It works on, with what is its own.
    vcenter.slow_task(method, Duration::ZERO).await;
    let next = stopped.ask("build-agent-08", TEMPLATE).await.id;
    assert_eq!(stopped.ended(next).await.status, Status::Ready, "{method}");
    // A stop waits for all work: what it still wanted to record, it has tried to by then.
    assert!(stopped.interrupt().await.success(), "{method}");
    assert_eq!(other.history(id).await, told, "{method}: whatever it tried was refused");
    let made = vcenter.machines().await;
    for id in [id, next] {
        let ours = made.iter().filter(|machine| machine.mark == id.to_string()).count();
        assert_eq!(ours, 1, "{method}: {made:#?}");
    }
}
