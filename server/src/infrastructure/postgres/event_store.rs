//! Writing and reading the journal.
//!
//! An append is one small transaction: the request's row is updated first, and only if nobody else
//! wrote since the decision was made and the writer's lease is still the newest one. That row lock
//! makes the numbers gap-free and the order of numbers the order of commits.

use async_trait::async_trait;
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::event_record::{self, NetworkRecord, SCHEMA_VERSION, VmRecord};
use super::transaction::Beginner;
use super::{after, corrupt, signed, unsigned};
use crate::domain::estimate::Told;
use crate::domain::event::{NewEvent, RecordedEvent, VmEvent};
use crate::domain::ids::{Owner, RequestId};
use crate::domain::ports::event_store::{
    Append, AppendError, CreateError, Created, EventStore, Idempotency, NewRequest, Projection,
    StoreError,
};
use crate::domain::spec::VmSpec;
use crate::domain::stage::VmProvisioningStage as Stage;
use crate::domain::vm::VmStatus;

/// The journal in PostgreSQL.
#[derive(Debug, Clone)]
pub struct PgEventStore {
    pool: PgPool,
}

impl PgEventStore {
    /// The journal behind this pool.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl EventStore for PgEventStore {
    async fn create(&self, new: NewRequest) -> Result<Created, CreateError> {
        let mut connection = Beginner::acquire(&self.pool).await.map_err(StoreError::from)?;
        let mut tx = connection.begin().await.map_err(StoreError::from)?;
        if let Some(key) = &new.idempotency
            && let Some(existing) = find_by_key(&mut tx, &new.owner, key).await?
        {
            return Ok(Created::Existing(existing));
        }
        let size = (signed(new.spec.cpus)?, signed(new.spec.memory_mib)?);
        if let Err(error) = insert_request(&mut tx, &new, size).await {
            drop(tx);
            // What is asked now gets a connection of its own: nobody holds one and waits for another.
            drop(connection);
            return self.refused(&new, error).await;
        }
        let request = new.spec.request_id;
        let recorded = insert_events(&mut tx, request, 0, vec![new.event]).await?;
        upsert_progress(&mut tx, request, Stage::Created).await?;
        tx.commit().await.map_err(StoreError::from)?;
        let first = recorded.into_iter().next().ok_or_else(|| corrupt("nothing was recorded"))?;
        Ok(Created::New(Box::new(first)))
    }

    async fn find(
        &self,
        owner: &Owner,
        idempotency: &Idempotency,
    ) -> Result<Option<RequestId>, CreateError> {
        let mut connection = self.pool.acquire().await.map_err(StoreError::from)?;
        find_by_key(&mut connection, owner, idempotency).await
    }

    async fn load(
        &self,
        request: RequestId,
        after_seq: u32,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let rows = sqlx::query!(
            "select seq, type as name, schema_version, payload, recorded_at
             from events where request_id = $1 and seq > $2 order by seq",
            request.0,
            after(after_seq)
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                recorded(
                    request,
                    row.seq,
                    &row.name,
                    row.schema_version,
                    &row.payload,
                    row.recorded_at,
                )
            })
            .collect()
    }

    async fn append(&self, append: Append) -> Result<Vec<RecordedEvent>, AppendError> {
        let Append { request, expected_seq, epoch, events, projection } = append;
        let count = i32::try_from(events.len()).map_err(|_| corrupt("too many events"))?;
        let mut connection = Beginner::acquire(&self.pool).await.map_err(StoreError::from)?;
        let mut tx = connection.begin().await.map_err(StoreError::from)?;
        let updated = sqlx::query_scalar!(
            // What a person does is not to wait for the end of a pause between tries.
            "update vm_requests set last_seq = last_seq + $2, status = $5,
                    vcenter = coalesce(vcenter, $6), vm = coalesce($7, vm),
                    due_at = case when $4::bigint is null then clock_timestamp() else due_at end
             where id = $1 and last_seq = $3 and ($4::bigint is null or lease_epoch = $4)
             returning last_seq",
            request.0,
            count,
            signed(expected_seq)?,
            epoch.map(|epoch| epoch.0),
            projection.status.as_str(),
            projection.vcenter.as_ref().map(|vcenter| vcenter.0.as_str()),
            projection.vm.as_ref().map(|vm| Json(VmRecord::from(vm))) as _
        )
        .fetch_optional(&mut *tx)
        .await
        .map_err(refused_append)?;
        if updated.is_none() {
            return Err(why_not(&mut tx, request, epoch.map(|epoch| epoch.0)).await);
        }
        let recorded = insert_events(&mut tx, request, expected_seq, events).await?;
        project(&mut tx, request, &projection).await?;
        tx.commit().await.map_err(StoreError::from)?;
        Ok(recorded)
    }

    async fn try_write(&self) -> Result<(), StoreError> {
        // All that an accepted request writes, since a disk may have room in one table and not in
        // another. Nobody can ask for this name, and nobody ever sees it.
        let request = RequestId(Uuid::now_v7());
        let spec = VmSpec {
            request_id: request,
            name: format!("/{}", request.0),
            template: String::new(),
            cpus: 1,
            memory_mib: 1,
            network: None,
        };
        let owner = Owner::local();
        let event =
            VmEvent::VmRequested { spec: spec.clone(), owner: owner.clone(), slow_after_ms: 0 };
        let event = NewEvent { event, told: Told::default() };
        let new =
            NewRequest { spec, owner, vcenter: None, event: event.clone(), idempotency: None };
        let mut connection = Beginner::acquire(&self.pool).await?;
        let mut tx = connection.begin().await?;
        insert_request(&mut tx, &new, (1, 1)).await?;
        insert_events(&mut tx, request, 0, vec![event]).await?;
        upsert_progress(&mut tx, request, Stage::Created).await?;
        tx.rollback().await?;
        Ok(())
    }
}

impl PgEventStore {
    /// What a refused insert of a request means.
    async fn refused(&self, new: &NewRequest, error: sqlx::Error) -> Result<Created, CreateError> {
        let constraint =
            error.as_database_error().and_then(|error| error.constraint()).unwrap_or_default();
        match constraint {
            "vm_requests_living_name_key" => {
                // The same key may have been used at the same moment: then it is the same request.
                if let Some(key) = &new.idempotency {
                    let mut connection = self.pool.acquire().await.map_err(StoreError::from)?;
                    if let Some(id) = find_by_key(&mut connection, &new.owner, key).await? {
                        return Ok(Created::Existing(id));
                    }
                }
                Err(CreateError::NameTaken)
            }
            "vm_requests_idempotency_key" => {
                let key = new.idempotency.as_ref().ok_or_else(|| corrupt("a key of nobody"))?;
                let mut connection = self.pool.acquire().await.map_err(StoreError::from)?;
                let existing = find_by_key(&mut connection, &new.owner, key).await?;
                Ok(Created::Existing(existing.ok_or_else(|| corrupt("the key's request is gone"))?))
            }
            _ => Err(StoreError::from(error).into()),
        }
    }
}

/// The request that was accepted under this key before.
async fn find_by_key(
    connection: &mut PgConnection,
    owner: &Owner,
    key: &Idempotency,
) -> Result<Option<RequestId>, CreateError> {
    let row = sqlx::query!(
        "select id, idempotency_body from vm_requests where owner = $1 and idempotency_key = $2",
        owner.0,
        key.key
    )
    .fetch_optional(connection)
    .await
    .map_err(StoreError::from)?;
    match row {
        None => Ok(None),
        Some(row) if row.idempotency_body.as_deref() == Some(key.body.as_str()) => {
            Ok(Some(RequestId(row.id)))
        }
        Some(_) => Err(CreateError::KeyReused),
    }
}

async fn insert_request(
    connection: &mut PgConnection,
    new: &NewRequest,
    size: (i32, i32),
) -> Result<(), sqlx::Error> {
    let spec = &new.spec;
    sqlx::query!(
        "insert into vm_requests (id, owner, name, template, cpus, memory_mib, network, status, vcenter,
             created_at, last_seq, idempotency_key, idempotency_body, due_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp(), 1, $10, $11, clock_timestamp())",
        spec.request_id.0,
        new.owner.0,
        spec.name,
        spec.template,
        size.0,
        size.1,
        spec.network.as_ref().map(|network| Json(NetworkRecord::from(network))) as _,
        VmStatus::Queued.as_str(),
        new.vcenter.as_ref().map(|vcenter| vcenter.0.as_str()),
        new.idempotency.as_ref().map(|key| key.key.as_str()),
        new.idempotency.as_ref().map(|key| key.body.as_str())
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Inserts events after `seq`. A request has one at a time, seldom two: one statement each is enough.
async fn insert_events(
    connection: &mut PgConnection,
    request: RequestId,
    seq: u32,
    events: Vec<NewEvent>,
) -> Result<Vec<RecordedEvent>, StoreError> {
    let mut recorded = Vec::with_capacity(events.len());
    for (seq, new) in (seq + 1..).zip(events) {
        let payload =
            event_record::encode(&new).map_err(|error| StoreError::Unexpected(Box::new(error)))?;
        let recorded_at = sqlx::query_scalar!(
            "insert into events (request_id, seq, type, schema_version, payload)
             values ($1, $2, $3, $4, $5) returning recorded_at",
            request.0,
            signed(seq)?,
            new.event.type_name(),
            SCHEMA_VERSION,
            payload
        )
        .fetch_one(&mut *connection)
        .await?;
        recorded.push(RecordedEvent { seq, recorded_at, event: new.event, told: new.told });
    }
    Ok(recorded)
}

/// Keeps the read models in the same transaction as the events they follow from.
async fn project(
    connection: &mut PgConnection,
    request: RequestId,
    projection: &Projection,
) -> Result<(), StoreError> {
    match projection.progress {
        Some(stage) => upsert_progress(connection, request, stage).await?,
        None => {
            sqlx::query!("delete from provisioning_progress where vm_request_id = $1", request.0)
                .execute(&mut *connection)
                .await?;
        }
    }
    for span in &projection.learn {
        sqlx::query!(
            "insert into stage_durations
                 (request_id, stage, vcenter, template, cpus, memory_mib, duration_ms, finished_at,
                  attempt, censored, ready)
             select r.id, $2, r.vcenter, r.template, r.cpus, r.memory_mib,
                    greatest(0, round(1000 * extract(epoch from l.recorded_at - e.recorded_at))::bigint),
                    l.recorded_at, $5, $6, r.status = 'ready'
             from vm_requests r
             join events e on e.request_id = r.id and e.seq = $3
             join events l on l.request_id = r.id and l.seq = $4
             where r.id = $1 and r.vcenter is not null
             on conflict do nothing",
            request.0,
            span.stage.as_str(),
            signed(span.entered_seq)?,
            signed(span.left_seq)?,
            signed(span.attempt)?,
            span.censored
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn upsert_progress(
    connection: &mut PgConnection,
    request: RequestId,
    stage: Stage,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into provisioning_progress (vm_request_id, stage, updated_at)
         values ($1, $2, clock_timestamp())
         on conflict (vm_request_id) do update
             set stage = excluded.stage, updated_at = excluded.updated_at",
        request.0,
        stage.as_str()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What a refused update of a request's row means.
fn refused_append(error: sqlx::Error) -> AppendError {
    let constraint = error.as_database_error().and_then(sqlx::error::DatabaseError::constraint);
    if constraint == Some("vm_requests_living_name_key") {
        return AppendError::NameTaken;
    }
    StoreError::from(error).into()
}

/// Why nothing was updated: the lease is another's, or somebody wrote before.
async fn why_not(
    connection: &mut PgConnection,
    request: RequestId,
    epoch: Option<i64>,
) -> AppendError {
    let row = sqlx::query_scalar!("select lease_epoch from vm_requests where id = $1", request.0)
        .fetch_optional(connection)
        .await;
    match row {
        Ok(Some(lease_epoch)) if epoch.is_some_and(|epoch| epoch != lease_epoch) => {
            AppendError::Fenced
        }
        Ok(_) => AppendError::Conflict,
        Err(error) => StoreError::from(error).into(),
    }
}

/// A row of the journal as an event of the domain.
pub(super) fn recorded(
    request: RequestId,
    seq: i32,
    name: &str,
    schema_version: i32,
    payload: &Value,
    recorded_at: chrono::DateTime<chrono::Utc>,
) -> Result<RecordedEvent, StoreError> {
    let (event, told) = event_record::decode(request, name, schema_version, payload)
        .map_err(|error| StoreError::Unexpected(Box::new(error)))?;
    Ok(RecordedEvent { seq: unsigned(seq)?, recorded_at, event, told })
}
