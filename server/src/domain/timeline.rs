//! When each stage began and ended, folded from the journal.
//!
//! The timeline is what people and programs see of a request. It is a pure function of the events, so
//! it is still there when the progress row is gone, and the same on every server.

use chrono::{DateTime, Utc};

use super::estimate::{Position, Told};
use super::event::{Failure, RecordedEvent, VmEvent};
use super::ids::{Owner, RequestId, VcenterId};
use super::ports::event_store::StageSpan;
use super::ports::vsphere::{UndoneStep, VmProvisioningResult};
use super::spec::VmSpec;
use super::stage::VmProvisioningStage as Stage;
use super::vm::VmStatus;

mod parts;

use parts::ms_between;
pub use parts::{
    Attempt, FailedTries, FailedTry, Interruption, Mark, Resumption, StageState, StageTimes,
    TRIES_MAX, Undo,
};

/// How many interruptions of an attempt are told: enough to see a pattern, and a bound for what a
/// server that crashes again and again makes of one progress. The journal has all of them.
pub const INTERRUPTIONS_MAX: usize = 5;

/// What has happened to a request so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// The request.
    pub request: RequestId,
    /// The newest event's number.
    pub seq: u32,
    /// When the newest event was recorded.
    pub at: DateTime<Utc>,
    /// Where the request stands.
    pub status: VmStatus,
    /// What was asked for.
    pub spec: VmSpec,
    /// Who asked.
    pub owner: Owner,
    /// When it was accepted.
    pub requested_at: DateTime<Utc>,
    /// The vCenter it is made in, from its start on.
    pub vcenter: Option<VcenterId>,
    /// The stage that is active, failed, or was reached last.
    pub current_stage: Stage,
    /// What vCenter is doing in that stage.
    pub details: Option<String>,
    /// From how many milliseconds on it is slow.
    pub slow_after_ms: u64,
    /// The number of the attempt: 1 until a person retries.
    pub attempt: u32,
    /// When a worker started the attempt.
    pub started_at: Option<DateTime<Utc>>,
    /// When the attempt ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// The stages, by [`Stage::index`].
    pub stages: [StageTimes; 6],
    /// Earlier attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// The try that failed last, until something else happens.
    pub failed_try: Option<FailedTry>,
    /// All tries of the attempt that failed and were repeated.
    pub tries: FailedTries,
    /// The worker that recorded its start, or went on last.
    pub worker: Option<String>,
    /// How the work was taken up again after an interruption, until something else happens.
    pub resumption: Option<Resumption>,
    /// The newest interruptions of the attempt, oldest first, at most [`INTERRUPTIONS_MAX`].
    pub interruptions: Vec<Interruption>,
    /// What has been undone, in order.
    pub undo: Vec<Undo>,
    /// What could not be undone, by name.
    pub left: Vec<String>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// The VM, once it is ready.
    pub vm: Option<VmProvisioningResult>,
    /// The estimate that was told with the newest event.
    pub told: Told,
}

impl Timeline {
    /// The timeline after `events`; `None` when they do not begin with a request.
    pub fn replay(request: RequestId, events: &[RecordedEvent]) -> Option<Self> {
        let (first, rest) = events.split_first()?;
        let mut timeline = Self::begin(request, first)?;
        for event in rest {
            timeline.apply(event);
        }
        Some(timeline)
    }

    /// The timeline after the first event of a request; `None` for any other event.
    pub fn begin(request: RequestId, first: &RecordedEvent) -> Option<Self> {
        let VmEvent::VmRequested { spec, owner, slow_after_ms } = &first.event else {
            return None;
        };
        let mark = Mark { seq: first.seq, at: first.recorded_at };
        let mut stages = [StageTimes::PENDING; 6];
        stages[Stage::Created.index()] =
            StageTimes { state: StageState::Active, entered: Some(mark), left: None };
        Some(Self {
            request,
            seq: first.seq,
            at: first.recorded_at,
            status: VmStatus::Queued,
            spec: spec.clone(),
            owner: owner.clone(),
            requested_at: first.recorded_at,
            vcenter: None,
            current_stage: Stage::Created,
            details: None,
            slow_after_ms: *slow_after_ms,
            attempt: 1,
            started_at: None,
            ended_at: None,
            stages,
            attempts: Vec::new(),
            failed_try: None,
            tries: FailedTries::default(),
            worker: None,
            resumption: None,
            interruptions: Vec::new(),
            undo: Vec::new(),
            left: Vec::new(),
            failure: None,
            vm: None,
            told: first.told,
        })
    }

    /// Takes one more event. Never fails: what is recorded has happened.
    pub fn apply(&mut self, recorded: &RecordedEvent) {
        let mark = Mark { seq: recorded.seq, at: recorded.recorded_at };
        self.seq = recorded.seq;
        self.at = recorded.recorded_at;
        self.told = recorded.told;
        self.failed_try = None;
        self.resumption = None;
        match &recorded.event {
            VmEvent::VmRequested { .. } => {}
            VmEvent::VmProvisioningResumed { stage, worker, task } => {
                self.resume(*stage, worker, task.is_some(), mark);
            }
            VmEvent::VmProvisioningStarted { attempt, vcenter, worker } => {
                self.worker = Some(worker.clone());
                self.vcenter = Some(vcenter.clone());
                self.status = VmStatus::Provisioning;
                self.attempt = *attempt;
                self.started_at = Some(mark.at);
                self.close_active(StageState::Done, mark);
            }
            VmEvent::VmProvisioningProgressUpdated { current_stage, details } => {
                self.enter(*current_stage, mark);
                self.details.clone_from(details);
            }
            VmEvent::VmProvisioningTryFailed { stage, failed_try, reason, next_at } => {
                let (number, reason) = (*failed_try, reason.clone());
                let (stage, at, next_at) = (*stage, mark.at, *next_at);
                let failed = FailedTry { number, stage, at, reason, next_at };
                self.tries.push(failed.clone());
                self.failed_try = Some(failed);
            }
            VmEvent::VmProvisioned { vm } => {
                self.enter(Stage::Ready, mark);
                self.close_active(StageState::Done, mark);
                self.details = None;
                self.vm = Some(vm.clone());
                self.end(VmStatus::Ready, mark);
            }
            VmEvent::VmProvisioningUndoStarted { failure } => {
                self.fail(failure, mark);
                self.status = VmStatus::Undoing;
            }
            VmEvent::VmProvisioningStepUndone { step } => self.undone(*step, mark),
            VmEvent::VmProvisioningFailed { failure } => {
                self.fail(failure, mark);
                self.end(VmStatus::Failed, mark);
            }
            VmEvent::VmProvisioningCancelRequested { .. } => {
                self.interrupt(mark);
                self.status = VmStatus::Undoing;
                self.failure = None;
                self.ended_at = None;
                self.left.clear();
            }
            VmEvent::VmProvisioningCancelled => self.end(VmStatus::Cancelled, mark),
            VmEvent::VmProvisioningRetryRequested { attempt, .. } => {
                self.begin_attempt(*attempt, mark);
            }
            VmEvent::VmProvisioningNeedsAttention { failure, reason, left } => {
                if let Some(failure) = failure {
                    self.fail(failure, mark);
                }
                self.undo.push(Undo { step: reason.clone(), done: false, at: mark.at });
                self.left.clone_from(left);
                self.end(VmStatus::NeedsAttention, mark);
            }
        }
    }

    /// Where the request is at `now`, for the estimate.
    pub fn position(&self, now: DateTime<Utc>) -> Position {
        match self.status {
            VmStatus::Queued | VmStatus::Provisioning => {}
            VmStatus::Undoing
            | VmStatus::Ready
            | VmStatus::Failed
            | VmStatus::Cancelled
            | VmStatus::NeedsAttention => {
                return Position::Ended;
            }
        }
        let active = Stage::TIMED.into_iter().find_map(|stage| {
            let times = &self.stages[stage.index()];
            let entered = times.entered.filter(|_| times.state == StageState::Active)?;
            Some(Position::In(stage, ms_between(entered.at, now)))
        });
        let next = || {
            Stage::TIMED
                .into_iter()
                .find(|stage| self.stages[stage.index()].state == StageState::Pending)
                .map_or(Position::Ended, Position::Before)
        };
        active.unwrap_or_else(next)
    }

    /// Milliseconds from the start of the attempt to its end, or to `now`; 0 before the start.
    pub fn elapsed_ms(&self, now: DateTime<Utc>) -> u64 {
        self.started_at.map_or(0, |started| ms_between(started, self.ended_at.unwrap_or(now)))
    }

    /// Whether it takes longer than usual at `now`; never after the end.
    pub fn is_slow(&self, now: DateTime<Utc>) -> bool {
        !self.status.has_ended()
            && self.started_at.is_some()
            && self.elapsed_ms(now) >= self.slow_after_ms
    }

    /// The stages that took time, for what is learned from an attempt that has ended.
    ///
    /// Entering a stage completes the one before, so only the last one can have been broken off.
    pub fn spans(&self) -> Vec<StageSpan> {
        let entered = |stage: &Stage| self.stages[stage.index()].entered.is_some();
        let last = Stage::TIMED.into_iter().rfind(entered);
        // The start completes CREATED, which may be the last one that was entered.
        let started_only = last == Some(Stage::Created) && self.started_at.is_some();
        let broken_off = last.filter(|_| self.status != VmStatus::Ready && !started_only);
        Stage::TIMED
            .into_iter()
            .filter_map(|stage| {
                let times = &self.stages[stage.index()];
                let (entered_seq, left_seq) = (times.entered?.seq, times.left?.seq);
                let censored = broken_off == Some(stage);
                Some(StageSpan { attempt: self.attempt, stage, censored, entered_seq, left_seq })
            })
            .collect()
    }

    /// Enters a stage, which completes the one before. A stage that was passed without being told
    /// (somebody powered the VM on by hand, say) is done, and its times are not known.
    fn enter(&mut self, stage: Stage, mark: Mark) {
        self.close_active(StageState::Done, mark);
        for passed in &mut self.stages[..stage.index()] {
            if passed.state == StageState::Pending {
                passed.state = StageState::Done;
            }
        }
        self.stages[stage.index()] =
            StageTimes { state: StageState::Active, entered: Some(mark), left: None };
        self.current_stage = stage;
    }

    /// The work goes on after an interruption.
    fn resume(&mut self, stage: Stage, worker: &str, same_task: bool, mark: Mark) {
        let before = self.worker.replace(worker.to_owned());
        let how = Resumption {
            stage,
            undoing: self.status == VmStatus::Undoing,
            same_worker: before.as_deref() == Some(worker),
            same_task,
        };
        self.resumption = Some(how);
        if self.interruptions.len() == INTERRUPTIONS_MAX {
            self.interruptions.remove(0);
        }
        self.interruptions.push(Interruption { at: mark.at, how });
    }

    fn close_active(&mut self, state: StageState, mark: Mark) {
        for times in &mut self.stages {
            if times.state == StageState::Active {
                times.state = state;
                times.left = Some(mark);
            }
        }
    }

    fn fail(&mut self, failure: &Failure, mark: Mark) {
        if self.failure.is_none() {
            self.close_active(StageState::Failed, mark);
            let failed = &mut self.stages[failure.stage.index()];
            failed.state = StageState::Failed;
            failed.left = failed.left.or(Some(mark));
            for times in &mut self.stages {
                if times.state == StageState::Pending {
                    times.state = StageState::Skipped;
                }
            }
            self.current_stage = failure.stage;
        }
        self.failure = Some(failure.clone());
    }

    /// Nothing goes on: the stage that was active is not finished, and those after it are not reached.
    fn interrupt(&mut self, mark: Mark) {
        self.close_active(StageState::Skipped, mark);
        for times in &mut self.stages {
            if times.state == StageState::Pending {
                times.state = StageState::Skipped;
            }
        }
    }

    /// Puts the attempt so far aside and begins another, from the first stage.
    fn begin_attempt(&mut self, number: u32, mark: Mark) {
        let created = StageTimes { state: StageState::Active, entered: Some(mark), left: None };
        let mut stages = [StageTimes::PENDING; 6];
        stages[Stage::Created.index()] = created;
        self.attempts.push(Attempt {
            number: self.attempt,
            started_at: self.started_at.take(),
            ended_at: self.ended_at.take(),
            outcome: self.status,
            stages: std::mem::replace(&mut self.stages, stages),
            tries: std::mem::take(&mut self.tries),
            undo: std::mem::take(&mut self.undo),
            left: std::mem::take(&mut self.left),
            failure: self.failure.take(),
        });
        self.attempt = number;
        self.status = VmStatus::Queued;
        self.current_stage = Stage::Created;
        self.details = None;
        self.interruptions.clear();
    }

    fn undone(&mut self, step: UndoneStep, mark: Mark) {
        let (words, stages): (_, &[Stage]) = match step {
            UndoneStep::CloneCancelled => ("cancel clone", &[Stage::Cloning]),
            UndoneStep::PoweredOff => ("power off", &[Stage::PoweringOn]),
            UndoneStep::Destroyed => {
                ("delete VM", &[Stage::Cloning, Stage::Configuring, Stage::PoweringOn])
            }
        };
        for stage in stages {
            let times = &mut self.stages[stage.index()];
            let begun = times.state == StageState::Skipped && times.entered.is_some();
            if times.state == StageState::Done || begun {
                times.state = StageState::Undone;
            }
        }
        self.undo.push(Undo { step: words.to_owned(), done: true, at: mark.at });
    }

    fn end(&mut self, status: VmStatus, mark: Mark) {
        self.status = status;
        self.ended_at = Some(mark.at);
    }
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
