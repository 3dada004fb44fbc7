//! What the tests stand on: a real PostgreSQL, servers that can be stopped in every way, and clients
//! that see every byte.

pub(crate) mod client;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod server;
pub(crate) mod sse;

use std::time::Duration;

use tokio::time::Instant;

pub(crate) use client::{Api, Reply};
pub(crate) use server::{TestServer, World};
pub(crate) use sse::{EventStream, Frame};

/// How long a test waits for something that must happen: far more than it takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The pause between two looks at something that nothing announces.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Looks until `look` finds what must come.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "in vain waited for: {what}");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Waits for something that must end.
pub(crate) async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(PATIENCE, work).await;
    waited.unwrap_or_else(|_| panic!("in vain waited for: {what}"))
}
