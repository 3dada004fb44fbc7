//! A progress sink that remembers what it was told, and stops the work where a test says so.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use server::domain::ports::vsphere::{Checkpoint, ProgressSink, Stop, TaskOperation, UndoneStep};
use server::domain::stage::VmProvisioningStage;
use tokio::sync::watch;

/// How long a test waits for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// One line of what happened, in order: what the sink was told, and what was called meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    Stage(VmProvisioningStage, Option<String>),
    Checkpoint(Checkpoint),
    Undone(UndoneStep),
    MayChange(Duration),
    /// A call that changes something, before it is sent.
    Change(&'static str),
}

/// What happened, in order.
pub(crate) type Log = Arc<Mutex<Vec<Entry>>>;

/// The sink.
#[derive(Debug)]
pub(crate) struct Recorder {
    log: Log,
    checkpoint: Mutex<Checkpoint>,
    stop_at: Option<usize>,
    stop_at_stage: Option<VmProvisioningStage>,
    calls: AtomicUsize,
    stages_told: watch::Sender<usize>,
    checkpoints_told: watch::Sender<usize>,
    live: watch::Sender<Option<String>>,
    percentages: Mutex<Vec<u8>>,
    now: DateTime<Utc>,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self::with_log(Log::default())
    }

    pub(crate) fn with_log(log: Log) -> Self {
        Self {
            log,
            checkpoint: Mutex::default(),
            stop_at: None,
            stop_at_stage: None,
            calls: AtomicUsize::new(0),
            stages_told: watch::Sender::new(0),
            checkpoints_told: watch::Sender::new(0),
            live: watch::Sender::new(None),
            percentages: Mutex::default(),
            now: DateTime::UNIX_EPOCH,
        }
    }

    /// A sink of a run for which it is later than for the first ones.
    pub(crate) fn later(self, passed: Duration) -> Self {
        Self { now: self.now + passed, ..self }
    }

    /// A sink whose call number `n` (from 0) ends the work, and does not remember what it was told.
    pub(crate) fn stopping_at(n: usize) -> Self {
        Self { stop_at: Some(n), ..Self::new() }
    }

    /// A sink that ends the work at this stage.
    pub(crate) fn stopping_at_stage(stage: VmProvisioningStage) -> Self {
        Self { stop_at_stage: Some(stage), ..Self::new() }
    }

    /// A sink of a later run.
    pub(crate) fn resuming(checkpoint: Checkpoint) -> Self {
        Self { checkpoint: Mutex::new(checkpoint), ..Self::new() }
    }

    /// Both.
    pub(crate) fn resuming_and_stopping_at(checkpoint: Checkpoint, n: usize) -> Self {
        Self { stop_at: Some(n), ..Self::resuming(checkpoint) }
    }

    /// What a later run would resume from.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        self.checkpoint.lock().unwrap().clone()
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.log.lock().unwrap().clone()
    }

    /// The stages in the order in which they were told.
    pub(crate) fn stages(&self) -> Vec<VmProvisioningStage> {
        let stage = |entry| if let Entry::Stage(stage, _) = entry { Some(stage) } else { None };
        self.entries().into_iter().filter_map(stage).collect()
    }

    pub(crate) fn details_of(&self, wanted: VmProvisioningStage) -> Option<String> {
        let details = |entry| match entry {
            Entry::Stage(stage, details) if stage == wanted => Some(details),
            Entry::Stage(..)
            | Entry::Checkpoint(_)
            | Entry::Undone(_)
            | Entry::MayChange(_)
            | Entry::Change(_) => None,
        };
        self.entries().into_iter().find_map(details).flatten()
    }

    pub(crate) fn undone_steps(&self) -> Vec<UndoneStep> {
        let step = |entry| if let Entry::Undone(step) = entry { Some(step) } else { None };
        self.entries().into_iter().filter_map(step).collect()
    }

    pub(crate) fn percentages(&self) -> Vec<u8> {
        self.percentages.lock().unwrap().clone()
    }

    /// Returns when this stage was told for the `times`th time.
    pub(crate) async fn until_stage(&self, stage: VmProvisioningStage, times: usize) {
        let mut told = self.stages_told.subscribe();
        let enough =
            |_: &usize| self.stages().iter().filter(|told| **told == stage).count() >= times;
        let waited = tokio::time::timeout(PATIENCE, told.wait_for(enough));
        drop(waited.await.unwrap_or_else(|_| panic!("{stage} was not told")).unwrap());
    }

    /// Returns when a task that does this is in flight.
    pub(crate) async fn until_task(&self, operation: TaskOperation) {
        let mut told = self.checkpoints_told.subscribe();
        let has_task =
            |_: &usize| self.checkpoint().task.is_some_and(|task| task.operation == operation);
        let waited = tokio::time::timeout(PATIENCE, told.wait_for(has_task));
        drop(waited.await.expect("a task was not told").unwrap());
    }

    /// Moves with every checkpoint that is told.
    pub(crate) fn checkpoints(&self) -> watch::Receiver<usize> {
        self.checkpoints_told.subscribe()
    }

    /// Returns when something with these words was told live.
    pub(crate) async fn until_live(&self, words: &str) {
        let mut told = self.live.subscribe();
        let has = |told: &Option<String>| told.as_ref().is_some_and(|told| told.contains(words));
        let waited = tokio::time::timeout(PATIENCE, told.wait_for(has));
        drop(waited.await.unwrap_or_else(|_| panic!("{words:?} was not told")).unwrap());
    }

    fn hear(&self, entry: Entry) -> Result<(), Stop> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let at_stage =
            matches!(&entry, Entry::Stage(stage, _) if self.stop_at_stage == Some(*stage));
        if self.stop_at == Some(number) || at_stage {
            return Err(Stop::Fenced);
        }
        self.log.lock().unwrap().push(entry);
        Ok(())
    }
}

#[async_trait]
impl ProgressSink for Recorder {
    async fn stage(&self, stage: VmProvisioningStage, details: Option<String>) -> Result<(), Stop> {
        self.hear(Entry::Stage(stage, details))?;
        self.stages_told.send_modify(|told| *told += 1);
        Ok(())
    }

    async fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), Stop> {
        self.hear(Entry::Checkpoint(checkpoint.clone()))?;
        *self.checkpoint.lock().unwrap() = checkpoint.clone();
        self.checkpoints_told.send_modify(|told| *told += 1);
        Ok(())
    }

    async fn undone(&self, step: UndoneStep) -> Result<(), Stop> {
        self.hear(Entry::Undone(step))
    }

    async fn may_change(&self, deadline: Duration) -> Result<(), Stop> {
        self.hear(Entry::MayChange(deadline))
    }

    async fn stopped(&self) -> Stop {
        std::future::pending().await
    }

    fn live(&self, percent: Option<u8>, details: Option<String>) {
        self.percentages.lock().unwrap().extend(percent);
        self.live.send_replace(details);
    }

    fn now(&self) -> DateTime<Utc> {
        self.now
    }
}
