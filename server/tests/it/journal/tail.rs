//! The journal's tail: everything that is committed is told, in whatever order transactions commit.

use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use server::domain::ids::RequestId;
use server::domain::ports::clock::Clock as _;
use server::domain::ports::journal_tail::{Horizon, JournalTail as _, Look};
use server::infrastructure::clock::PostgresClock;
use server::infrastructure::postgres::tail::PgJournalTail;
use sqlx::{PgPool, Postgres, Transaction};

use super::accepted;
use crate::support::eventually;
use crate::support::postgres::TestDatabase;

fn tail(database: &TestDatabase) -> PgJournalTail {
    PgJournalTail::new(database.pool.clone(), Arc::new(PostgresClock::new()))
}

async fn look(tail: &PgJournalTail, horizon: Option<&Horizon>) -> Look {
    tail.look(horizon).await.expect("a look")
}

/// The next event of a request, in a transaction that is still open.
async fn uncommitted(pool: &PgPool, request: RequestId) -> Transaction<'static, Postgres> {
    let mut transaction = pool.begin().await.expect("a transaction");
    sqlx::query(
        "insert into events (request_id, seq, type, schema_version, payload)
         select request_id, max(seq) + 1, 'VmProvisioningProgressUpdated', 1, '{}'
         from events where request_id = $1 group by request_id",
    )
    .bind(request.0)
    .execute(&mut *transaction)
    .await
    .expect("an event");
    transaction
}

/// The newest number of a request that this look told. Older ones are told again for as long as any
/// transaction is open that is older, also in the database of another test.
fn head(look: &Look, request: RequestId) -> Option<u32> {
    look.heads.iter().find(|(told, _)| *told == request).map(|(_, head)| *head)
}

/// Looks on until this request is not told any more.
async fn until_nothing_is_told(tail: &PgJournalTail, request: RequestId, from: &Horizon) {
    let mut horizon = from.clone();
    eventually("the horizon to pass", async || {
        let look = look(tail, Some(&horizon)).await;
        horizon = look.horizon.clone();
        head(&look, request).is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn transactions_that_commit_in_another_order_than_they_began_are_both_told() {
    let database = TestDatabase::new().await;
    let (one, other) = (accepted(&database.pool, "a").await, accepted(&database.pool, "b").await);
    let tail = tail(&database);
    let begin = look(&tail, None).await;
    assert_eq!(begin.heads, [], "it only tells where the journal ends");

    let began_first = uncommitted(&database.pool, one).await;
    let began_second = uncommitted(&database.pool, other).await;
    began_second.commit().await.unwrap();
    let second = look(&tail, Some(&begin.horizon)).await;
    assert_eq!(head(&second, other), Some(2), "nothing waits for the open transaction");
    assert_ne!(head(&second, one), Some(2));
    began_first.commit().await.unwrap();
    let third = look(&tail, Some(&second.horizon)).await;
    assert_eq!(head(&third, one), Some(2));
    until_nothing_is_told(&tail, one, &third.horizon).await;
}

/// Transaction numbers are compared as numbers: 100 comes after 99, though not in a dictionary.
#[tokio::test]
async fn numbers_of_transactions_grow_longer() {
    let database = TestDatabase::new().await;
    let (short, long) = (accepted(&database.pool, "a").await, accepted(&database.pool, "b").await);
    for (request, xid) in [(short, "99"), (long, "100")] {
        sqlx::query("update events set xid = $2::text::xid8 where request_id = $1")
            .bind(request.0)
            .bind(xid)
            .execute(&database.pool)
            .await
            .expect("an event of long ago");
    }
    let tail = tail(&database);
    let since = async |xid: &str| look(&tail, Some(&Horizon(xid.to_owned()))).await;
    let both = since("99").await;
    assert_eq!((head(&both, short), head(&both, long)), (Some(1), Some(1)));
    let later = since("100").await;
    assert_eq!((head(&later, short), head(&later, long)), (None, Some(1)));
    assert_eq!(since("101").await.heads, []);
}

#[tokio::test]
async fn what_is_rolled_back_is_never_told() {
    let database = TestDatabase::new().await;
    let request = accepted(&database.pool, "a").await;
    let tail = tail(&database);
    let begin = look(&tail, None).await;
    let open = uncommitted(&database.pool, request).await;
    let during = look(&tail, Some(&begin.horizon)).await;
    assert_ne!(head(&during, request), Some(2));
    open.rollback().await.unwrap();
    assert_ne!(head(&look(&tail, Some(&during.horizon)).await, request), Some(2));
}

#[tokio::test]
async fn a_long_transaction_elsewhere_delays_nothing_and_hides_nothing() {
    let database = TestDatabase::new().await;
    let request = accepted(&database.pool, "a").await;
    let tail = tail(&database);
    let begin = look(&tail, None).await;
    let mut long = database.pool.begin().await.unwrap();
    sqlx::query("create table unrelated (n int)").execute(&mut *long).await.unwrap();

    let mut horizon = begin.horizon;
    for seq in 2..6 {
        uncommitted(&database.pool, request).await.commit().await.unwrap();
        let found = look(&tail, Some(&horizon)).await;
        assert_eq!(head(&found, request), Some(seq));
        horizon = found.horizon;
    }
    long.commit().await.unwrap();
    until_nothing_is_told(&tail, request, &horizon).await;
}

#[tokio::test]
async fn a_look_tells_postgresqls_time() {
    let database = TestDatabase::new().await;
    let clock = Arc::new(PostgresClock::new());
    // A clock that is hours off, as that of a machine without time synchronisation.
    #[expect(clippy::disallowed_methods, reason = "what is to be wrong must begin somewhere")]
    let wrong = Utc::now() + chrono::TimeDelta::hours(3);
    clock.observe(wrong, Instant::now());
    let tail = PgJournalTail::new(database.pool.clone(), Arc::clone(&clock));
    let now = look(&tail, None).await.now;
    let off = (clock.now() - now).num_milliseconds().abs();
    assert!(off < 2_000, "the clock is {off} ms off");
}

#[tokio::test]
async fn the_identity_of_the_journal_stays_and_differs_from_every_others() {
    let (database, other) = (TestDatabase::new().await, TestDatabase::new().await);
    let epoch = tail(&database).epoch().await.unwrap();
    assert_eq!(tail(&database).epoch().await.unwrap(), epoch);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    assert!((1..=16).contains(&epoch.0.len()) && epoch.0.chars().all(plain), "{epoch:?}");
    // Databases of one template share the journal's own id, so another one is made.
    sqlx::query("update journal set id = gen_random_uuid()").execute(&other.pool).await.unwrap();
    assert_ne!(tail(&other).epoch().await.unwrap(), epoch);
}
