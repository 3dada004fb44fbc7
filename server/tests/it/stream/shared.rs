//! What many readers share is read and drawn once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use server::application::feed::Feed;
use server::domain::event::RecordedEvent;
use server::domain::ids::{Owner, RequestId};
use server::domain::ports::event_store::{
    Append, AppendError, CreateError, Created, EventStore, Idempotency, NewRequest, StoreError,
};
use server::http::frames::{Epoch, ProtocolFrames};
use server::infrastructure::postgres::event_store::PgEventStore;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::journal::accepted;
use crate::support::postgres::TestDatabase;
use crate::support::{eventually, in_time};

const READERS: usize = 50;

/// A journal that counts how often it is read, and answers only when it is let.
#[derive(Debug)]
struct Counted {
    inner: PgEventStore,
    loads: AtomicUsize,
    answers: Semaphore,
}

#[async_trait]
impl EventStore for Counted {
    async fn create(&self, new: NewRequest) -> Result<Created, CreateError> {
        self.inner.create(new).await
    }

    async fn find(
        &self,
        owner: &Owner,
        idempotency: &Idempotency,
    ) -> Result<Option<RequestId>, CreateError> {
        self.inner.find(owner, idempotency).await
    }

    async fn load(
        &self,
        request: RequestId,
        after_seq: u32,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.answers.acquire().await.expect("never closed").forget();
        self.inner.load(request, after_seq).await
    }

    async fn append(&self, append: Append) -> Result<Vec<RecordedEvent>, AppendError> {
        self.inner.append(append).await
    }

    async fn try_write(&self) -> Result<(), StoreError> {
        self.inner.try_write().await
    }
}

#[tokio::test]
async fn a_topic_is_loaded_once_however_many_ask_at_once() {
    let database = TestDatabase::new().await;
    let request = accepted(&database.pool, "a").await;
    let inner = PgEventStore::new(database.pool.clone());
    let store = Counted { inner, loads: AtomicUsize::new(0), answers: Semaphore::new(0) };
    let store = Arc::new(store);
    let renderer = Arc::new(ProtocolFrames::new(Epoch::default()));
    let feed = Arc::new(Feed::new(store.clone(), renderer));

    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let feed = Arc::clone(&feed);
        readers.spawn(async move { feed.subscribe(request).await });
    }
    eventually("the first to read", async || {
        (store.loads.load(Ordering::SeqCst) > 0).then_some(())
    })
    .await;
    // So many answers that nobody waits, however often it is read.
    store.answers.add_permits(10 * READERS);
    let mut subscriptions = Vec::new();
    while let Some(subscribed) = in_time("a reader", readers.join_next()).await {
        let subscription = subscribed.expect("no panic").expect("a journal");
        subscriptions.push(subscription.expect("such a request"));
    }
    assert_eq!(subscriptions.len(), READERS);
    assert!(subscriptions.iter().all(|subscription| subscription.head() == 1));
    assert_eq!(store.loads.load(Ordering::SeqCst), 1);
    feed.subscribe(request).await.expect("a journal").expect("such a request");
    assert_eq!(store.loads.load(Ordering::SeqCst), 1, "whoever comes later finds it");
}
