//! Appending: optimistic, fenced, whole or not at all.

use server::domain::ids::LeaseEpoch;
use server::domain::ports::event_store::{AppendError, EventStore as _, StoreError};
use server::domain::stage::VmProvisioningStage as Stage;
use server::infrastructure::postgres::event_store::PgEventStore;

use super::{accepted, append, append_under, entered, numbers};
use crate::support::postgres::TestDatabase;

#[tokio::test]
async fn a_decision_on_an_old_journal_is_refused() {
    let database = TestDatabase::new().await;
    let store = PgEventStore::new(database.pool.clone());
    let request = accepted(&database.pool, "a").await;
    let first = append(request, 1, vec![entered(Stage::Cloning)]);
    let recorded = store.append(first).await.expect("the first is on time");
    assert_eq!(recorded.len(), 1);
    assert_eq!(recorded[0].seq, 2);

    let late = store.append(append(request, 1, vec![entered(Stage::Configuring)])).await;
    assert!(matches!(late, Err(AppendError::Conflict)), "{late:?}");
    assert_eq!(store.load(request, 1).await.expect("the journal"), recorded);
}

#[tokio::test]
async fn a_worker_whose_lease_is_older_is_fenced_off() {
    let database = TestDatabase::new().await;
    let store = PgEventStore::new(database.pool.clone());
    let request = accepted(&database.pool, "a").await;
    sqlx::query("update vm_requests set lease_epoch = 7").execute(&database.pool).await.unwrap();
    let write = |epoch| {
        let append = append(request, 1, vec![entered(Stage::Cloning)]);
        store.append(append_under(LeaseEpoch(epoch), append))
    };
    for other in [6, 8] {
        let refused = write(other).await;
        assert!(matches!(refused, Err(AppendError::Fenced)), "{other}: {refused:?}");
    }
    assert_eq!(numbers(&database.pool, request).await, [1]);
    write(7).await.expect("the holder may");
    // Fenced is told also to one who is late in both ways: it must stop and not try again.
    let refused = write(6).await;
    assert!(matches!(refused, Err(AppendError::Fenced)), "{refused:?}");
}

#[tokio::test]
async fn many_writers_leave_no_hole_and_time_does_not_go_back() {
    const WRITERS: usize = 8;
    const EACH: usize = 6;
    let database = TestDatabase::new().await;
    let request = accepted(&database.pool, "a").await;
    let writers = (0..WRITERS).map(|_| {
        let store = PgEventStore::new(database.pool.clone());
        tokio::spawn(async move {
            let (mut seq, mut written) = (1, 0);
            while written < EACH {
                match store.append(append(request, seq, vec![entered(Stage::Cloning)])).await {
                    Ok(recorded) => {
                        seq = recorded.last().expect("an event").seq;
                        written += 1;
                    }
                    Err(AppendError::Conflict) => {
                        let newer = store.load(request, seq).await.expect("the journal");
                        seq = newer.last().map_or(seq, |event| event.seq);
                    }
                    Err(error) => panic!("{error:?}"),
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("no panic");
    }
    let events = PgEventStore::new(database.pool.clone()).load(request, 0).await.unwrap();
    let seqs: Vec<u32> = events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..).take(1 + WRITERS * EACH).collect::<Vec<u32>>());
    assert!(events.is_sorted_by_key(|event| event.recorded_at), "{events:#?}");
}

#[tokio::test]
async fn several_events_are_appended_together() {
    let database = TestDatabase::new().await;
    let store = PgEventStore::new(database.pool.clone());
    let request = accepted(&database.pool, "a").await;
    let events = vec![entered(Stage::Cloning), entered(Stage::Configuring)];
    store.append(append(request, 1, events)).await.expect("appended");
    assert_eq!(numbers(&database.pool, request).await, [1, 2, 3]);
    let last: i32 = sqlx::query_scalar("select last_seq from vm_requests")
        .fetch_one(&database.pool)
        .await
        .unwrap();
    assert_eq!(last, 3);
}

#[tokio::test]
async fn what_cannot_be_recorded_whole_is_not_recorded_at_all() {
    let database = TestDatabase::new().await;
    let store = PgEventStore::new(database.pool.clone());
    let request = accepted(&database.pool, "a").await;
    let rename = |from, to| {
        let statement = format!("alter table provisioning_progress rename column {from} to {to}");
        let pool = database.pool.clone();
        async move { sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&pool).await.unwrap() }
    };
    // The read model is written last.
    rename("stage", "gone").await;
    let refused = store.append(append(request, 1, vec![entered(Stage::Cloning)])).await;
    assert!(matches!(refused, Err(AppendError::Store(StoreError::Unexpected(_)))), "{refused:?}");
    rename("gone", "stage").await;
    assert_eq!(numbers(&database.pool, request).await, [1]);
    let again = store.append(append(request, 1, vec![entered(Stage::Cloning)])).await;
    assert_eq!(again.expect("nothing is in the way")[0].seq, 2);
}

#[tokio::test]
async fn what_was_recorded_cannot_be_told_from_what_is_loaded() {
    let database = TestDatabase::new().await;
    let store = PgEventStore::new(database.pool.clone());
    let request = accepted(&database.pool, "a").await;
    let recorded =
        store.append(append(request, 1, vec![entered(Stage::Cloning)])).await.expect("appended");
    assert_eq!(store.load(request, 1).await.unwrap(), recorded);
    assert_eq!(recorded[0].recorded_at.timestamp_subsec_micros() % 1000, 0, "whole milliseconds");
    assert_eq!(store.load(request, 2).await.unwrap(), []);
    assert_eq!(store.load(request, u32::MAX).await.unwrap(), [], "beyond every number there is");
}
