//! What the saga does with what it is told while a VM is being made.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::Mutex;
use tracing::debug;

use super::TriggerProvisioning;
use super::lease::Lease;
use crate::application::feed::lock;
use crate::application::journal::{OpenRequest, RecordError, Unheard};
use crate::application::patience::answered;
use crate::domain::ports::event_store::{Claim, StoreError};
use crate::domain::ports::vsphere::{Checkpoint, ProgressSink, Stop, TaskOperation, UndoneStep};
use crate::domain::stage::VmProvisioningStage as Stage;
use crate::domain::timeline::Timeline;
use crate::domain::vm::{Command, DecideError, RequestedVm, VmAggregate, VmStatus};

/// How long is waited before a write that PostgreSQL could not take is repeated.
const WRITE_PAUSE: Duration = Duration::from_millis(250);

/// How often what vCenter reports of one task is passed on: often enough for an eye, seldom enough for
/// many readers on slow lines.
const LIVE_INTERVAL: Duration = Duration::from_millis(400);

/// Records progress under one lease.
pub(super) struct SagaSink<'a> {
    saga: &'a TriggerProvisioning,
    lease: Arc<Lease>,
    /// The tokio mutex: it is held over a write, so that what is told is recorded in order.
    open: Mutex<OpenRequest>,
    checkpoint: Mutex<Checkpoint>,
    /// When something was passed on last, and its words: new words are passed on at once.
    /// A std mutex: it is held for a comparison.
    live: std::sync::Mutex<Option<(Instant, Option<String>)>>,
}

impl<'a> SagaSink<'a> {
    pub(super) fn new(
        saga: &'a TriggerProvisioning,
        claim: Claim,
        lease: Arc<Lease>,
        open: OpenRequest,
    ) -> Self {
        let checkpoint = Mutex::new(claim.checkpoint);
        lease.bell().knows(open.aggregate.seq());
        let live = std::sync::Mutex::new(None);
        Self { saga, lease, open: Mutex::new(open), checkpoint, live }
    }

    pub(super) async fn aggregate(&self) -> VmAggregate {
        self.open.lock().await.aggregate.clone()
    }

    /// What is told of the request, as far as this worker knows the journal.
    pub(super) async fn timeline(&self) -> Timeline {
        self.open.lock().await.timeline.clone()
    }

    /// What this attempt, or this undo, is resumed from.
    pub(super) async fn resume(&self, vm: &RequestedVm) -> Checkpoint {
        self.checkpoint.lock().await.clone().within(vm.begun_at)
    }

    /// The task that an earlier worker left in flight, if it is of the stage that is gone on with: a
    /// task of an earlier stage has ended, whatever the checkpoint still says.
    pub(super) async fn task_in_flight(&self, vm: &RequestedVm) -> Option<String> {
        let checkpoint = self.checkpoint.lock().await;
        let task = checkpoint.task.as_ref()?;
        let of_this_stage = match task.operation {
            TaskOperation::Clone => vm.stage == Stage::Cloning,
            TaskOperation::Reconfigure | TaskOperation::Customize => vm.stage == Stage::Configuring,
            TaskOperation::PowerOn => vm.stage == Stage::PoweringOn,
            TaskOperation::PowerOff | TaskOperation::Destroy => vm.status == VmStatus::Undoing,
        };
        of_this_stage.then(|| task.moref.0.clone())
    }

    /// Records a command, again and again while PostgreSQL is away and the lease holds.
    pub(super) async fn record(&self, command: Command) -> Result<(), Stop> {
        let mut open = self.open.lock().await;
        let mut unsure = false;
        loop {
            let recorded = async {
                let journal = &self.saga.journal;
                // The last write may have been committed although its reply was lost.
                if unsure {
                    match journal.look_for(&mut open, command.clone()).await? {
                        Unheard::NotRecorded => {}
                        told @ (Unheard::Recorded | Unheard::Overtaken) => return Ok(told),
                    }
                }
                let epoch = Some(self.lease.epoch());
                journal.record(&mut open, epoch, command.clone()).await?;
                Ok(Unheard::Recorded)
            };
            match recorded.await {
                Ok(told) => {
                    self.lease.bell().knows(open.aggregate.seq());
                    // What a person did in between is known now, and no bell will tell of it again.
                    let is_overtaken = told == Unheard::Overtaken;
                    return if is_overtaken { Err(Stop::Superseded) } else { Ok(()) };
                }
                Err(RecordError::Fenced) => return Err(Stop::Fenced),
                // A person has changed its course, or the write whose reply was lost had come through.
                Err(RecordError::Decide(DecideError::WrongStatus(_))) => {
                    self.lease.bell().knows(open.aggregate.seq());
                    return Err(Stop::Superseded);
                }
                Err(RecordError::Store(StoreError::Unavailable { source, .. })) => {
                    if !self.lease.outlasts(WRITE_PAUSE) {
                        return Err(Stop::Journal(source));
                    }
                    debug!(error = ?source, "PostgreSQL is away; the write is repeated");
                    unsure = true;
                    tokio::time::sleep(WRITE_PAUSE).await;
                }
                Err(error) => return Err(Stop::Journal(Box::new(error))),
            }
        }
    }
}

#[async_trait]
impl ProgressSink for SagaSink<'_> {
    async fn stage(&self, stage: Stage, details: Option<String>) -> Result<(), Stop> {
        self.record(Command::UpdateProgress { stage, details }).await
    }

    async fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), Stop> {
        let request = self.open.lock().await.timeline.request;
        let mut kept = self.checkpoint.lock().await;
        kept.clone_from(checkpoint);
        match self.saga.leases.save_checkpoint(request, self.lease.epoch(), checkpoint).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Stop::Fenced),
            // A hint that is lost costs a look: the work need not stop for it.
            Err(error) => {
                debug!(error = ?error, "the checkpoint could not be kept");
                Ok(())
            }
        }
    }

    async fn undone(&self, step: UndoneStep) -> Result<(), Stop> {
        self.record(Command::RecordUndone { step }).await
    }

    async fn may_change(&self, deadline: Duration) -> Result<(), Stop> {
        // Asked of PostgreSQL each time: this machine's own clock may have stood still with it.
        loop {
            match answered(self.lease.confirm()).await {
                Ok(true) if self.lease.outlasts(deadline) => break,
                Ok(_) => return Err(Stop::Fenced),
                Err(error) if !self.lease.outlasts(deadline) => {
                    return Err(Stop::Journal(Box::new(error)));
                }
                Err(error) => {
                    debug!(error = ?error, "PostgreSQL is away; nothing is changed meanwhile");
                    tokio::time::sleep(WRITE_PAUSE).await;
                }
            }
        }
        self.lease.begin_change();
        Ok(())
    }

    fn changed(&self) {
        self.lease.end_change();
    }

    async fn stopped(&self) -> Stop {
        loop {
            self.lease.bell().rung().await;
            let mut open = self.open.lock().await;
            let before = status(&open.aggregate);
            // What cannot be read now is read with the next write, or at the next renewal.
            if self.saga.journal.reload(&mut open).await.is_err() {
                continue;
            }
            self.lease.bell().knows(open.aggregate.seq());
            if status(&open.aggregate) != before {
                return Stop::Superseded;
            }
        }
    }

    fn live(&self, percent: Option<u8>, details: Option<String>) {
        let mut last = lock(&self.live);
        let too_soon = last
            .as_ref()
            .is_some_and(|(at, words)| *words == details && at.elapsed() < LIVE_INTERVAL);
        if too_soon {
            return;
        }
        *last = Some((Instant::now(), details.clone()));
        drop(last);
        // Told between two writes; while one is under way the next report comes soon enough.
        let Ok(open) = self.open.try_lock() else { return };
        let (request, stage) = (open.timeline.request, open.timeline.current_stage);
        drop(open);
        self.saga.feed.publish_live(request, stage, percent, details.as_deref());
    }

    fn now(&self) -> DateTime<Utc> {
        self.saga.clock.now()
    }
}

fn status(aggregate: &VmAggregate) -> Option<VmStatus> {
    match aggregate {
        VmAggregate::NotRequested => None,
        VmAggregate::Requested(vm) => Some(vm.status),
    }
}
