//! The one place where the domain and the wire meet.
//!
//! Every `match` names every variant, so that a new stage, status or state does not compile until it is
//! decided here how programs and pages see it.

use app::api;
use chrono::{DateTime, Utc};

use super::text;
use crate::application::breaker::VcenterOutage;
use crate::application::progress_query::{Hold, ProgressNow};
use crate::domain::estimate::{Basis, Estimate, Told};
use crate::domain::event::{Failure, RecordedEvent, VmEvent};
use crate::domain::ids::RequestId;
use crate::domain::ports::progress::{RequestRow, StoredEvent};
use crate::domain::ports::vsphere::{UndoneStep, VmProvisioningResult, VmTemplate};
use crate::domain::spec::{NetworkSpec, VmSpec};
use crate::domain::stage::VmProvisioningStage as Stage;
use crate::domain::timeline::{Resumption, StageState, StageTimes, Timeline};
use crate::domain::vm::VmStatus;

mod attempts;
mod insights;

use attempts::{attempt, tries, undo_step};
pub use insights::insights;

/// What the person who waits is told from `slowAfterMs` on.
pub const SLOW_MESSAGE: &str = "Provisioning is taking longer than usual...";

/// A stage on the wire.
pub fn stage(stage: Stage) -> api::Stage {
    match stage {
        Stage::Created => api::Stage::Created,
        Stage::Cloning => api::Stage::Cloning,
        Stage::Configuring => api::Stage::Configuring,
        Stage::PoweringOn => api::Stage::PoweringOn,
        Stage::WaitingForNetwork => api::Stage::WaitingForNetwork,
        Stage::Ready => api::Stage::Ready,
    }
}

/// A status on the wire.
pub fn status(status: VmStatus) -> api::Status {
    match status {
        VmStatus::Queued => api::Status::Queued,
        VmStatus::Provisioning => api::Status::Provisioning,
        VmStatus::Undoing => api::Status::Undoing,
        VmStatus::Ready => api::Status::Ready,
        VmStatus::Failed => api::Status::Failed,
        VmStatus::Cancelled => api::Status::Cancelled,
        VmStatus::NeedsAttention => api::Status::NeedsAttention,
    }
}

/// A stage's state on the wire.
pub fn stage_state(state: StageState) -> api::StageState {
    match state {
        StageState::Pending => api::StageState::Pending,
        StageState::Active => api::StageState::Active,
        StageState::Done => api::StageState::Done,
        StageState::Failed => api::StageState::Failed,
        StageState::Skipped => api::StageState::Skipped,
        StageState::Undone => api::StageState::Undone,
    }
}

/// The progress as of now, for a snapshot.
pub fn progress_now(progress: &ProgressNow) -> api::Progress {
    let ProgressNow { timeline, now, told, usual, hold } = progress;
    let mut wire = progress_at(timeline, *now, told);
    for (stage, usual) in wire.stages.iter_mut().zip(usual) {
        (stage.low_ms, stage.high_ms) = usual.unzip();
    }
    wire.server_time = Some((*now).into());
    // A try that is due is under way again: nobody waits for it any more.
    wire.waiting = wire.waiting.filter(|waiting| waiting.next_at.is_none_or(|at| at.0 > *now));
    match hold {
        None => {}
        Some(Hold::Worker { ahead }) => {
            wire.waiting = Some(api::Waiting {
                waiting_for: api::WaitingFor::Worker,
                ahead: Some(*ahead),
                next_try: None,
                next_at: None,
                reason: None,
            });
        }
        Some(Hold::Outage(outage)) => {
            wire.waiting = Some(waiting_for_vcenter(timeline, outage, *now));
        }
        Some(Hold::OtherVcenter) => {
            let reason = "this request belongs to another vCenter than the one this server works \
                          with now; it goes on when the server is started with that vCenter again";
            wire.waiting = Some(api::Waiting {
                waiting_for: api::WaitingFor::Vcenter,
                ahead: None,
                next_try: None,
                next_at: None,
                reason: Some(reason.to_owned()),
            });
        }
    }
    wire
}

/// What a request waits for while vCenter is away. When the next question is due it is being asked,
/// and nobody knows when the one after that will be.
pub fn waiting_for_vcenter(
    timeline: &Timeline,
    outage: &VcenterOutage,
    now: DateTime<Utc>,
) -> api::Waiting {
    api::Waiting {
        waiting_for: api::WaitingFor::Vcenter,
        ahead: None,
        next_try: timeline.failed_try.as_ref().map(|failed| failed.number + 1),
        next_at: (outage.next_at > now).then(|| outage.next_at.into()),
        reason: Some(outage.reason.clone()),
    }
}

/// The progress as of the timeline's newest event: for a numbered frame, which is a pure function of
/// the journal and so speaks of no other moment.
pub fn progress_recorded(timeline: &Timeline) -> api::Progress {
    progress_at(timeline, timeline.at, &timeline.told)
}

fn progress_at(timeline: &Timeline, at: DateTime<Utc>, told: &Told) -> api::Progress {
    let slow = timeline.is_slow(at);
    api::Progress {
        request_id: timeline.request.0,
        status: status(timeline.status),
        seq: timeline.seq,
        current_stage: stage(timeline.current_stage),
        details: match timeline.resumption {
            Some(resumption) => Some(resumption.words()),
            None => timeline.details.clone(),
        },
        started_at: timeline.started_at.map(Into::into),
        ended_at: timeline.ended_at.map(Into::into),
        elapsed_ms: timeline.elapsed_ms(at),
        server_time: None,
        stages: Stage::ALL.map(|stage| stage_progress(&timeline.stages, stage, told)).into(),
        estimate: told.estimate.as_ref().map(estimate),
        slow,
        slow_after_ms: timeline.slow_after_ms,
        message: slow.then(|| SLOW_MESSAGE.to_owned()),
        attempt: timeline.attempt,
        attempts: timeline.attempts.iter().map(attempt).collect(),
        tries: tries(&timeline.tries),
        tries_before: timeline.tries.before,
        waiting: timeline.failed_try.as_ref().map(|failed| api::Waiting {
            waiting_for: api::WaitingFor::Retry,
            ahead: None,
            next_try: Some(failed.number + 1),
            next_at: Some(failed.next_at.into()),
            reason: Some(failed.reason.clone()),
        }),
        interruptions: timeline
            .interruptions
            .iter()
            .map(|interruption| api::Interruption {
                at: interruption.at.into(),
                message: interruption.how.words(),
            })
            .collect(),
        undo: timeline.undo.iter().map(undo_step).collect(),
        left: timeline.left.clone(),
        failure: timeline.failure.as_ref().map(failure),
    }
}

/// What is told of the time that is left.
pub fn estimate(told: &Estimate) -> api::Estimate {
    api::Estimate {
        remaining_ms: told.remaining_ms,
        low_ms: told.low_ms,
        high_ms: told.high_ms,
        samples: told.samples,
        basis: match told.basis {
            Basis::TemplateAndSize => api::Basis::TemplateAndSize,
            Basis::Template => api::Basis::Template,
            Basis::All => api::Basis::All,
        },
        late: told.late.map(|late| api::Late {
            stage: stage(late.stage),
            elapsed_ms: late.elapsed_ms,
            up_to_ms: late.up_to_ms,
            slower_than: late.slower_than,
            message: text::late_words(&late),
        }),
    }
}

fn stage_progress(stages: &[StageTimes; 6], which: Stage, told: &Told) -> api::StageProgress {
    let times = &stages[which.index()];
    api::StageProgress {
        stage: stage(which),
        label: which.label().to_owned(),
        state: stage_state(times.state),
        started_at: times.entered.map(|mark| mark.at.into()),
        completed_at: times.left.map(|mark| mark.at.into()),
        duration_ms: times.duration_ms(),
        typical_ms: told.typical_ms.get(which.index()).copied().flatten(),
        low_ms: None,
        high_ms: None,
    }
}

fn failure(failure: &Failure) -> api::Failure {
    api::Failure {
        stage: stage(failure.stage),
        code: failure.code.clone(),
        reason: failure.reason.clone(),
        retryable: failure.retryable,
    }
}

/// The SSE event's name for an event of the journal.
pub fn event_name(event: &VmEvent) -> &'static str {
    match event {
        VmEvent::VmRequested { .. }
        | VmEvent::VmProvisioningStarted { .. }
        | VmEvent::VmProvisioningProgressUpdated { .. } => "stage",
        VmEvent::VmProvisioningTryFailed { .. } => "retry",
        VmEvent::VmProvisioningResumed { .. } => "resumed",
        VmEvent::VmProvisioned { .. } => "ready",
        VmEvent::VmProvisioningUndoStarted { .. }
        | VmEvent::VmProvisioningStepUndone { .. }
        | VmEvent::VmProvisioningCancelRequested { .. } => "undo",
        VmEvent::VmProvisioningCancelled => "cancelled",
        VmEvent::VmProvisioningRetryRequested { .. } => "attempt",
        VmEvent::VmProvisioningFailed { .. } => "failed",
        VmEvent::VmProvisioningNeedsAttention { .. } => "needs_attention",
    }
}

/// The data of a numbered frame.
pub fn stage_event(timeline: &Timeline, recorded: &RecordedEvent) -> api::StageEvent {
    let about = about(timeline, &recorded.event);
    api::StageEvent {
        seq: recorded.seq,
        kind: recorded.event.type_name().to_owned(),
        stage: stage(about),
        state: stage_state(timeline.stages[about.index()].state),
        at: recorded.recorded_at.into(),
        details: details(timeline, &recorded.event),
        progress: progress_recorded(timeline),
    }
}

/// The data of a frame of the board.
pub fn board_event(timeline: &Timeline, recorded: &RecordedEvent) -> api::BoardEvent {
    let api::StageEvent { seq, kind, stage, state, at, details, progress } =
        stage_event(timeline, recorded);
    api::BoardEvent {
        request_id: timeline.request.0,
        seq,
        kind,
        stage,
        state,
        at,
        details,
        request: request_of(timeline),
        progress,
    }
}

/// The stage that an event is about.
fn about(timeline: &Timeline, event: &VmEvent) -> Stage {
    match event {
        VmEvent::VmRequested { .. }
        | VmEvent::VmProvisioningStarted { .. }
        | VmEvent::VmProvisioningRetryRequested { .. } => Stage::Created,
        VmEvent::VmProvisioningProgressUpdated { current_stage, .. } => *current_stage,
        VmEvent::VmProvisioningTryFailed { stage, .. }
        | VmEvent::VmProvisioningResumed { stage, .. } => *stage,
        VmEvent::VmProvisioned { .. } => Stage::Ready,
        VmEvent::VmProvisioningStepUndone { .. }
        | VmEvent::VmProvisioningNeedsAttention { .. }
        | VmEvent::VmProvisioningCancelRequested { .. }
        | VmEvent::VmProvisioningCancelled => timeline.current_stage,
        VmEvent::VmProvisioningUndoStarted { failure }
        | VmEvent::VmProvisioningFailed { failure } => failure.stage,
    }
}

/// What an event says beyond its stage, for a person.
fn details(timeline: &Timeline, event: &VmEvent) -> Option<String> {
    match event {
        VmEvent::VmRequested { spec, .. } => Some(spec.size()),
        VmEvent::VmProvisioningStarted { .. } => None,
        VmEvent::VmProvisioningProgressUpdated { details, .. } => details.clone(),
        VmEvent::VmProvisioningTryFailed { failed_try, reason, .. } => {
            Some(format!("try {failed_try} failed: {reason}"))
        }
        VmEvent::VmProvisioningResumed { .. } => timeline.resumption.map(Resumption::words),
        VmEvent::VmProvisioned { vm } => Some(vm.ip_address.to_string()),
        VmEvent::VmProvisioningUndoStarted { failure }
        | VmEvent::VmProvisioningFailed { failure } => Some(failure.reason.clone()),
        VmEvent::VmProvisioningStepUndone { step } => Some(undone_words(*step).to_owned()),
        VmEvent::VmProvisioningCancelRequested { by } => Some(format!("cancelled by {}", by.0)),
        VmEvent::VmProvisioningCancelled => Some("nothing left behind".to_owned()),
        VmEvent::VmProvisioningRetryRequested { by, attempt } => {
            Some(format!("attempt {attempt}, asked for by {}", by.0))
        }
        VmEvent::VmProvisioningNeedsAttention { reason, .. } => Some(reason.clone()),
    }
}

fn undone_words(step: UndoneStep) -> &'static str {
    match step {
        UndoneStep::CloneCancelled => "clone cancelled",
        UndoneStep::PoweredOff => "powered off",
        UndoneStep::Destroyed => "VM deleted",
    }
}

/// The paths of one request.
pub fn links(id: RequestId) -> api::Links {
    api::Links {
        this: format!("/api/requests/{id}"),
        progress: format!("/api/requests/{id}/provisioning-progress"),
        events: format!("/api/requests/{id}/provisioning-progress/events"),
        page: format!("/requests/{id}"),
    }
}

/// One request.
pub fn request(row: &RequestRow) -> api::Request {
    api::Request {
        id: row.id.0,
        name: row.name.clone(),
        template: row.template.clone(),
        cpus: row.cpus,
        memory_mib: row.memory_mib,
        network: row.network.as_ref().map(network),
        status: status(row.status),
        requested_by: row.owner.0.clone(),
        created_at: row.created_at.into(),
        vm: row.vm.as_ref().map(virtual_machine),
        links: links(row.id),
    }
}

/// The wanted network as it was asked for.
fn network(network: &NetworkSpec) -> api::Network {
    let gateway = network.address.and_then(|fixed| fixed.gateway);
    api::Network {
        name: network.name.clone(),
        ip_address: network.address.map(|fixed| format!("{}/{}", fixed.ip, fixed.prefix_len)),
        gateway: gateway.map(|gateway| gateway.to_string()),
    }
}

/// A request that was accepted this moment, from its own first event.
pub fn request_of(timeline: &Timeline) -> api::Request {
    let VmSpec { name, template, cpus, memory_mib, network: wanted, .. } = &timeline.spec;
    api::Request {
        id: timeline.request.0,
        name: name.clone(),
        template: template.clone(),
        cpus: *cpus,
        memory_mib: *memory_mib,
        network: wanted.as_ref().map(network),
        status: status(timeline.status),
        requested_by: timeline.owner.0.clone(),
        created_at: timeline.requested_at.into(),
        vm: timeline.vm.as_ref().map(virtual_machine),
        links: links(timeline.request),
    }
}

/// A finished VM.
pub fn virtual_machine(vm: &VmProvisioningResult) -> api::VirtualMachine {
    api::VirtualMachine {
        moref: vm.moref.0.clone(),
        instance_uuid: vm.instance_uuid,
        hostname: vm.hostname.clone(),
        ip_address: vm.ip_address.to_string(),
    }
}

/// A template.
pub fn template(template: &VmTemplate) -> api::Template {
    api::Template {
        name: template.name.clone(),
        moref: template.moref.0.clone(),
        guest: template.guest.clone(),
        cpus: template.cpus,
        memory_mib: template.memory_mib,
        disk_gib: template.disk_gib,
    }
}

/// A row of the journal.
pub fn history_item(event: StoredEvent) -> api::HistoryItem {
    api::HistoryItem {
        seq: event.seq,
        kind: event.type_name,
        schema_version: event.schema_version,
        recorded_at: event.recorded_at.into(),
        payload: serde_json::from_str(&event.payload).unwrap_or_default(),
    }
}
