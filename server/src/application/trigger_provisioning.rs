//! The saga: drives accepted requests to their end.
//!
//! The driver owns no decisions. It takes a lease, asks [`next_action`] what the journal calls for, does
//! that, and records what happened. All state is in the journal, so a driver may die at any line and
//! another goes on from the last recorded event. Intent is recorded before its effect, and every effect
//! is safe to repeat.
//!
//! Deliberately absent: retries inside an action. A retry is a new turn, so that it is recorded and
//! visible to the person who waits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use rand::RngExt;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, info, info_span, warn};

use super::feed::Feed;
use super::journal::{Journal, OpenRequest};
use super::patience::answered;
use super::vcenter::CurrentVcenter;
use super::vcenter_health::VcenterHealth;
use crate::domain::ids::VcenterId;
use crate::domain::ports::clock::Clock;
use crate::domain::ports::event_store::{Claim, HandBack, Leases, StoreError};
use crate::domain::ports::vsphere::{Stop, VsphereError, VspherePort};
use crate::domain::saga::{Action, Worker, next_action};
use crate::domain::vm::{Command, RequestedVm, VmAggregate};

pub mod driving;
pub mod lease;
pub mod sink;

use driving::Driving;
use lease::Lease;
use sink::SagaSink;

/// How often due requests are looked for when nothing says that there is one.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// The pause before the second try; it doubles with each further one, up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_secs(1);

/// The longest pause between tries: a vCenter that is back is noticed within a minute.
const BACKOFF_MAX: Duration = Duration::from_secs(40);

/// How long vCenter may be away before a request gives up: long enough for a restart of vCenter.
const UNAVAILABLE_MAX: Duration = Duration::from_secs(30 * 60);

/// How long a shutdown waits for the answer to a call that changes something in vCenter. After that the
/// lease is not handed back: when it has run out vCenter shows what became of the call.
const SETTLED_MAX: Duration = Duration::from_secs(4);

/// How long a shutdown waits for drivers to hand their leases back.
const SHUTDOWN_MAX: Duration = Duration::from_secs(5);

/// The longest reason that is recorded, in characters: enough for a sentence of vCenter's.
const REASON_CHARS_MAX: usize = 400;

/// Drives requests.
#[derive(Debug)]
pub struct TriggerProvisioning {
    /// Where everything is recorded.
    pub journal: Arc<Journal>,
    /// Which worker drives what.
    pub leases: Arc<dyn Leases>,
    /// vCenter.
    pub vsphere: Arc<dyn VspherePort>,
    /// Which vCenter that is.
    pub vcenter: Arc<CurrentVcenter>,
    /// Whether that one answers.
    pub health: Arc<VcenterHealth>,
    /// Those who watch, for what is never recorded.
    pub feed: Arc<Feed>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// This worker's name in the journal.
    pub worker: String,
    /// How long a lease lasts without being renewed.
    pub lease: Duration,
    /// How many requests are driven at once.
    pub workers: u32,
    /// Rung when there may be work.
    pub wake: Arc<Notify>,
    /// What is driven here just now.
    pub driving: Arc<Driving>,
}

/// What became of one turn.
enum Turn {
    /// Go on at once.
    Again,
    /// Hand the lease back; the request is due again after this.
    Release(Duration),
}

/// What becomes of a request that this worker drives no longer.
struct Rest {
    /// When it is due again.
    pause: Duration,
    /// Whether something was under way.
    unfinished: bool,
}

impl TriggerProvisioning {
    /// Drives requests until `shutdown`; then hands its leases back.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let mut driving = JoinSet::new();
        while !shutdown.is_cancelled() {
            let free =
                usize::try_from(self.workers).unwrap_or(usize::MAX).saturating_sub(driving.len());
            let asked = Instant::now();
            for claim in self.claim(free).await {
                let (this, shutdown) = (Arc::clone(&self), shutdown.clone());
                let span = info_span!("saga", request.id = %claim.request);
                let driver = async move { this.drive(claim, asked, shutdown).await };
                driving.spawn(driver.instrument(span));
            }
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                Some(done) = driving.join_next() => report(done),
                () = shutdown.cancelled() => {}
            }
        }
        let handed_back = async { while driving.join_next().await.is_some() {} };
        if tokio::time::timeout(SHUTDOWN_MAX, handed_back).await.is_err() {
            warn!("some leases could not be handed back; others take over when they have run out");
        }
    }

    async fn claim(&self, free: usize) -> Vec<Claim> {
        if free == 0 {
            return Vec::new();
        }
        let limit = u32::try_from(free).unwrap_or(u32::MAX);
        let vcenter = self.vcenter.known();
        // While vCenter is away nobody tries in vain, and a server that can reach it may take what is
        // due. Who has waited for too long tries once more, and gives up.
        let silent_for = (!self.health.may_ask()).then_some(UNAVAILABLE_MAX);
        let claims =
            self.leases.claim(&self.worker, vcenter.as_ref(), self.lease, limit, silent_for);
        match answered(claims).await {
            Ok(claims) => claims,
            Err(error @ StoreError::Unexpected(_)) => {
                error!(error = ?error, "no requests can be claimed");
                Vec::new()
            }
            Err(error) => {
                debug!(error = ?error, "no requests could be claimed");
                Vec::new()
            }
        }
    }

    /// Drives one request for as long as there is something to do and the lease holds.
    async fn drive(&self, claim: Claim, asked: Instant, shutdown: CancellationToken) {
        let entered = self.driving.enter(claim.request);
        let leases = Arc::clone(&self.leases);
        let lease = Arc::new(Lease::new(&claim, leases, self.lease, asked, entered.bell()));
        let work = async {
            match self.journal.open(claim.request).await {
                Ok(Some(open)) => self.turns(claim.clone(), Arc::clone(&lease), open).await,
                Ok(None) => Rest { pause: Duration::ZERO, unfinished: false },
                Err(error) => {
                    warn!(error = ?error, "the journal cannot be read");
                    Rest { pause: BACKOFF_MIN, unfinished: claim.interrupted }
                }
            }
        };
        // What changes something in vCenter is seen through, so that whoever goes on finds it.
        let settled = async {
            shutdown.cancelled().await;
            tokio::time::timeout(SETTLED_MAX, lease.settled()).await
        };
        let Rest { pause, unfinished } = tokio::select! {
            rest = work => rest,
            () = lease.keep() => {
                warn!("the lease was lost: another worker goes on");
                return;
            }
            Ok(()) = settled => Rest { pause: Duration::ZERO, unfinished: true },
        };
        let back = HandBack { pause, known_seq: lease.bell().known_seq(), unfinished };
        let release = self.leases.release(claim.request, claim.epoch, back);
        if let Err(error) = answered(release).await {
            debug!(error = ?error, "the lease could not be handed back; it runs out by itself");
        }
    }

    /// Turn after turn, until one says when the next is due.
    async fn turns(&self, claim: Claim, lease: Arc<Lease>, open: OpenRequest) -> Rest {
        if self.is_elsewhere(claim.vcenter.as_ref()).await {
            info!("this request belongs to another vCenter");
            // Now that it is known which one this is, it is not claimed here again.
            return Rest { pause: Duration::ZERO, unfinished: claim.interrupted };
        }
        let mut worker = if claim.interrupted { Worker::TakingOver } else { Worker::Working };
        let interrupted = claim.interrupted;
        let sink = SagaSink::new(self, claim, lease, open);
        loop {
            if self.is_held_up(&sink).await {
                let unfinished = interrupted && worker == Worker::TakingOver;
                return Rest { pause: Duration::ZERO, unfinished };
            }
            match self.turn(&sink, worker).await {
                Ok(Turn::Again) => worker = Worker::Working,
                Ok(Turn::Release(pause)) => return Rest { pause, unfinished: false },
                // The journal says what is to be done instead.
                Err(Stop::Superseded) => worker = Worker::Working,
                Err(Stop::Fenced) => {
                    warn!("fenced off: another worker goes on");
                    return Rest { pause: Duration::ZERO, unfinished: true };
                }
                Err(stop @ Stop::Journal(_)) => {
                    warn!(error = ?stop, "the work stops here and is resumed from the journal");
                    return Rest { pause: BACKOFF_MIN, unfinished: true };
                }
            }
        }
    }

    /// Whether vCenter is away, so that a try would be in vain. Who has waited for too long tries all
    /// the same, and gives up.
    async fn is_held_up(&self, sink: &SagaSink<'_>) -> bool {
        !self.health.may_ask() && !self.is_long_ago(sink.timeline().await.at)
    }

    /// Does one thing that the journal calls for, and records what happened.
    async fn turn(&self, sink: &SagaSink<'_>, worker: Worker) -> Result<Turn, Stop> {
        let aggregate = sink.aggregate().await;
        let VmAggregate::Requested(vm) = &aggregate else {
            return Ok(Turn::Release(Duration::ZERO));
        };
        match next_action(&aggregate, worker) {
            Action::Nothing => return Ok(Turn::Release(Duration::ZERO)),
            Action::Start => match self.vcenter.ask().await {
                Ok(vcenter) => {
                    let worker = self.worker.clone();
                    sink.record(Command::Start { vcenter, worker }).await?;
                }
                Err(error) => return self.failed(sink, vm, error).await,
            },
            Action::Resume => {
                let task = sink.task_in_flight(vm).await;
                let worker = self.worker.clone();
                sink.record(Command::Resume { worker, task }).await?;
                info!("resumed at {}", vm.stage.label());
            }
            Action::CreateVm => {
                let resume = sink.resume(vm).await;
                match self.vsphere.create_vm(&vm.spec, &resume, sink).await {
                    Ok(vm) => {
                        self.health.answered();
                        info!("ready at {}", vm.ip_address);
                        sink.record(Command::Complete { vm }).await?;
                    }
                    Err(error) => return self.failed(sink, vm, error).await,
                }
            }
            Action::RemoveVm => {
                let resume = sink.resume(vm).await;
                match self.vsphere.remove_vm(&vm.spec, &resume, sink).await {
                    Ok(()) => {
                        self.health.answered();
                        sink.record(Command::FinishUndo).await?;
                    }
                    Err(error) => return self.undo_failed(sink, vm, error).await,
                }
            }
        }
        Ok(Turn::Again)
    }

    /// Whether a request belongs to another vCenter than this one. Asked before anything is recorded:
    /// a claim may have been made before it was known which one this is.
    async fn is_elsewhere(&self, theirs: Option<&VcenterId>) -> bool {
        let Some(theirs) = theirs else { return false };
        // A vCenter that does not answer is tried, so that its error is recorded.
        self.vcenter.ask().await.is_ok_and(|ours| ours != *theirs)
    }

    /// Records why the VM was not made: as a failed try when it may pass, else as the end.
    async fn failed(
        &self,
        sink: &SagaSink<'_>,
        vm: &RequestedVm,
        error: VsphereError,
    ) -> Result<Turn, Stop> {
        self.judge(&error);
        let (code, reason, retryable) = match error {
            VsphereError::Stopped(stop) => return Err(stop),
            VsphereError::Unavailable { .. } if !self.is_hopeless(vm) => {
                return self.try_again(sink, vm, &error).await;
            }
            VsphereError::Unavailable { .. } => ("vcenter_unavailable", error.to_string(), true),
            VsphereError::Rejected { code, reason } => (code.as_str(), reason, code.is_retryable()),
            VsphereError::NotFound { .. } => ("template_not_found", error.to_string(), false),
        };
        warn!(failure.code = code, "failed: {reason}");
        let (code, reason) = (code.to_owned(), one_line(&reason));
        sink.record(Command::Fail { code, reason, retryable }).await?;
        Ok(Turn::Again)
    }

    /// Records why what was made could not be removed.
    async fn undo_failed(
        &self,
        sink: &SagaSink<'_>,
        vm: &RequestedVm,
        error: VsphereError,
    ) -> Result<Turn, Stop> {
        self.judge(&error);
        match error {
            VsphereError::Stopped(stop) => Err(stop),
            VsphereError::Unavailable { .. } if !self.is_hopeless(vm) => {
                self.try_again(sink, vm, &error).await
            }
            VsphereError::Unavailable { .. }
            | VsphereError::Rejected { .. }
            | VsphereError::NotFound { .. } => {
                error!("needs attention, the VM could not be removed: {error}");
                let left = vec![format!("VM {}", vm.spec.name)];
                let reason = one_line(&format!("delete VM: {error}"));
                sink.record(Command::GiveUpUndo { reason, left }).await?;
                Ok(Turn::Again)
            }
        }
    }

    async fn try_again(
        &self,
        sink: &SagaSink<'_>,
        vm: &RequestedVm,
        error: &VsphereError,
    ) -> Result<Turn, Stop> {
        let outage = self.health.outage();
        let until = outage.as_ref().map(|outage| outage.next_at - self.clock.now());
        let asked_again = until.and_then(|until| until.to_std().ok()).unwrap_or_default();
        let pause = backoff(vm.failed_in_a_row).max(asked_again);
        let next_at = self.clock.now() + pause;
        warn!(error = ?error, pause_ms = pause.as_millis(), "a try failed and will be repeated");
        let reason = one_line(&error.to_string());
        sink.record(Command::FailTry { reason, next_at }).await?;
        if let Some(outage) = self.health.outage() {
            self.feed.publish_outage(&sink.timeline().await, Some(&outage), self.clock.now());
        }
        Ok(Turn::Release(pause))
    }

    /// What an error says of vCenter's health.
    fn judge(&self, error: &VsphereError) {
        match error {
            VsphereError::Unavailable { reason, .. } => self.health.unanswered(&one_line(reason)),
            VsphereError::Rejected { .. } | VsphereError::NotFound { .. } => self.health.answered(),
            VsphereError::Stopped(_) => {}
        }
    }

    /// Whether vCenter has been away for so long that nobody should wait any more.
    fn is_hopeless(&self, vm: &RequestedVm) -> bool {
        vm.failing_since.is_some_and(|since| self.is_long_ago(since))
    }

    fn is_long_ago(&self, moment: DateTime<Utc>) -> bool {
        (self.clock.now() - moment).to_std().is_ok_and(|passed| passed >= UNAVAILABLE_MAX)
    }
}

/// The pause after so many failed tries in a row: doubling, and up to a fifth shorter or longer, so that
/// requests that failed together do not come back together. In whole milliseconds, as all times are.
fn backoff(failed_in_a_row: u32) -> Duration {
    let doubled = BACKOFF_MIN.saturating_mul(1 << failed_in_a_row.min(10)).min(BACKOFF_MAX);
    let spread = doubled.mul_f64(rand::rng().random_range(0.8..1.2));
    Duration::from_millis(u64::try_from(spread.as_millis()).unwrap_or(u64::MAX))
}

/// Text of others, made fit for one line of a page or a terminal.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    line.chars().take(REASON_CHARS_MAX).collect()
}

fn report(done: Result<(), tokio::task::JoinError>) {
    if let Err(error) = done {
        // The lease runs out, and the request is driven again from its journal.
        error!(error = ?error, "a driver panicked");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_stay_bounded() {
        for (failed, least, most) in [(0, 800, 1_200), (2, 3_200, 4_800), (40, 32_000, 48_000)] {
            let pause = backoff(failed).as_millis();
            assert!((least..=most).contains(&pause), "{failed}: {pause} ms");
        }
    }

    #[test]
    fn reasons_become_one_short_line() {
        assert_eq!(one_line(" a\n\tb\u{1b}[31m  c "), "a b [31m c");
        assert_eq!(one_line(&"x".repeat(9_999)).len(), REASON_CHARS_MAX);
    }
}
