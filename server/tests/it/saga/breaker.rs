//! vCenter is away: nobody tries in vain, everybody is told, and all go on when it is back.

use std::time::Duration;

use app::api::{Status, WaitingFor};
use app::backend::ListedRequest;
use server::infrastructure::vsphere::simulated::{Failure, Operation};
use uuid::Uuid;

use super::story::assert_story;
use crate::support::server::TEMPLATE;
use crate::support::{Api, TestServer, World, eventually, in_time};

/// How many requests are under way when vCenter goes away.
const UNDER_WAY: usize = 4;

/// How long a test waits for a probe: longer than the longest pause between two.
const PROBE_PATIENCE: Duration = Duration::from_secs(90);

/// Waits until a request waits for vCenter, and says so in every way there is.
async fn assert_told(api: &Api, id: Uuid) {
    let waits = async || {
        let waiting = api.progress(id).await.waiting?;
        (waiting.waiting_for == WaitingFor::Vcenter && waiting.next_at.is_some()).then_some(waiting)
    };
    let waiting = eventually("the outage in the progress", waits).await;
    assert_eq!(waiting.reason.as_deref(), Some("the connection was refused"));
    let snapshot = api.stream(id).await.until_event("snapshot").await.progress();
    let waiting = snapshot.waiting.expect("why it waits");
    assert_eq!(waiting.waiting_for, WaitingFor::Vcenter);
    let page = api.get(&format!("/requests/{id}")).await.body;
    assert!(page.contains("vCenter is not answering"), "{page}");
    assert!(page.contains("Trying again"), "{page}");
    if snapshot.status != Status::Undoing {
        let list = api.get("/").await.body;
        assert!(list.contains("Waiting for vCenter"), "{list}");
    }
    let path = format!("/api/requests/{id}/provisioning-progress/events?format=text");
    let mut text = api.stream_at(&path, &[]).await;
    let mut said = String::new();
    while !said.contains("! vCenter is not answering, trying again") {
        said.push_str(&text.chunk().await.unwrap_or_else(|| panic!("it ended: {said}")));
    }
}

/// Asks for VMs that are being cloned when this returns.
async fn under_way(world: &World, server: &TestServer) -> Vec<Uuid> {
    world.script().fail(Operation::Clone, UNDER_WAY.try_into().expect("few"), Failure::TaskHangs);
    let mut ids = Vec::new();
    for number in 0..UNDER_WAY {
        let id = server.ask(&format!("vm-{number}"), TEMPLATE).await.id;
        world.task_runs(id).await;
        ids.push(id);
    }
    ids
}

#[tokio::test]
async fn while_vcenter_is_away_everybody_waits_visibly_and_nobody_tries_in_vain() {
    let world = World::new().await;
    let server = world.server().await;
    let mut ids = under_way(&world, &server).await;
    let mut watched = server.stream(ids[0]).await;
    world.script().go_away();
    // Those who wait are told live.
    let told = watched
        .until(|frame| frame.name() == "live" && frame.json()["waiting"]["for"] == "vcenter")
        .await;
    let told = told.last().expect("it was waited for").json();
    let details = told["details"].as_str().expect("words");
    assert!(details.starts_with("vCenter is not answering, trying again in "), "{details}");
    // Who comes now is told too, and is not begun.
    ids.push(server.ask("late", TEMPLATE).await.id);
    for id in &ids {
        assert_told(&server, *id).await;
    }
    let mut histories = Vec::new();
    for id in &ids {
        histories.push(server.history(*id).await);
    }
    let count = |kind: &str| {
        let all = histories.iter().flatten();
        all.filter(|item| item.kind == kind).count()
    };
    assert_eq!(count("VmProvisioningTryFailed"), UNDER_WAY, "one for each that was under way");
    assert_eq!(histories.last().map(Vec::len), Some(1), "the late one has burnt no try");
    // Some probes later that is still so.
    world.script().forget_calls();
    let script = world.script();
    let probe = async {
        while script.calls().is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PROBE_PATIENCE, probe).await.expect("a probe");
    assert!(script.calls().iter().all(|call| call.operation == Operation::Vcenter));
    for (id, history) in ids.iter().zip(&histories) {
        assert_eq!(server.history(*id).await, *history);
    }
    // Back, all go on: the first answer to anybody is enough.
    world.script().come_back();
    world.script().finish_tasks().await.expect("an inventory");
    ids.push(server.ask("later", TEMPLATE).await.id);
    for id in &ids {
        assert_eq!(server.ended(*id).await.status, Status::Ready);
        assert_story(&server.history(*id).await);
        assert_eq!(world.vms_of(*id).len(), 1);
    }
    assert_eq!(world.script().vms().len(), ids.len());
}

/// What one server cannot reach another one may.
#[tokio::test]
async fn a_server_that_is_cut_off_leaves_the_work_to_others() {
    let world = World::new().await;
    let cut_off = world.server().await;
    let ids = under_way(&world, &cut_off).await;
    world.script().go_away();
    for id in &ids {
        assert_told(&cut_off, *id).await;
    }
    world.script().come_back();
    world.script().finish_tasks().await.expect("an inventory");
    // The next probe of the first server may be some seconds away; this one does not wait for it.
    let other = world.server().await;
    for id in &ids {
        assert_eq!(other.ended(*id).await.status, Status::Ready);
        assert_eq!(cut_off.ended(*id).await.status, Status::Ready);
        assert_story(&other.history(*id).await);
        assert_eq!(world.vms_of(*id).len(), 1);
    }
}

/// One VM's trouble is nobody else's.
#[tokio::test]
async fn calls_that_fail_while_vcenter_answers_stop_nobody() {
    let world = World::new().await;
    world.script().fail(Operation::Reconfigure, 3, Failure::Unreachable);
    let server = world.server().await;
    let id = server.ask("a", TEMPLATE).await.id;
    let told = in_time("the end", server.all_events(id)).await;
    let waits = told.iter().filter_map(|frame| frame.stage_event().progress.waiting);
    let waits: Vec<_> = waits.map(|waiting| waiting.waiting_for).collect();
    assert_eq!(waits, [WaitingFor::Retry; 3]);
    assert_eq!(server.progress(id).await.status, Status::Ready);
}

/// A request that is cancelled while vCenter is away is not forgotten.
#[tokio::test]
async fn what_is_cancelled_while_vcenter_is_away_is_undone_when_it_is_back() {
    let world = World::new().await;
    let server = world.server().await;
    let ids = under_way(&world, &server).await;
    let queued = {
        world.script().go_away();
        for id in &ids {
            assert_told(&server, *id).await;
        }
        server.ask("queued", TEMPLATE).await.id
    };
    for id in ids.iter().chain([&queued]) {
        assert_eq!(server.cancel(*id).await.status, 202);
    }
    assert_eq!(server.progress(queued).await.status, Status::Cancelled, "nothing was made of it");
    assert_told(&server, ids[0]).await;
    assert_eq!(server.progress(ids[0]).await.status, Status::Undoing);
    world.script().come_back();
    let answered = server.ask("later", TEMPLATE).await.id;
    for id in &ids {
        assert_eq!(server.ended(*id).await.status, Status::Cancelled);
        assert_eq!(world.vms_of(*id), []);
    }
    assert_eq!(server.ended(answered).await.status, Status::Ready);
}

/// A clone that never ends has one worker's place, and nobody waits behind it for another one.
#[tokio::test]
async fn with_one_clone_hung_twenty_others_get_ready() {
    const OTHERS: usize = 20;
    let world = World::with_delay(Duration::from_millis(5)).await;
    let server = world.server_with(&["--workers", "4"]).await;
    world.script().fail(Operation::Clone, 1, Failure::TaskHangs);
    let hung = server.ask("hung", TEMPLATE).await.id;
    world.task_runs(hung).await;
    let mut others = Vec::new();
    for number in 0..OTHERS {
        others.push(server.ask(&format!("vm-{number}"), TEMPLATE).await.id);
    }
    for id in &others {
        assert_eq!(server.ended(*id).await.status, Status::Ready);
    }
    let progress = server.progress(hung).await;
    assert_eq!((progress.status, progress.waiting), (Status::Provisioning, None), "it still runs");
}

/// The number is right whatever server says it, and counts those who wait to go on as well.
#[tokio::test]
async fn who_waits_is_told_how_many_are_before_on_every_server() {
    let world = World::new().await;
    let one = world.server_with(&["--workers", "1"]).await;
    let mut pause = world.script().pause_at(Operation::Clone);
    one.ask("first", TEMPLATE).await;
    in_time("the first server's only worker", pause.reached()).await;
    let other = world.server_with(&["--workers", "1"]).await;
    let second = one.ask("second", TEMPLATE).await.id;
    let driven = async || one.progress(second).await.started_at.map(drop);
    eventually("the other server's only worker", driven).await;
    let mut waiting = Vec::new();
    for number in 0..3 {
        waiting.push(one.ask(&format!("vm-{number}"), TEMPLATE).await.id);
    }
    for server in [&one, &other] {
        for (number, id) in (0..).zip(&waiting) {
            let told = server.progress(*id).await.waiting.expect("what it waits for");
            assert_eq!((told.waiting_for, told.ahead), (WaitingFor::Worker, Some(number)));
        }
        // The list says the same, newest first, of those alone that are asked for.
        let ids: Vec<_> = waiting.iter().map(ToString::to_string).collect();
        let path = format!("/ui/board/rows?ids={}", ids.join(","));
        let rows: Vec<ListedRequest> = server.read(&path).await;
        let ahead = |row: &ListedRequest| row.progress.waiting.as_ref().and_then(|wait| wait.ahead);
        let told: Vec<_> = rows.iter().map(|row| (row.request.id, ahead(row))).collect();
        assert_eq!(told, [(waiting[2], Some(2)), (waiting[1], Some(1)), (waiting[0], Some(0))]);
    }
    pause.release();
    for id in waiting {
        assert_eq!(one.ended(id).await.status, Status::Ready);
    }
}
