//! Noticing what others wrote to the journal.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::event_store::StoreError;
use crate::domain::ids::RequestId;

/// Looks at the end of the journal.
#[async_trait]
pub trait JournalTail: Send + Sync + fmt::Debug {
    /// What has become visible since `horizon`, and the horizon for the next look.
    ///
    /// Without a horizon it only tells where the journal ends now. A head may be told again; none is
    /// ever left out, whatever order transactions commit in.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: look again from the same horizon.
    async fn look(&self, horizon: Option<&Horizon>) -> Result<Look, StoreError>;

    /// What the journal has of these events, in any order; a request that is not there is left out.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn compare(&self, told: &[(RequestId, u32)]) -> Result<Vec<Found>, StoreError>;

    /// Gives the journal another identity, if it still has this one: it was put back to an earlier
    /// state that does not show in its identity, so the ids that were told under it are no longer true.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn disown(&self, epoch: &JournalEpoch) -> Result<(), StoreError>;

    /// Which journal this is; another one after a restore from a backup.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn epoch(&self) -> Result<JournalEpoch, StoreError> {
        Ok(self.look(None).await?.epoch)
    }
}

/// Tells other servers that the journal has grown.
pub trait Doorbell: Send + Sync + fmt::Debug {
    /// Something was committed. Never waits; rings that come while one is under way become one.
    fn ring(&self);
}

/// Everything below it has been seen (PostgreSQL's `xmin` of a snapshot, as text).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Horizon(pub String);

impl Horizon {
    /// Below it there is nothing.
    pub fn beginning() -> Self {
        Self("0".to_owned())
    }

    /// Reads one that was told to somebody; `None` for what can be none.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse::<u64>().ok().filter(|_| plain)?;
        Some(Self(number.to_string()))
    }

    /// The horizon so many transactions before this one.
    #[must_use]
    pub fn earlier_by(&self, transactions: u64) -> Self {
        let number = self.0.parse::<u64>().unwrap_or_default();
        Self(number.saturating_sub(transactions).to_string())
    }
}

/// What one look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The requests with new events, and the newest event's number of each.
    pub heads: Vec<(RequestId, u32)>,
    /// Where the next look begins.
    pub horizon: Horizon,
    /// PostgreSQL's clock at the look.
    pub now: DateTime<Utc>,
    /// Which journal was looked at.
    pub epoch: JournalEpoch,
    /// Whether PostgreSQL takes no changes just now.
    pub read_only: bool,
}

/// What the journal has of one event that was told, and of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The request.
    pub request: RequestId,
    /// Its newest event's number.
    pub head: u32,
    /// When the event was recorded, if it is there.
    pub recorded_at: Option<DateTime<Utc>>,
}

/// The identity of a journal, as it stands in event ids: `[A-Za-z0-9_-]{1,16}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JournalEpoch(pub String);
