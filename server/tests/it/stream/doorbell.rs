//! Two servers over one PostgreSQL: what one commits, the readers of the other hear at once.

use std::time::Duration;

use server::bootstrap::Waits;
use server::infrastructure::vsphere::simulated::Operation;

use crate::saga::story::STORY;
use crate::support::proxy::Proxy;
use crate::support::server::{TEMPLATE, TestServer};
use crate::support::sse::{Frame, numbered};
use crate::support::{World, eventually};

/// The backends that listen for other servers in this test's database.
async fn listeners(world: &World) -> Vec<i32> {
    sqlx::query_scalar(
        "select pid from pg_stat_activity
         where datname = current_database() and query like 'LISTEN %'",
    )
    .fetch_all(&world.database.pool)
    .await
    .expect("the backends")
}

async fn both_listen(world: &World, than: &[i32]) -> Vec<i32> {
    eventually("two that listen", async || {
        let pids = listeners(world).await;
        (pids.len() == 2 && pids.iter().all(|pid| !than.contains(pid))).then_some(pids)
    })
    .await
}

/// A server that looks at the journal's tail only when it is rung for.
async fn only_rung_for(world: &World) -> TestServer {
    let waits = Waits { look_interval: Duration::from_secs(3_600), ..Waits::default() };
    let server = world.server_that_waits(&world.database.url(), waits, &[]).await;
    server.ready().await;
    server
}

#[tokio::test]
async fn a_reader_on_another_server_hears_of_a_commit_by_the_doorbell_alone() {
    let world = World::new().await;
    let asked = world.server().await;
    // It drives nothing, so all that its readers hear comes from the other one.
    let pause = world.script().pause_at(Operation::Clone);
    let id = asked.ask("a", TEMPLATE).await.id;
    let watched = only_rung_for(&world).await;
    both_listen(&world, &[]).await;
    let mut stream = watched.stream(id).await;
    stream.until_event("snapshot").await;
    pause.release();
    let told = numbered(&stream.rest().await);
    assert!(told.len() >= 4, "{told:?}");
    assert_eq!(watched.all_events(id).await, asked.all_events(id).await, "the same bytes");
}

#[tokio::test]
async fn events_arrive_although_the_connection_that_listens_is_killed() {
    let world = World::with_delay(Duration::from_millis(400)).await;
    let (asked, watched) = (world.server().await, only_rung_for(&world).await);
    let first = both_listen(&world, &[]).await;
    let id = asked.ask("a", TEMPLATE).await.id;
    let begin = format!("{}.0", watched.epoch(id).await);
    let mut stream = watched.stream_after(id, &begin).await;
    let mut frames = stream.until_seq(3).await;
    let killed: Vec<bool> =
        sqlx::query_scalar("select pg_terminate_backend(pid) from unnest($1) pid")
            .bind(&first)
            .fetch_all(&world.database.pool)
            .await
            .expect("the backends' end");
    assert_eq!(killed, [true, true]);
    frames.extend(stream.rest().await);
    let numbers: Vec<u32> = numbered(&frames).iter().filter_map(Frame::seq).collect();
    let all = u32::try_from(STORY.len()).expect("small");
    assert_eq!(numbers, (1..=all).collect::<Vec<_>>(), "each once, in order");
    assert!(frames.iter().all(|frame| frame.name() != "degraded"), "the journal was there");

    // Both listen again by themselves, and hear as before.
    both_listen(&world, &first).await;
    let pause = world.script().pause_at(Operation::Clone);
    let id = asked.ask("b", TEMPLATE).await.id;
    let mut stream = watched.stream(id).await;
    stream.until_event("snapshot").await;
    pause.release();
    assert_eq!(stream.rest().await.last().expect("an event").name(), "ready");
}

/// How the connection that listens is lost.
#[derive(Debug, Clone, Copy)]
enum Loss {
    Reset,
    BlackHole,
}

/// Nothing is lost with it, and it is made anew: at once after a reset, and once it was silent for too
/// long where nothing says that it is gone.
async fn lose_the_ear(loss: Loss) {
    let world = World::with_delay(Duration::from_millis(300)).await;
    let proxy = Proxy::new(&world.database.options);
    let (asked, watched) = (world.server().await, world.server_at(&proxy.url(), &[]).await);
    watched.ready().await;
    let first = both_listen(&world, &[]).await;
    let id = asked.ask("a", TEMPLATE).await.id;
    let begin = format!("{}.0", watched.epoch(id).await);
    let mut stream = watched.stream_after(id, &begin).await;
    let mut frames = stream.until_seq(3).await;
    match loss {
        Loss::Reset => proxy.cut_listening(),
        Loss::BlackHole => proxy.kill_listening(),
    }
    frames.extend(stream.rest().await);
    let numbers: Vec<u32> = numbered(&frames).iter().filter_map(Frame::seq).collect();
    let all = u32::try_from(STORY.len()).expect("small");
    assert_eq!(numbers, (1..=all).collect::<Vec<_>>(), "{loss:?}: each once, in order");
    assert!(frames.iter().all(|frame| frame.name() != "degraded"), "the journal was there");
    eventually("another ear", async || {
        listeners(&world).await.iter().any(|pid| !first.contains(pid)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn events_arrive_although_the_connection_that_listens_is_reset() {
    lose_the_ear(Loss::Reset).await;
}

#[tokio::test]
async fn events_arrive_although_the_connection_that_listens_has_died_without_a_word() {
    lose_the_ear(Loss::BlackHole).await;
}
