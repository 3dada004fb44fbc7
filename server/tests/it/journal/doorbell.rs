//! The doorbell: many rings become few, and none is lost.

use std::sync::Arc;

use server::domain::ports::journal_tail::Doorbell as _;
use server::infrastructure::postgres::doorbell::{CHANNEL, PgDoorbell};
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::support::in_time;
use crate::support::postgres::TestDatabase;

#[tokio::test]
async fn many_rings_at_once_are_one_and_a_later_one_is_heard_too() {
    let database = TestDatabase::new().await;
    let look = Arc::new(Notify::new());
    let doorbell = PgDoorbell::new(database.pool.clone(), Arc::clone(&look));
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(doorbell.clone().run(shutdown.clone()));
    in_time("the first look", look.notified()).await;
    let looks_elsewhere = Arc::new(Notify::new());
    let elsewhere = PgDoorbell::new(database.pool.clone(), Arc::clone(&looks_elsewhere));
    let listening = tokio::spawn(elsewhere.run(shutdown.clone()));
    in_time("the first look elsewhere", looks_elsewhere.notified()).await;
    let mut other = PgListener::connect_with(&database.pool).await.expect("a connection");
    other.listen(CHANNEL).await.expect("a channel");

    const BURSTS: usize = 3;
    for _ in 0..BURSTS {
        // Nothing else runs here between these.
        for _ in 0..1_000 {
            doorbell.ring();
        }
        in_time("the look elsewhere", looks_elsewhere.notified()).await;
        in_time("the ring", other.recv()).await.expect("a notification");
    }
    sqlx::query("select pg_notify($1, 'the end')")
        .bind(CHANNEL)
        .execute(&database.pool)
        .await
        .expect("a notification");
    let mut more = 0;
    while in_time("the end", other.recv()).await.expect("a notification").payload() != "the end" {
        more += 1;
    }
    // One is under way when the others come, and these are one together.
    assert!(more <= BURSTS, "{more} rings more than one for each burst");
    // All own rings have come before this one, and the end is none of them.
    in_time("the look at the end", look.notified()).await;
    let looked_again = tokio::time::timeout(std::time::Duration::ZERO, look.notified()).await;
    assert!(looked_again.is_err(), "nobody looks for what they have written themselves");
    shutdown.cancel();
    in_time("the doorbell's end", running).await.expect("no panic");
    in_time("the other one's end", listening).await.expect("no panic");
}
