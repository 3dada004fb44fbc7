//! Reading over all requests.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::PgPool;
use uuid::Uuid;

use super::corrupt;
use super::event_store::recorded;
use crate::domain::calibration::Outcome;
use crate::domain::event::{RecordedEvent, VmEvent};
use crate::domain::ids::{RequestId, Viewer};
use crate::domain::ports::event_store::StoreError;
use crate::domain::ports::insights::{FailureCount, InsightsRepository, Outcomes, StageTime};
use crate::domain::stage::VmProvisioningStage as Stage;
use crate::domain::vm::VmStatus;

/// Questions over all requests, answered by PostgreSQL.
#[derive(Debug, Clone)]
pub struct PgInsights {
    pool: PgPool,
}

impl PgInsights {
    /// Answers from behind this pool.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl InsightsRepository for PgInsights {
    async fn outcomes(
        &self,
        viewer: Option<&Viewer>,
        requests: u32,
    ) -> Result<Outcomes, StoreError> {
        // A run has five stages at most, so its rows are among the newest five times as many.
        let rows = sqlx::query!(
            r#"select e.request_id, e.seq, e.type as name, e.schema_version, e.payload, e.recorded_at
               from (
                   select request_id, max(finished_at) as ended_at
                   from (
                       select d.request_id, d.finished_at
                       from stage_durations d join vm_requests r on r.id = d.request_id
                       where d.ready and ($1::text is null or r.owner = $1)
                       order by d.finished_at desc limit 5 * $2::bigint
                   ) as newest
                   group by request_id order by ended_at desc limit $2::bigint
               ) as runs
               join events e on e.request_id = runs.request_id
               order by runs.ended_at desc, e.request_id, e.seq"#,
            viewer.map(|viewer| viewer.0.0.as_str()),
            i64::from(requests)
        )
        .fetch_all(&self.pool)
        .await?;
        let mut journals: HashMap<Uuid, Vec<RecordedEvent>> = HashMap::new();
        for row in rows {
            let (request, version) = (RequestId(row.request_id), row.schema_version);
            let event =
                recorded(request, row.seq, &row.name, version, &row.payload, row.recorded_at)?;
            journals.entry(row.request_id).or_default().push(event);
        }
        Ok(Outcomes {
            requests: u32::try_from(journals.len()).unwrap_or(u32::MAX),
            outcomes: journals.values().flat_map(|journal| outcomes_of(journal)).collect(),
        })
    }

    async fn stage_times(&self, viewer: &Viewer, limit: u32) -> Result<Vec<StageTime>, StoreError> {
        let rows = sqlx::query!(
            "select d.template, d.stage, d.duration_ms
             from stage_durations d join vm_requests r on r.id = d.request_id
             where d.ready and r.owner = $1 order by d.finished_at desc limit $2",
            viewer.0.0,
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(StageTime {
                    template: row.template,
                    stage: stage(&row.stage)?,
                    ms: u64::try_from(row.duration_ms).map_err(|_| corrupt("a negative time"))?,
                })
            })
            .collect()
    }

    async fn failures(
        &self,
        viewer: &Viewer,
        requests: u32,
    ) -> Result<Vec<FailureCount>, StoreError> {
        // The last event of a failed request has the reason, in every version of its payload.
        let rows = sqlx::query!(
            r#"select e.payload #>> '{failure,code}' as "code!", e.payload #>> '{failure,stage}' as "stage!",
                      count(*) as "requests!"
               from (
                   select id, last_seq from vm_requests
                   where owner = $1 and status in ('failed', 'needs_attention')
                   order by id desc limit $2
               ) as r
               join events e on e.request_id = r.id and e.seq = r.last_seq
               where e.payload #>> '{failure,code}' is not null
               group by 1, 2 order by 3 desc, 1, 2"#,
            viewer.0.0,
            i64::from(requests)
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let requests = u32::try_from(row.requests).unwrap_or(u32::MAX);
                Ok(FailureCount { code: row.code, stage: stage(&row.stage)?, requests })
            })
            .collect()
    }

    async fn count_by_status(&self) -> Result<Vec<(VmStatus, u64)>, StoreError> {
        let rows = sqlx::query!(
            r#"select status, count(*) as "requests!" from vm_requests group by status"#
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let status = VmStatus::parse(&row.status).ok_or_else(|| corrupt(row.status))?;
                Ok((status, u64::try_from(row.requests).unwrap_or(0)))
            })
            .collect()
    }
}

/// What was told at the entry of each stage of the last attempt of a request that became ready.
fn outcomes_of(journal: &[RecordedEvent]) -> Vec<Outcome> {
    let Some(end) = journal.iter().rfind(|row| matches!(row.event, VmEvent::VmProvisioned { .. }))
    else {
        return Vec::new();
    };
    let attempt = journal.iter().rposition(|row| begins_attempt(&row.event)).unwrap_or(0);
    journal[attempt..]
        .iter()
        .filter_map(|row| {
            let stage = entered(&row.event)?;
            let left_ms = u64::try_from((end.recorded_at - row.recorded_at).num_milliseconds());
            Some(Outcome { stage, told: row.told.estimate?, left_ms: left_ms.ok()? })
        })
        .collect()
}

/// The stage that is entered with this event.
fn entered(event: &VmEvent) -> Option<Stage> {
    if let VmEvent::VmProvisioningProgressUpdated { current_stage, .. } = event {
        return Some(*current_stage);
    }
    begins_attempt(event).then_some(Stage::Created)
}

/// Whether an attempt begins with this event.
fn begins_attempt(event: &VmEvent) -> bool {
    matches!(event, VmEvent::VmRequested { .. } | VmEvent::VmProvisioningRetryRequested { .. })
}

fn stage(word: &str) -> Result<Stage, StoreError> {
    Stage::parse(word).ok_or_else(|| corrupt(word))
}
