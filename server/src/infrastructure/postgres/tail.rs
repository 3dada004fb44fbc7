//! The end of the journal, and the identity of the journal.
//!
//! Transactions commit in another order than they began, so "newer than the newest I saw" would skip
//! rows. A look reads everything from a horizon on, and the horizon moves only to PostgreSQL's `xmin`:
//! below it every transaction has ended, so nothing can still appear there.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::{corrupt, unsigned};
use crate::domain::ids::RequestId;
use crate::domain::ports::event_store::StoreError;
use crate::domain::ports::journal_tail::{Horizon, JournalEpoch, JournalTail, Look};
use crate::infrastructure::clock::PostgresClock;

/// The tail of the journal in PostgreSQL. Each look also sets the clock.
#[derive(Debug, Clone)]
pub struct PgJournalTail {
    pool: PgPool,
    clock: Arc<PostgresClock>,
}

impl PgJournalTail {
    /// The tail behind this pool, which keeps this clock right.
    pub fn new(pool: PgPool, clock: Arc<PostgresClock>) -> Self {
        Self { pool, clock }
    }
}

#[async_trait]
impl JournalTail for PgJournalTail {
    async fn look(&self, horizon: Option<&Horizon>) -> Result<Look, StoreError> {
        // One statement, so that rows and xmin are of one snapshot; the left join gives a row also
        // when there is nothing new. sqlx knows no xid8, and only a cast through text uses the index.
        let asked = std::time::Instant::now();
        let rows = sqlx::query!(
            r#"select pg_snapshot_xmin(pg_current_snapshot())::text as "xmin!",
                      clock_timestamp() as "now!", fresh.request_id as "request_id?", fresh.head
               from (values (1)) one left join (
                   select request_id, max(seq) as head from events
                   where xid >= $1::text::xid8 group by request_id
               ) fresh on true"#,
            horizon.map(|horizon| horizon.0.as_str())
        )
        .fetch_all(&self.pool)
        .await?;
        let first = rows.first().ok_or_else(|| corrupt("the tail gave no row"))?;
        let (horizon, now): (_, DateTime<Utc>) = (Horizon(first.xmin.clone()), first.now);
        self.clock.observe(now, asked);
        let heads = rows
            .iter()
            .filter_map(|row| Some((RequestId(row.request_id?), row.head?)))
            .map(|(request, head)| Ok((request, unsigned(head)?)))
            .collect::<Result<_, StoreError>>()?;
        Ok(Look { heads, horizon, now })
    }

    async fn epoch(&self) -> Result<JournalEpoch, StoreError> {
        // A copy of the data on another cluster has another system identifier, a cluster that was
        // restored to an earlier moment has another timeline: both are other journals to a reader.
        let row = sqlx::query!(
            r#"select j.id, s.system_identifier as "system!", c.timeline_id as "timeline!"
               from journal j, pg_control_system() s, pg_control_checkpoint() c"#
        )
        .fetch_one(&self.pool)
        .await?;
        let text = format!("{}/{}/{}", row.id, row.system, row.timeline);
        let digest = uuid::Uuid::new_v5(&row.id, text.as_bytes()).simple().to_string();
        Ok(JournalEpoch(digest.chars().take(EPOCH_CHARS).collect()))
    }
}

/// Length of the epoch in event ids: 48 bits tell journals apart, and ids stay short.
const EPOCH_CHARS: usize = 12;
