//! A progress sink that remembers what it was told, and stops the work where a test says so.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use server::domain::ports::vsphere::{Checkpoint, ProgressSink, Stop, UndoneStep};
use server::domain::stage::VmProvisioningStage;
use tokio::sync::watch;

/// How long a test waits for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

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
    calls: AtomicUsize,
    stage: watch::Sender<Option<VmProvisioningStage>>,
    live: watch::Sender<Option<String>>,
    percentages: Mutex<Vec<u8>>,
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
            calls: AtomicUsize::new(0),
            stage: watch::Sender::new(None),
            live: watch::Sender::new(None),
            percentages: Mutex::default(),
        }
    }

    /// A sink whose call number `n` (from 0) ends the work, and does not remember what it was told.
    pub(crate) fn stopping_at(n: usize) -> Self {
        Self { stop_at: Some(n), ..Self::new() }
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
        let stage = |entry| match entry {
            Entry::Stage(stage, _) => Some(stage),
            _ => None,
        };
        self.entries().into_iter().filter_map(stage).collect()
    }

    pub(crate) fn details_of(&self, wanted: VmProvisioningStage) -> Option<String> {
        self.entries().into_iter().find_map(|entry| match entry {
            Entry::Stage(stage, details) if stage == wanted => details,
            _ => None,
        })
    }

    pub(crate) fn undone_steps(&self) -> Vec<UndoneStep> {
        let step = |entry| match entry {
            Entry::Undone(step) => Some(step),
            _ => None,
        };
        self.entries().into_iter().filter_map(step).collect()
    }

    pub(crate) fn percentages(&self) -> Vec<u8> {
        self.percentages.lock().unwrap().clone()
    }

    /// Returns when this stage was told.
    pub(crate) async fn until_stage(&self, stage: VmProvisioningStage) {
        let mut told = self.stage.subscribe();
        let waited = tokio::time::timeout(PATIENCE, told.wait_for(|told| *told == Some(stage)));
        drop(waited.await.unwrap_or_else(|_| panic!("{stage} was not told")).unwrap());
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
        if self.stop_at == Some(number) {
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
        self.stage.send_replace(Some(stage));
        Ok(())
    }

    async fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), Stop> {
        self.hear(Entry::Checkpoint(checkpoint.clone()))?;
        *self.checkpoint.lock().unwrap() = checkpoint.clone();
        Ok(())
    }

    async fn undone(&self, step: UndoneStep) -> Result<(), Stop> {
        self.hear(Entry::Undone(step))
    }

    async fn may_change(&self, deadline: Duration) -> Result<(), Stop> {
        self.hear(Entry::MayChange(deadline))
    }

    fn live(&self, percent: Option<u8>, details: Option<String>) {
        self.percentages.lock().unwrap().extend(percent);
        self.live.send_replace(details);
    }
}
