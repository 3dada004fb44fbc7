//! Accepting a request: once for one key, once for one living name.

use server::domain::ids::Owner;
use server::domain::ports::event_store::{CreateError, Created, EventStore as _, Idempotency};
use server::infrastructure::postgres::event_store::PgEventStore;

use super::new_request;
use crate::support::postgres::TestDatabase;

async fn count(database: &TestDatabase) -> (i64, i64, i64) {
    sqlx::query_as(
        "select (select count(*) from vm_requests), (select count(*) from events),
                (select count(*) from provisioning_progress where stage = 'CREATED')",
    )
    .fetch_one(&database.pool)
    .await
    .expect("the counts")
}

#[tokio::test]
async fn the_same_key_and_body_are_the_same_request() {
    let database = TestDatabase::new().await;
    let store = PgEventStore::new(database.pool.clone());
    let first = new_request("a", Some(("key", "body")));
    let id = first.spec.request_id;
    assert!(matches!(store.create(first).await, Ok(Created::New(_))));
    let again = store.create(new_request("a", Some(("key", "body")))).await;
    assert!(matches!(again, Ok(Created::Existing(existing)) if existing == id), "{again:?}");
    let other = store.create(new_request("a", Some(("key", "other body")))).await;
    assert!(matches!(other, Err(CreateError::KeyReused)), "{other:?}");
    assert_eq!(count(&database).await, (1, 1, 1));

    let asked = |body: &str| Idempotency { key: "key".to_owned(), body: body.to_owned() };
    let find = |owner: &str, body: &str| {
        let (owner, asked) = (Owner(owner.to_owned()), asked(body));
        let store = &store;
        async move { store.find(&owner, &asked).await }
    };
    assert!(matches!(find("local", "body").await, Ok(Some(found)) if found == id));
    assert!(matches!(find("local", "other body").await, Err(CreateError::KeyReused)));
    assert!(matches!(find("somebody else", "body").await, Ok(None)), "a key is its owner's");
}

#[tokio::test]
async fn the_same_key_at_the_same_moment_makes_one_request() {
    let database = TestDatabase::new().await;
    let asking = (0..8).map(|_| {
        let store = PgEventStore::new(database.pool.clone());
        tokio::spawn(async move { store.create(new_request("a", Some(("key", "body")))).await })
    });
    let (mut new, mut existing) = (Vec::new(), Vec::new());
    for asked in asking.collect::<Vec<_>>() {
        match asked.await.expect("no panic").expect("accepted") {
            Created::New(first) => new.push(first),
            Created::Existing(id) => existing.push(id),
        }
    }
    assert_eq!((new.len(), existing.len()), (1, 7));
    assert!(existing.iter().all(|id| *id == existing[0]), "{existing:?}");
    assert_eq!(count(&database).await, (1, 1, 1));
}

#[tokio::test]
async fn a_living_request_has_its_name_for_itself() {
    let database = TestDatabase::new().await;
    let store = PgEventStore::new(database.pool.clone());
    assert!(matches!(store.create(new_request("a", None)).await, Ok(Created::New(_))));
    for key in [None, Some(("key", "body"))] {
        let taken = store.create(new_request("a", key)).await;
        assert!(matches!(taken, Err(CreateError::NameTaken)), "{taken:?}");
    }
    assert!(matches!(store.create(new_request("b", None)).await, Ok(Created::New(_))));
    for ended in ["ready", "failed", "needs_attention"] {
        sqlx::query("update vm_requests set status = $1 where name = 'a'")
            .bind(ended)
            .execute(&database.pool)
            .await
            .unwrap();
        let freed = store.create(new_request("a", None)).await;
        assert!(matches!(freed, Ok(Created::New(_))), "after {ended}: {freed:?}");
    }
}
