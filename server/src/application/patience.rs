//! Waiting for PostgreSQL, but not on a dead link.
//!
//! A host that is gone without a word closes no connection, and a statement's own limit is kept by
//! PostgreSQL, which is not there any more. So whoever waits outside an HTTP request, which has its own
//! limit, waits through this.

use std::time::Duration;

use crate::domain::ports::event_store::StoreError;

/// How long PostgreSQL may take to answer before the link to it counts as dead. A lease that is claimed
/// later than this has lost too much of its time.
const ANSWER_MAX: Duration = Duration::from_secs(4);

/// What PostgreSQL answers, if it does in time.
///
/// # Errors
///
/// What `asked` says, or that no answer came in time.
pub async fn answered<T>(
    asked: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let dead = || StoreError::not_answering("no answer in time");
    tokio::time::timeout(ANSWER_MAX, asked).await.unwrap_or_else(|_| Err(dead()))
}
