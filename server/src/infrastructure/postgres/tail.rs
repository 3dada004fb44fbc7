//! The end of the journal, and the identity of the journal.
//!
//! Transactions commit in another order than they began, so "newer than the newest I saw" would skip
//! rows. A look reads everything from a horizon on, and the horizon moves only to PostgreSQL's `xmin`:
//! below it every transaction has ended, so nothing can still appear there.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::{after, being_restored, unsigned};
use crate::domain::ids::RequestId;
use crate::domain::ports::event_store::StoreError;
use crate::domain::ports::journal_tail::{Found, Horizon, JournalEpoch, JournalTail, Look};
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
                      clock_timestamp() as "now!",
                      current_setting('transaction_read_only')::bool as "read_only!",
                      j.id as "journal!", j.tableoid::bigint as "incarnation!",
                      d.oid::bigint as "database!",
                      s.system_identifier as "system!", c.timeline_id as "timeline!",
                      fresh.request_id as "request_id?", fresh.head
               from journal j
               join pg_database d on d.datname = current_database()
               cross join pg_control_system() s cross join pg_control_checkpoint() c
               left join (
                   select request_id, max(seq) as head from events
                   where xid >= $1::text::xid8 group by request_id
               ) fresh on true"#,
            horizon.map(|horizon| horizon.0.as_str())
        )
        .fetch_all(&self.pool)
        .await?;
        let first = rows.first().ok_or_else(|| being_restored("the journal has no identity"))?;
        let (horizon, now): (_, DateTime<Utc>) = (Horizon(first.xmin.clone()), first.now);
        self.clock.observe(now, asked);
        let heads = rows
            .iter()
            .filter_map(|row| Some((RequestId(row.request_id?), row.head?)))
            .map(|(request, head)| Ok((request, unsigned(head)?)))
            .collect::<Result<_, StoreError>>()?;
        let epoch = epoch(&Identity {
            journal: first.journal,
            incarnation: first.incarnation,
            database: first.database,
            system: first.system,
            timeline: first.timeline,
        });
        Ok(Look { heads, horizon, now, epoch, read_only: first.read_only })
    }

    async fn compare(&self, told: &[(RequestId, u32)]) -> Result<Vec<Found>, StoreError> {
        let requests: Vec<Uuid> = told.iter().map(|(request, _)| request.0).collect();
        let numbers: Vec<i32> = told.iter().map(|(_, seq)| after(*seq)).collect();
        let rows = sqlx::query!(
            r#"select r.id as "id!", r.last_seq as "last_seq!", e.recorded_at as "recorded_at?"
               from unnest($1::uuid[], $2::int[]) as told (id, seq)
               join vm_requests r on r.id = told.id
               left join events e on e.request_id = told.id and e.seq = told.seq"#,
            &requests,
            &numbers
        )
        .fetch_all(&self.pool)
        .await?;
        let found = rows.into_iter().map(|row| {
            let (request, recorded_at) = (RequestId(row.id), row.recorded_at);
            Ok(Found { request, head: unsigned(row.last_seq)?, recorded_at })
        });
        found.collect()
    }

    async fn disown(&self, epoch: &JournalEpoch) -> Result<(), StoreError> {
        let Look { epoch: now, .. } = self.look(None).await?;
        if now == *epoch {
            // Two servers that do this at once give it two new identities, one after the other; both
            // see the later one at their next look.
            sqlx::query!("update journal set id = gen_random_uuid()").execute(&self.pool).await?;
        }
        Ok(())
    }
}

/// What tells one journal from every other.
struct Identity {
    /// The journal's own random id.
    journal: Uuid,
    /// Its table: one that was dropped and restored in place is another one.
    incarnation: i64,
    /// The database: a dump that was restored into a new one is another journal.
    database: i64,
    /// The cluster: so is a copy of the data in another one.
    system: i64,
    /// And a cluster that was recovered to an earlier moment is on another timeline.
    timeline: i32,
}

fn epoch(identity: &Identity) -> JournalEpoch {
    let Identity { journal, incarnation, database, system, timeline } = identity;
    let text = format!("{journal}/{incarnation}/{database}/{system}/{timeline}");
    let digest = Uuid::new_v5(journal, text.as_bytes()).simple().to_string();
    JournalEpoch(digest.chars().take(EPOCH_CHARS).collect())
}

/// Length of the epoch in event ids: 48 bits tell journals apart, and ids stay short.
const EPOCH_CHARS: usize = 12;
