//! A rolling restart: one server is asked to stop, the next one goes on, and nobody misses anything.

use std::os::unix::fs::PermissionsExt;

use app::api::Status;
use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::saga::story::assert_story;
use crate::soap::vcsim::{PASSWORD, Vcsim};
use crate::support::client::Api;
use crate::support::in_time;
use crate::support::postgres::TestDatabase;
use crate::support::process::Program;
use crate::support::server::TEMPLATE;
use crate::support::sse::{Frame, numbered};

/// Requests that are under way, and readers of each.
const REQUESTS: usize = 5;
const READERS: usize = 10;
/// How long each task of vCenter takes: all requests are in the middle when the server stops.
const TASK_TIME: &str = "1s";
/// So long that whoever waits for a lease to run out waits in vain.
const LEASE: (&str, &str) = ("STAGEWATCH_LEASE", "10m");

fn folder() -> TempDir {
    let mode = std::fs::Permissions::from_mode(0o711);
    tempfile::Builder::new().permissions(mode).tempdir().expect("a temporary folder")
}

/// Reads a request's events from the first one to the last, from whichever server is the present one.
async fn read(id: Uuid, epoch: String, mut servers: watch::Receiver<Api>) -> (Uuid, Vec<Frame>) {
    let mut frames: Vec<Frame> = Vec::new();
    loop {
        let api = servers.borrow_and_update().clone();
        let last = frames.last().and_then(Frame::seq).unwrap_or(0);
        let mut stream = api.stream_after(id, &format!("{epoch}.{last}")).await;
        if stream.status == 204 {
            return (id, frames);
        }
        // The end of a whole answer, also where the server stops.
        frames.extend(numbered(&stream.rest().await));
        if frames.last().is_some_and(|frame| frame.name() == "ready") {
            return (id, frames);
        }
        servers.changed().await.expect("another server");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_loses_no_event_and_waits_for_no_lease() {
    let vcenter = Vcsim::start_with(&["-task-delay", TASK_TIME]);
    let database = TestDatabase::new().await;
    let (url, connection) = (database.url(), vcenter.settings());
    let ca_file = connection.ca_file.expect("its certificate");
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("VSPHERE_URL", connection.url.as_str()),
        ("VSPHERE_USERNAME", connection.username.as_str()),
        ("VSPHERE_PASSWORD", PASSWORD),
        ("VSPHERE_CA_FILE", ca_file.to_str().expect("a path in UTF-8")),
        LEASE,
    ];
    let folders = [folder(), folder()];
    let first = Program::start(folders[0].path(), &settings).await;
    first.ready().await;
    let (servers, present) = watch::channel((*first).clone());

    let mut requests = Vec::new();
    let mut readers = JoinSet::new();
    for number in 0..REQUESTS {
        let id = first.ask(&format!("vm-{number}"), TEMPLATE).await.id;
        let epoch = first.epoch(id).await;
        requests.push(id);
        for _ in 0..READERS {
            readers.spawn(read(id, epoch.clone(), present.clone()));
        }
    }
    for id in &requests {
        let begin = format!("{}.0", first.epoch(*id).await);
        first.stream_after(*id, &begin).await.until_seq(3).await;
    }
    let status = first.end_by(Signal::SIGTERM).await;
    assert!(status.success(), "{status}");
    let second = Program::start(folders[1].path(), &settings).await;
    second.ready().await;
    servers.send_replace((*second).clone());

    while let Some(read) = readers.join_next().await {
        let (id, frames) = read.expect("a reader");
        let seen: Vec<u32> = frames.iter().filter_map(Frame::seq).collect();
        let all = second.all_events(id).await;
        assert!(seen.iter().copied().eq(1..=all.last().and_then(Frame::seq).unwrap()), "{seen:?}");
        assert!(frames.iter().eq(&all), "the same bytes from both servers");
    }
    for id in requests {
        assert_eq!(second.progress(id).await.status, Status::Ready);
        assert_story(&second.history(id).await);
        let request = second.request(id).await;
        let machine = vcenter.machine(&request.name).await.expect("the VM in vCenter");
        assert_eq!(machine.mark, id.to_string());
    }
    let made = vcenter.machines().await.into_iter().filter(|machine| !machine.mark.is_empty());
    assert_eq!(made.count(), REQUESTS, "one VM for each request");
    assert!(second.end_by(Signal::SIGTERM).await.success());
}

/// Whoever asks twice does not want to wait for anything.
#[tokio::test]
async fn a_second_signal_ends_a_server_that_is_still_stopping() {
    let database = TestDatabase::new().await;
    let url = database.url();
    let folder = folder();
    let server = Program::start(folder.path(), &[("DATABASE_URL", url.as_str())]).await;
    server.ready().await;
    // A body that never comes: the server that stops waits for it, longer than this test needs.
    let mut sender = TcpStream::connect(server.address).await.expect("a connection");
    let head = format!(
        "POST /api/requests HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
        server.address
    );
    sender.write_all(head.as_bytes()).await.expect("a head");
    // It is being read once the server asks for it.
    let mut answer = [0; 12];
    in_time("the answer", sender.read_exact(&mut answer)).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 100");
    server.signal(Signal::SIGTERM);
    server.logs("stopping").await;
    let status = server.end_by(Signal::SIGTERM).await;
    assert_eq!(status.code(), Some(1), "{status}");
    drop(sender);
}
