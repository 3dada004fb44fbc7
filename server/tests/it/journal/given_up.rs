//! A write that nobody waits for any more: a client hangs up, a lease is lost, a wait has a limit.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use server::domain::ids::RequestId;
use server::domain::ports::event_store::EventStore as _;
use server::domain::stage::VmProvisioningStage as Stage;
use server::infrastructure::postgres;
use server::infrastructure::postgres::event_store::PgEventStore;
use sqlx::PgPool;

use super::{accepted, append, entered, new_request, numbers};
use crate::support::eventually;
use crate::support::postgres::TestDatabase;

/// Waits for a future, but gives it up when it has been asked so often in vain.
async fn give_up_after<T>(times: u32, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut asked = 0;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending if asked == times => Poll::Ready(None),
        Poll::Pending => {
            asked += 1;
            Poll::Pending
        }
    })
    .await
}

/// Waits until all connections of the server's pool are back in it, or closed; none of them may be in
/// a transaction then.
async fn assert_nothing_is_open(pool: &PgPool, database: &TestDatabase, given_up_after: u32) {
    let sessions = async || {
        let states = "select coalesce(state, '') from pg_stat_activity
                      where datname = current_database() and application_name = 'stagewatch'";
        let states = sqlx::query_scalar(states).fetch_all(&database.pool).await;
        states.expect("the sessions")
    };
    let states: Vec<String> = eventually("the connections to be at rest", async || {
        let states: Vec<String> = sessions().await;
        let size = usize::try_from(pool.size()).expect("few");
        (pool.num_idle() == size && states.len() == size).then_some(states)
    })
    .await;
    assert!(states.iter().all(|state| state == "idle"), "{given_up_after}: {states:?}");
}

#[tokio::test]
async fn a_request_that_is_given_up_at_any_moment_leaves_no_transaction_open() {
    let database = TestDatabase::new().await;
    let pool = postgres::pool(database.options.clone());
    let store = PgEventStore::new(pool.clone());
    for times in 0.. {
        let new = new_request(&format!("vm-{times}"), Some((&format!("key-{times}"), "{}")));
        let request = new.spec.request_id;
        let created = give_up_after(times, store.create(new)).await;
        assert_nothing_is_open(&pool, &database, times).await;
        let written = numbers(&database.pool, request).await;
        assert!(matches!(*written, [] | [1]), "{times}: whole or not at all: {written:?}");
        if let Some(created) = created {
            created.expect("accepted");
            assert_eq!(written, [1]);
            assert!(times > 0, "it was given up at least once");
            break;
        }
    }
}

#[tokio::test]
async fn an_event_that_is_given_up_at_any_moment_leaves_no_transaction_open() {
    let database = TestDatabase::new().await;
    let pool = postgres::pool(database.options.clone());
    let store = PgEventStore::new(pool.clone());
    let request: RequestId = accepted(&database.pool, "a").await;
    for times in 0.. {
        let known = i32::try_from(numbers(&database.pool, request).await.len()).expect("few");
        let next = append(request, known.unsigned_abs(), vec![entered(Stage::Cloning)]);
        let recorded = give_up_after(times, store.append(next)).await;
        assert_nothing_is_open(&pool, &database, times).await;
        let written = numbers(&database.pool, request).await;
        assert!(written.iter().copied().eq(1..=known) || written.iter().copied().eq(1..=known + 1));
        if let Some(recorded) = recorded {
            recorded.expect("recorded");
            assert!(times > 0, "it was given up at least once");
            break;
        }
    }
}

/// As a server that is stopped in the middle of a write.
#[tokio::test]
async fn a_transaction_that_stands_still_does_not_keep_its_request_for_ever() {
    let database = TestDatabase::new().await;
    let request = accepted(&database.pool, "a").await;
    let frozen = postgres::pool(database.options.clone());
    let mut transaction = frozen.begin().await.expect("a transaction");
    sqlx::query("update vm_requests set status = status where id = $1")
        .bind(request.0)
        .execute(&mut *transaction)
        .await
        .expect("the row");
    // Waits for the row's lock; PostgreSQL gives no other hint.
    let store = PgEventStore::new(database.pool.clone());
    let next = append(request, 1, vec![entered(Stage::Cloning)]);
    store.append(next).await.expect("it goes on");
    transaction.commit().await.expect_err("its turn is over");
    assert_eq!(numbers(&database.pool, request).await, [1, 2]);
}
