//! Which worker drives which request, by PostgreSQL's clock.
//!
//! Each claim raises `lease_epoch`; whatever an earlier holder still writes is refused by it.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::types::PgInterval;
use sqlx::types::Json;

use super::{signed, unsigned};
use crate::domain::ids::{LeaseEpoch, MoRef, RequestId, VcenterId};
use crate::domain::ports::event_store::{Claim, HandBack, Leases, Renewal, StoreError};
use crate::domain::ports::vsphere::{Checkpoint, TaskInFlight, TaskOperation};

/// Leases in PostgreSQL.
#[derive(Debug, Clone)]
pub struct PgLeases {
    pool: PgPool,
}

impl PgLeases {
    /// The leases behind this pool.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl Leases for PgLeases {
    async fn claim(
        &self,
        worker: &str,
        vcenter: Option<&VcenterId>,
        lease: Duration,
        limit: u32,
        silent_for: Option<Duration>,
    ) -> Result<Vec<Claim>, StoreError> {
        let rows = sqlx::query!(
            // Materialized: a plan that evaluates it for each row would each time find other ones.
            r#"with due as materialized (
                   select id, lease_owner is not null as interrupted from vm_requests d
                   where status in ('queued', 'provisioning', 'undoing') and due_at <= clock_timestamp()
                     and (lease_until is null or lease_until <= clock_timestamp())
                     and ($2::text is null or vcenter is null or vcenter = $2)
                     and ($5::interval is null or exists (
                         select 1 from events e where e.request_id = d.id and e.seq = d.last_seq
                           and e.recorded_at <= clock_timestamp() - $5::interval))
                   order by due_at, id limit $4
                   for update of d skip locked
               )
               update vm_requests r
               set lease_owner = $1, lease_epoch = lease_epoch + 1,
                   lease_until = clock_timestamp() + $3::interval
               from due
               where r.id = due.id
               returning r.id, r.lease_epoch, r.vcenter, r.checkpoint as "checkpoint: Json<CheckpointRecord>",
                   due.interrupted as "interrupted!""#,
            worker,
            vcenter.map(|vcenter| vcenter.0.as_str()),
            interval(lease),
            i64::from(limit),
            silent_for.map(interval)
        )
        .fetch_all(&self.pool)
        .await?;
        let claims = rows.into_iter().map(|row| Claim {
            request: RequestId(row.id),
            epoch: LeaseEpoch(row.lease_epoch),
            vcenter: row.vcenter.map(VcenterId),
            checkpoint: row.checkpoint.map(|record| record.0.into()).unwrap_or_default(),
            interrupted: row.interrupted,
        });
        Ok(claims.collect())
    }

    async fn renew(
        &self,
        request: RequestId,
        epoch: LeaseEpoch,
        lease: Duration,
    ) -> Result<Renewal, StoreError> {
        let last_seq = sqlx::query_scalar!(
            "update vm_requests set lease_until = clock_timestamp() + $3::interval
             where id = $1 and lease_epoch = $2 and lease_until is not null
             returning last_seq",
            request.0,
            epoch.0,
            interval(lease)
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(match last_seq {
            Some(last_seq) => Renewal::Held { last_seq: unsigned(last_seq)? },
            None => Renewal::Lost,
        })
    }

    async fn release(
        &self,
        request: RequestId,
        epoch: LeaseEpoch,
        back: HandBack,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            // An owner without a lease is one that did not come to an end.
            "update vm_requests
             set lease_owner = case when $5 then lease_owner end, lease_until = null,
                 due_at = case when last_seq > $4 then clock_timestamp()
                               else clock_timestamp() + $3::interval end
             where id = $1 and lease_epoch = $2",
            request.0,
            epoch.0,
            interval(back.pause),
            signed(back.known_seq)?,
            back.unfinished
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    async fn end_all(&self) -> Result<u64, StoreError> {
        let done =
            sqlx::query!("update vm_requests set lease_until = null where lease_until is not null")
                .execute(&self.pool)
                .await?;
        Ok(done.rows_affected())
    }

    async fn end_pauses(&self, vcenter: Option<&VcenterId>) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "update vm_requests set due_at = clock_timestamp()
             where status in ('queued', 'provisioning', 'undoing') and lease_until is null
               and due_at > clock_timestamp() and ($1::text is null or vcenter is null or vcenter = $1)",
            vcenter.map(|vcenter| vcenter.0.as_str())
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }

    async fn save_checkpoint(
        &self,
        request: RequestId,
        epoch: LeaseEpoch,
        checkpoint: &Checkpoint,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "update vm_requests set checkpoint = $3 where id = $1 and lease_epoch = $2",
            request.0,
            epoch.0,
            Json(CheckpointRecord::from(checkpoint)) as _
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}

/// Leases and backoffs are at most hours, so that whole microseconds always fit.
fn interval(duration: Duration) -> PgInterval {
    let microseconds = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    PgInterval { months: 0, days: 0, microseconds }
}

/// What a saga resumes from, as stored. A word that is not known any more is as good as no checkpoint.
#[derive(Debug, Serialize, Deserialize)]
struct CheckpointRecord {
    task: Option<TaskRecord>,
    vm: Option<String>,
    /// Not there in what an older version stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address_since: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct TaskRecord {
    moref: String,
    operation: String,
    /// Not there in what an older version stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<DateTime<Utc>>,
}

const OPERATIONS: [(TaskOperation, &str); 6] = [
    (TaskOperation::Clone, "CloneVM_Task"),
    (TaskOperation::Reconfigure, "ReconfigVM_Task"),
    (TaskOperation::Customize, "CustomizeVM_Task"),
    (TaskOperation::PowerOn, "PowerOnVM_Task"),
    (TaskOperation::PowerOff, "PowerOffVM_Task"),
    (TaskOperation::Destroy, "Destroy_Task"),
];

impl From<&Checkpoint> for CheckpointRecord {
    fn from(checkpoint: &Checkpoint) -> Self {
        let task = checkpoint.task.as_ref().and_then(|task| {
            let (_, name) = OPERATIONS.iter().find(|(known, _)| *known == task.operation)?;
            let (moref, operation) = (task.moref.0.clone(), (*name).to_owned());
            Some(TaskRecord { moref, operation, since: task.since })
        });
        let (vm, address_since) = (checkpoint.vm.as_ref(), checkpoint.address_since);
        Self { task, vm: vm.map(|vm| vm.0.clone()), address_since }
    }
}

impl From<CheckpointRecord> for Checkpoint {
    fn from(record: CheckpointRecord) -> Self {
        let task = record.task.and_then(|task| {
            let (operation, _) = OPERATIONS.iter().find(|(_, name)| *name == task.operation)?;
            let (moref, since) = (MoRef(task.moref), task.since);
            Some(TaskInFlight { moref, operation: *operation, since })
        });
        Self { task, vm: record.vm.map(MoRef), address_since: record.address_since }
    }
}
