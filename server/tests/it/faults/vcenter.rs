//! A data folder, or a database, that was used with another vCenter.

use std::time::Duration;

use app::api::{Status, WaitingFor};
use server::infrastructure::vsphere::simulated::Operation;
use uuid::Uuid;

use crate::saga::story::assert_story;
use crate::support::server::{Site, TEMPLATE};
use crate::support::{Api, World, eventually, in_time};

/// Asserts that a request waits for its own vCenter, and says so wherever it is looked at.
async fn assert_waits_for_its_vcenter(api: &Api, id: Uuid) {
    let snapshot = api.stream(id).await.until_event("snapshot").await.progress();
    for progress in [api.progress(id).await, snapshot] {
        let waiting = progress.waiting.unwrap_or_else(|| panic!("{id} does not say why it waits"));
        assert_eq!(waiting.waiting_for, WaitingFor::Vcenter);
        let reason = waiting.reason.expect("a reason");
        assert!(reason.contains("another vCenter"), "{reason}");
    }
}

/// A server that was killed while one request was begun and another one waited.
async fn begun_and_queued(world: &World) -> (Uuid, Uuid) {
    let server = world.server_with(&["--workers", "1"]).await;
    let mut pause = world.script().pause_at(Operation::PowerOn);
    // The vCenter is known to a request from its beginning only when it was known to the server.
    let warm_up = server.ask("warm-up", "demo-fails-configuring").await;
    server.ended(warm_up.id).await;
    let begun = server.ask("begun", TEMPLATE).await.id;
    in_time("the pause", pause.reached()).await;
    let queued = server.ask("queued", TEMPLATE).await.id;
    server.kill();
    world.database.end_leases_of_the_dead().await;
    (begun, queued)
}

#[tokio::test]
async fn requests_of_another_vcenter_are_not_driven_and_say_why() {
    let world = World::new().await;
    let (begun, queued) = begun_and_queued(&world).await;
    let before = world.script().vms();

    let elsewhere = Site::new(Duration::ZERO);
    let server = elsewhere.server_at(&world.database.url(), &[]).await;
    server.ready().await;
    let told = (server.history(begun).await, server.history(queued).await);
    // It works; what came after the others is done before them.
    for name in ["later", "latest"] {
        let id = server.ask(name, TEMPLATE).await.id;
        assert_eq!(server.ended(id).await.status, Status::Ready);
    }
    assert_waits_for_its_vcenter(&server, begun).await;
    assert_waits_for_its_vcenter(&server, queued).await;
    assert_eq!(server.history(begun).await, told.0);
    assert_eq!(server.history(queued).await, told.1);
    server.stop().await;
    assert_eq!(world.script().vms(), before, "and nothing was done in the other vCenter");

    let back = world.server().await;
    for id in [begun, queued] {
        assert_eq!(back.ended(id).await.status, Status::Ready);
        assert_story(&back.history(id).await);
        assert_eq!(world.vms_of(id).len(), 1);
    }
}

/// A worker may take a request before it knows which vCenter it works with.
#[tokio::test]
async fn a_server_that_does_not_know_its_vcenter_yet_drives_nothing_of_another() {
    let world = World::new().await;
    let (begun, queued) = begun_and_queued(&world).await;
    let elsewhere = Site::new(Duration::ZERO);
    let pause = elsewhere.script().pause_at(Operation::Vcenter);
    let server = elsewhere.server_at(&world.database.url(), &[]).await;
    server.ready().await;
    eventually("both to be claimed", async || (claimed(&world).await == 2).then_some(())).await;
    let told = (server.history(begun).await, server.history(queued).await);
    pause.release();
    eventually("both to be handed back", async || (claimed(&world).await == 0).then_some(())).await;
    assert_eq!(server.history(begun).await, told.0);
    assert_eq!(server.history(queued).await, told.1);
    assert_waits_for_its_vcenter(&server, begun).await;
    assert_waits_for_its_vcenter(&server, queued).await;
    assert_eq!(elsewhere.script().vms(), []);
}

/// How many requests somebody has a lease on.
async fn claimed(world: &World) -> i64 {
    sqlx::query_scalar("select count(*) from vm_requests where lease_until > clock_timestamp()")
        .fetch_one(&world.database.pool)
        .await
        .expect("a count")
}
