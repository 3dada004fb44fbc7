//! Reading what follows from the journal.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use sqlx::types::Json;
use tracing::warn;
use uuid::Uuid;

use super::event_record::{NetworkRecord, VmRecord};
use super::event_store::recorded;
use super::learned::LearnedCache;
use super::{after, corrupt, unsigned};
use crate::domain::estimate::Learned;
use crate::domain::event::RecordedEvent;
use crate::domain::ids::{Owner, RequestId, VcenterId, Viewer};
use crate::domain::ports::event_store::StoreError;
use crate::domain::ports::journal_tail::Horizon;
use crate::domain::ports::progress::{
    ProgressRepository, RequestFilter, RequestRow, Since, StoredEvent, Tally,
};
use crate::domain::spec::VmSpec;
use crate::domain::vm::VmStatus;

/// The read models in PostgreSQL.
#[derive(Debug, Clone)]
pub struct PgProgressRepository {
    pool: PgPool,
    learned: Arc<LearnedCache>,
}

impl PgProgressRepository {
    /// The read models behind this pool.
    pub fn new(pool: PgPool) -> Self {
        Self { pool, learned: Arc::default() }
    }
}

/// A request that became ready has a duration for each stage but the last, which takes no time.
const STAGES_OF_A_RUN: i64 = 5;

/// A row of `vm_requests` as the queries below select it.
struct Row {
    id: Uuid,
    owner: String,
    name: String,
    template: String,
    cpus: i32,
    memory_mib: i32,
    network: Option<Json<NetworkRecord>>,
    status: String,
    vcenter: Option<String>,
    vm: Option<Json<VmRecord>>,
    created_at: chrono::DateTime<chrono::Utc>,
}

impl TryFrom<Row> for RequestRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: RequestId(row.id),
            name: row.name,
            template: row.template,
            cpus: unsigned(row.cpus)?,
            memory_mib: unsigned(row.memory_mib)?,
            network: row.network.map(|record| record.0.into()),
            status: VmStatus::parse(&row.status).ok_or_else(|| corrupt(row.status))?,
            owner: Owner(row.owner),
            created_at: row.created_at,
            vcenter: row.vcenter.map(VcenterId),
            vm: row.vm.map(|record| record.0.into()),
        })
    }
}

/// PostgreSQL's text has no NUL in it, and refuses one even to be looked for.
fn has_nul(filter: &RequestFilter) -> bool {
    let wanted = [&filter.template, &filter.owner, &filter.name_contains];
    wanted.into_iter().flatten().any(|text| text.contains('\0'))
}

#[async_trait]
impl ProgressRepository for PgProgressRepository {
    async fn request(
        &self,
        viewer: &Viewer,
        request: RequestId,
    ) -> Result<Option<RequestRow>, StoreError> {
        let row = sqlx::query_as!(
            Row,
            r#"select id, owner, name, template, cpus, memory_mib, network as "network: Json<NetworkRecord>",
                      status, vcenter, vm as "vm: Json<VmRecord>", created_at
               from vm_requests where id = $1 and owner = $2"#,
            request.0,
            viewer.0.0
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(RequestRow::try_from).transpose()
    }

    async fn requests(
        &self,
        viewer: &Viewer,
        filter: &RequestFilter,
    ) -> Result<Vec<RequestRow>, StoreError> {
        if has_nul(filter) {
            return Ok(Vec::new());
        }
        let rows = sqlx::query_as!(
            Row,
            r#"select id, owner, name, template, cpus, memory_mib, network as "network: Json<NetworkRecord>",
                      status, vcenter, vm as "vm: Json<VmRecord>", created_at
               from vm_requests
               where owner = $1 and ($2::text is null or status = $2) and ($3::text is null or template = $3)
                 and ($4::text is null or owner = $4) and ($5::text is null or position(lower($5) in name) > 0)
                 and ($6::uuid is null or id < $6)
               order by id desc limit $7"#,
            viewer.0.0,
            filter.status,
            filter.template,
            filter.owner,
            filter.name_contains,
            filter.after.map(|id| id.0),
            i64::from(filter.limit)
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(RequestRow::try_from).collect()
    }

    async fn tally(
        &self,
        viewer: &Viewer,
        filter: &RequestFilter,
        limit: u32,
    ) -> Result<Vec<Tally>, StoreError> {
        if has_nul(filter) {
            return Ok(Vec::new());
        }
        let rows = sqlx::query!(
            r#"select status, template, owner, count(*) as "count!" from vm_requests
               where owner = $1 and ($2::text is null or owner = $2)
                 and ($3::text is null or position(lower($3) in name) > 0)
               group by status, template, owner order by template, owner, status limit $4"#,
            viewer.0.0,
            filter.owner,
            filter.name_contains,
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(Tally {
                    status: VmStatus::parse(&row.status).ok_or_else(|| corrupt(row.status))?,
                    template: row.template,
                    owner: Owner(row.owner),
                    count: u32::try_from(row.count).unwrap_or(u32::MAX),
                })
            })
            .collect()
    }

    async fn events_since(
        &self,
        viewer: &Viewer,
        horizon: &Horizon,
        limit: u32,
    ) -> Result<Since, StoreError> {
        // One statement, so that the rows and the end are of one snapshot; the left join gives a row
        // also when there is nothing. The limit is on what is read, so that a horizon of long ago
        // costs no more than one of a minute ago.
        let rows = sqlx::query!(
            r#"with fresh as materialized (
                   select request_id, seq from events
                   where xid >= $1::text::xid8 order by xid limit $2
               )
               select pg_snapshot_xmax(pg_current_snapshot()) < $1::text::xid8 as "beyond!",
                      (select count(*) from fresh) as "read!",
                      mine.request_id as "request_id?", mine.seq as "seq?"
               from (values (1)) one left join (
                   select fresh.request_id, fresh.seq
                   from fresh join vm_requests on vm_requests.id = fresh.request_id
                   where vm_requests.owner = $3
               ) mine on true
               order by mine.request_id, mine.seq"#,
            horizon.0,
            i64::from(limit) + 1,
            viewer.0.0
        )
        .fetch_all(&self.pool)
        .await?;
        let first = rows.first().ok_or_else(|| corrupt("the journal's end gave no row"))?;
        if first.beyond {
            return Ok(Since::Beyond);
        }
        if first.read > i64::from(limit) {
            return Ok(Since::TooMany);
        }
        let events = rows.iter().filter_map(|row| Some((RequestId(row.request_id?), row.seq?)));
        let events = events.map(|(request, seq)| Ok((request, unsigned(seq)?)));
        Ok(Since::Events(events.collect::<Result<_, StoreError>>()?))
    }

    async fn journals(
        &self,
        requests: &[RequestId],
    ) -> Result<Vec<(RequestId, Vec<RecordedEvent>)>, StoreError> {
        let ids: Vec<Uuid> = requests.iter().map(|request| request.0).collect();
        let rows = sqlx::query!(
            "select request_id, seq, type as name, schema_version, payload, recorded_at
             from events where request_id = any($1) order by request_id, seq",
            &ids
        )
        .fetch_all(&self.pool)
        .await?;
        // One that cannot be read here, as of a newer server, is as good as none: the others can.
        let mut journals: HashMap<RequestId, Option<Vec<RecordedEvent>>> = HashMap::new();
        for row in rows {
            let request = RequestId(row.request_id);
            let event = recorded(
                request,
                row.seq,
                &row.name,
                row.schema_version,
                &row.payload,
                row.recorded_at,
            );
            let journal = journals.entry(request).or_insert_with(|| Some(Vec::new()));
            match (event, journal.as_mut()) {
                (Ok(event), Some(journal)) => journal.push(event),
                (Ok(_), None) => {}
                (Err(error), _) => {
                    warn!(request.id = %request, error = ?error, "its journal cannot be read here");
                    *journal = None;
                }
            }
        }
        let take = |request: &RequestId| {
            (*request, journals.remove(request).flatten().unwrap_or_default())
        };
        Ok(requests.iter().map(take).collect())
    }

    async fn stored_events(
        &self,
        request: RequestId,
        after_seq: u32,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let rows = sqlx::query!(
            "select seq, type as name, schema_version, payload, recorded_at
             from events where request_id = $1 and seq > $2 order by seq limit $3",
            request.0,
            after(after_seq),
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(StoredEvent {
                    seq: unsigned(row.seq)?,
                    type_name: row.name,
                    schema_version: unsigned(row.schema_version)?,
                    recorded_at: row.recorded_at,
                    payload: row.payload.to_string(),
                })
            })
            .collect()
    }

    async fn learned(
        &self,
        vcenter: Option<&VcenterId>,
        spec: &VmSpec,
    ) -> Result<Arc<Learned>, StoreError> {
        self.learned.of(&self.pool, vcenter, spec).await
    }

    async fn learned_of_others(
        &self,
        vcenter: Option<&VcenterId>,
        spec: &VmSpec,
    ) -> Result<Arc<Learned>, StoreError> {
        self.learned.of_others(&self.pool, vcenter, spec).await
    }

    fn forget_learned(&self, vcenter: &VcenterId) {
        self.learned.forget(vcenter);
    }

    async fn driven(&self, requests: &[RequestId]) -> Result<HashSet<RequestId>, StoreError> {
        let ids: Vec<Uuid> = requests.iter().map(|request| request.0).collect();
        let driven = sqlx::query_scalar!(
            "select id from vm_requests where id = any($1) and lease_until > clock_timestamp()",
            &ids
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(driven.into_iter().map(RequestId).collect())
    }

    async fn places(&self, requests: &[RequestId]) -> Result<HashMap<RequestId, u32>, StoreError> {
        let ids: Vec<Uuid> = requests.iter().map(|request| request.0).collect();
        let rows = sqlx::query!(
            // In the order in which workers take them, whatever they are in the middle of. Before one that
            // may go to any vCenter are all others, else those of its own and those that may go to any.
            r#"select id as "id!", ahead as "ahead!" from (
                   select id, case when vcenter is null then row_number() over turn - 1
                       else count(*) filter (where vcenter is null) over turn
                           + row_number() over (partition by vcenter order by due_at, id) - 1 end as ahead
                   from vm_requests
                   where status in ('queued', 'provisioning', 'undoing') and due_at <= clock_timestamp()
                     and (lease_until is null or lease_until <= clock_timestamp())
                   window turn as (order by due_at, id)
               ) queue where id = any($1)"#,
            &ids
        )
        .fetch_all(&self.pool)
        .await?;
        let place = |ahead| u32::try_from(ahead).unwrap_or(u32::MAX);
        Ok(rows.into_iter().map(|row| (RequestId(row.id), place(row.ahead))).collect())
    }

    async fn those(
        &self,
        viewer: &Viewer,
        requests: &[RequestId],
    ) -> Result<Vec<RequestRow>, StoreError> {
        let ids: Vec<Uuid> = requests.iter().map(|request| request.0).collect();
        let rows = sqlx::query_as!(
            Row,
            r#"select id, owner, name, template, cpus, memory_mib, network as "network: Json<NetworkRecord>",
                      status, vcenter, vm as "vm: Json<VmRecord>", created_at
               from vm_requests where owner = $1 and id = any($2) order by id desc"#,
            viewer.0.0,
            &ids
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(RequestRow::try_from).collect()
    }

    async fn waiting(&self) -> Result<u32, StoreError> {
        let waiting = sqlx::query_scalar!(
            r#"select count(*) as "count!" from vm_requests
               where status = 'queued' and lease_until is null"#
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(u32::try_from(waiting).unwrap_or(u32::MAX))
    }

    async fn totals(
        &self,
        vcenter: &VcenterId,
        template: &str,
        before: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<u64>, StoreError> {
        // The newest rows by their index; a request of which not every stage is among them is left out.
        let rows = sqlx::query_scalar!(
            r#"select sum(duration_ms)::bigint as "total!" from (
                   select request_id, attempt, duration_ms from stage_durations
                   where vcenter = $1 and template = $2 and finished_at < $3 and ready
                   order by finished_at desc limit $4
               ) newest
               group by request_id, attempt having count(*) = $5"#,
            vcenter.0,
            template,
            before,
            i64::from(limit) * STAGES_OF_A_RUN,
            STAGES_OF_A_RUN
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|total| u64::try_from(total).map_err(|_| corrupt("a negative time")))
            .collect()
    }

    async fn name_is_living(&self, name: &str) -> Result<bool, StoreError> {
        let living = sqlx::query_scalar!(
            r#"select exists (
                   select 1 from vm_requests
                   where name = $1 and status in ('queued', 'provisioning', 'undoing')
               ) as "living!""#,
            name
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(living)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query_scalar!(r#"select 1 as "one!""#).fetch_one(&self.pool).await?;
        Ok(())
    }
}
