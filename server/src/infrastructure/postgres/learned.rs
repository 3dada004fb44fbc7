//! What is learned from ended attempts, kept for as long as it is true enough.
//!
//! An estimate is asked for with every event, every page and every few seconds of every stream, while
//! what it is learned from changes when an attempt ends. So it is learned once for all requests that are
//! alike, and anew when this server has recorded an end, or after [`LEARNED_TTL`], since other servers
//! record ends too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::PgPool;
use uuid::Uuid;

use super::corrupt;
use crate::domain::estimate::{History, Learned, RUNS_MAX, Run, Spent, TIMED};
use crate::domain::ids::{RequestId, VcenterId};
use crate::domain::ports::event_store::StoreError;
use crate::domain::spec::VmSpec;
use crate::domain::stage::VmProvisioningStage as Stage;

/// How long what was learned is good for: the longest that an estimate does not know of an attempt that
/// ended on another server. One more run of hundreds changes little, so seconds do not matter.
const LEARNED_TTL: Duration = Duration::from_secs(10);

/// For how many templates and sizes it is kept, some 40 KiB each. One more makes room by forgetting all.
const LEARNED_MAX: usize = 256;

/// How long what was usual for one ended request is good for, and for how many it is kept. It hardly
/// changes, but is of use to nobody else.
const OTHERS_TTL: Duration = Duration::from_secs(60);
const OTHERS_MAX: usize = 64;

/// Which requests are alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    vcenter: String,
    template: String,
    cpus: u32,
    memory_mib: u32,
}

impl Key {
    fn of(vcenter: &VcenterId, spec: &VmSpec) -> Self {
        Self {
            vcenter: vcenter.0.clone(),
            template: spec.template.clone(),
            cpus: spec.cpus,
            memory_mib: spec.memory_mib,
        }
    }
}

/// What was learned, by what it was learned for.
#[derive(Debug, Default)]
pub(super) struct LearnedCache {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_key: HashMap<Key, (Instant, Arc<Learned>)>,
    /// By the ended request whose own times are left out.
    of_others: HashMap<RequestId, (Instant, Arc<Learned>)>,
    /// Counts the ends: what was asked of PostgreSQL before one is not kept after it.
    ends: u64,
}

impl LearnedCache {
    /// What is learned for a VM like this one.
    pub(super) async fn of(
        &self,
        pool: &PgPool,
        vcenter: Option<&VcenterId>,
        spec: &VmSpec,
    ) -> Result<Arc<Learned>, StoreError> {
        let Some(vcenter) = vcenter else { return Ok(Arc::new(Learned::nothing())) };
        let key = Key::of(vcenter, spec);
        let ends = {
            let kept = self.kept();
            match kept.by_key.get(&key) {
                Some((at, learned)) if at.elapsed() < LEARNED_TTL => {
                    return Ok(Arc::clone(learned));
                }
                _ => kept.ends,
            }
        };
        let learned = Arc::new(Learned::from_history(&history(pool, &key, None).await?));
        let mut kept = self.kept();
        if kept.ends == ends {
            if kept.by_key.len() >= LEARNED_MAX {
                kept.by_key.clear();
            }
            kept.by_key.insert(key, (Instant::now(), Arc::clone(&learned)));
        }
        Ok(learned)
    }

    /// The same without what this request itself took.
    pub(super) async fn of_others(
        &self,
        pool: &PgPool,
        vcenter: Option<&VcenterId>,
        spec: &VmSpec,
    ) -> Result<Arc<Learned>, StoreError> {
        let Some(vcenter) = vcenter else { return Ok(Arc::new(Learned::nothing())) };
        let request = spec.request_id;
        if let Some((at, learned)) = self.kept().of_others.get(&request)
            && at.elapsed() < OTHERS_TTL
        {
            return Ok(Arc::clone(learned));
        }
        let others = history(pool, &Key::of(vcenter, spec), Some(request)).await?;
        let learned = Arc::new(Learned::from_history(&others));
        let mut kept = self.kept();
        if kept.of_others.len() >= OTHERS_MAX {
            kept.of_others.clear();
        }
        kept.of_others.insert(request, (Instant::now(), Arc::clone(&learned)));
        Ok(learned)
    }

    /// Another attempt has ended in this vCenter.
    pub(super) fn forget(&self, vcenter: &VcenterId) {
        let mut kept = self.kept();
        kept.ends += 1;
        kept.by_key.retain(|key, _| key.vcenter != vcenter.0);
    }

    /// Whole at every step, so it can be used even after a panic elsewhere.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The newest attempts of the same template and size, of the same template, and of all, but for those of
/// the request `without`.
async fn history(
    pool: &PgPool,
    key: &Key,
    without: Option<RequestId>,
) -> Result<History, StoreError> {
    let rows_max = i64::from(RUNS_MAX) * i64::try_from(TIMED).unwrap_or(i64::MAX);
    let rows = sqlx::query!(
        r#"select request_id as "request_id!", attempt as "attempt!", stage as "stage!",
                  template as "template!", cpus as "cpus!", memory_mib as "memory_mib!",
                  duration_ms as "duration_ms!", censored as "censored!", ready as "ready!"
           from (
               (select * from stage_durations
                where vcenter = $1 and template = $2 and cpus = $3 and memory_mib = $4
                order by finished_at desc limit $5)
               union
               (select * from stage_durations
                where vcenter = $1 and template = $2 order by finished_at desc limit $5)
               union
               (select * from stage_durations where vcenter = $1 order by finished_at desc limit $5)
           ) as newest
           order by finished_at desc, request_id, attempt, stage"#,
        key.vcenter,
        key.template,
        super::signed(key.cpus)?,
        super::signed(key.memory_mib)?,
        rows_max
    )
    .fetch_all(pool)
    .await?;
    // Newest first by each attempt's newest row: that is the stage it left last.
    let mut order: Vec<(Uuid, i32)> = Vec::new();
    let mut runs: HashMap<(Uuid, i32), Run> = HashMap::new();
    let (mut templates, mut sizes) = (Numbers::new(&key.template), Numbers::new(&size_of(key)));
    for row in rows {
        if without.is_some_and(|without| without.0 == row.request_id) {
            continue;
        }
        let stage = Stage::parse(&row.stage).ok_or_else(|| corrupt(row.stage.clone()))?;
        let ms = u64::try_from(row.duration_ms).map_err(|_| corrupt("a negative time"))?;
        let run = runs.entry((row.request_id, row.attempt)).or_insert_with(|| {
            order.push((row.request_id, row.attempt));
            Run {
                template: templates.of(&row.template),
                size: sizes.of(&format!("{} {}", row.cpus, row.memory_mib)),
                ready: row.ready,
                stages: [None; TIMED],
            }
        });
        if let Some(slot) = run.stages.get_mut(stage.index()) {
            *slot = Some(Spent { ms, censored: row.censored });
        }
    }
    Ok(History { runs: order.iter().filter_map(|id| runs.remove(id)).collect() })
}

fn size_of(key: &Key) -> String {
    format!("{} {}", key.cpus, key.memory_mib)
}

/// Numbers names, what is asked about first.
struct Numbers(HashMap<String, u32>);

impl Numbers {
    fn new(asked: &str) -> Self {
        Self(HashMap::from([(asked.to_owned(), Run::ASKED)]))
    }

    fn of(&mut self, name: &str) -> u32 {
        if let Some(number) = self.0.get(name) {
            return *number;
        }
        let number = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.insert(name.to_owned(), number);
        number
    }
}
