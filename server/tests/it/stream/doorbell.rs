//! Two servers over one PostgreSQL: what one commits, the readers of the other hear at once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use server::infrastructure::vsphere::simulated::Operation;

use crate::saga::story::STORY;
use crate::support::proxy::Proxy;
use crate::support::server::TEMPLATE;
use crate::support::sse::{Frame, numbered};
use crate::support::{EventStream, World, eventually};

/// Far more than a doorbell takes on a busy machine, and far less than the look that needs none.
const AT_ONCE: Duration = Duration::from_millis(150);

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

/// The events of a stream up to its end, each with how long after its commit it came.
async fn with_delays(world: &World, stream: &mut EventStream) -> Vec<(Frame, Duration)> {
    let mut told = Vec::new();
    while let Some(frame) = stream.next().await {
        if !frame.is_numbered() {
            continue;
        }
        // By PostgreSQL's clock, as the commit was.
        let now: DateTime<Utc> = sqlx::query_scalar("select clock_timestamp()")
            .fetch_one(&world.database.pool)
            .await
            .expect("the time");
        let late = now - frame.stage_event().at.0;
        told.push((frame, late.to_std().unwrap_or_default()));
    }
    told
}

fn median(told: &[(Frame, Duration)]) -> Duration {
    let mut delays: Vec<_> = told.iter().map(|(_, delay)| *delay).collect();
    delays.sort_unstable();
    delays[delays.len() / 2]
}

#[tokio::test]
async fn a_reader_on_another_server_hears_of_a_commit_at_once() {
    let world = World::with_delay(Duration::from_millis(60)).await;
    let asked = world.server().await;
    // It drives nothing, so all that its readers hear comes from the other one.
    let pause = world.script().pause_at(Operation::Clone);
    let id = asked.ask("a", TEMPLATE).await.id;
    let watched = world.server().await;
    both_listen(&world, &[]).await;
    let mut stream = watched.stream(id).await;
    stream.until_event("snapshot").await;
    pause.release();
    let told = with_delays(&world, &mut stream).await;
    let late: Vec<_> = told.iter().map(|(_, delay)| delay.as_millis()).collect();
    eprintln!("commit to a reader on another server, each in ms: {late:?}");
    assert!(told.len() >= 4, "{told:?}");
    assert!(median(&told) < AT_ONCE, "{late:?} ms");
    assert_eq!(watched.all_events(id).await, asked.all_events(id).await, "the same bytes");
}

#[tokio::test]
async fn events_arrive_although_the_connection_that_listens_is_killed() {
    let world = World::with_delay(Duration::from_millis(400)).await;
    let (asked, watched) = (world.server().await, world.server().await);
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

    // Both listen again by themselves, and hear at once as before.
    both_listen(&world, &first).await;
    let id = asked.ask("b", TEMPLATE).await.id;
    let mut stream = watched.stream(id).await;
    let told = with_delays(&world, &mut stream).await;
    assert!(median(&told) < AT_ONCE, "{told:?}");
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
