//! Journals to test with.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use uuid::Uuid;

use crate::domain::estimate::Told;
use crate::domain::event::{Failure, RecordedEvent, VmEvent};
use crate::domain::ids::{MoRef, Owner, RequestId, VcenterId};
use crate::domain::ports::vsphere::{UndoneStep, VmProvisioningResult};
use crate::domain::spec::VmSpec;
use crate::domain::stage::VmProvisioningStage as Stage;
use crate::domain::vm::{Command, VmAggregate, decide};

/// The spec of every test request.
pub(crate) fn spec() -> VmSpec {
    VmSpec {
        request_id: RequestId(Uuid::nil()),
        name: "build-agent-07".to_owned(),
        template: "ubuntu-24.04".to_owned(),
        cpus: 2,
        memory_mib: 4096,
        network: None,
    }
}

/// The first event of every test request.
pub(crate) fn requested() -> VmEvent {
    VmEvent::VmRequested { spec: spec(), owner: Owner::local(), slow_after_ms: 600_000 }
}

/// Numbers the events from 1 and records one every 100 ms.
pub(crate) fn journal(events: &[VmEvent]) -> Vec<RecordedEvent> {
    (1_u32..)
        .zip(events)
        .map(|(seq, event)| RecordedEvent {
            seq,
            recorded_at: DateTime::<Utc>::UNIX_EPOCH
                + TimeDelta::milliseconds(100 * i64::from(seq)),
            event: event.clone(),
            told: Told::default(),
        })
        .collect()
}

/// Every step of an undo.
pub(crate) const UNDONE_STEPS: [UndoneStep; 3] =
    [UndoneStep::CloneCancelled, UndoneStep::PoweredOff, UndoneStep::Destroyed];

/// Any command to a request, also such as make no sense where it stands.
pub(crate) fn any_command() -> impl Strategy<Value = Command> {
    let (worker, vcenter) = ("w".to_owned(), VcenterId("vc".to_owned()));
    let start = Command::Start { vcenter, worker: worker.clone() };
    let fail =
        Command::Fail { code: "no_address".to_owned(), reason: "no".to_owned(), retryable: true };
    let fail_try =
        Command::FailTry { reason: "away".to_owned(), next_at: DateTime::<Utc>::UNIX_EPOCH };
    let give_up = Command::GiveUpUndo { reason: "no".to_owned(), left: vec!["VM vm-1".to_owned()] };
    prop_oneof![
        4 => Just(start),
        6 => any_stage().prop_map(|stage| Command::UpdateProgress { stage, details: None }),
        2 => Just(Command::Resume { worker, task: None }),
        2 => Just(fail_try),
        1 => Just(Command::Complete { vm: any_vm() }),
        2 => Just(fail),
        2 => prop::sample::select(UNDONE_STEPS.to_vec())
            .prop_map(|step| Command::RecordUndone { step }),
        2 => Just(Command::FinishUndo),
        2 => Just(give_up),
        2 => Just(Command::Cancel { by: Owner::local() }),
        3 => Just(Command::Retry { by: Owner::local() }),
    ]
}

/// The journal of a request to which these commands were given, those that were refused left out.
pub(crate) fn obey(commands: Vec<Command>) -> Vec<VmEvent> {
    let mut events = vec![requested()];
    for command in commands {
        let state = VmAggregate::replay(&journal(&events));
        events.extend(decide(&state, command).unwrap_or_default());
    }
    events
}

/// The VM of every test request.
pub(crate) fn any_vm() -> VmProvisioningResult {
    VmProvisioningResult {
        moref: MoRef("vm-1".to_owned()),
        instance_uuid: Uuid::nil(),
        hostname: "h".to_owned(),
        ip_address: std::net::Ipv4Addr::new(10, 0, 0, 1).into(),
    }
}

fn any_stage() -> impl Strategy<Value = Stage> + Clone {
    prop::sample::select(Stage::ALL.to_vec())
}

fn any_event() -> impl Strategy<Value = VmEvent> {
    let failure = any_stage().prop_map(|stage| Failure {
        stage,
        code: "vcenter_rejected".to_owned(),
        reason: "no".to_owned(),
        retryable: true,
    });
    let vm = any_vm();
    prop_oneof![
        Just(requested()),
        (1_u32..3).prop_map(|attempt| VmEvent::VmProvisioningStarted {
            attempt,
            vcenter: VcenterId("vc".to_owned()),
            worker: "w".to_owned(),
        }),
        any_stage().prop_map(|current_stage| VmEvent::VmProvisioningProgressUpdated {
            current_stage,
            details: None,
        }),
        (any_stage(), 1_u32..9).prop_map(|(stage, failed_try)| VmEvent::VmProvisioningTryFailed {
            stage,
            failed_try,
            reason: "away".to_owned(),
            next_at: DateTime::<Utc>::UNIX_EPOCH,
        }),
        any_stage().prop_map(|stage| VmEvent::VmProvisioningResumed {
            stage,
            worker: "w".to_owned(),
            task: None,
        }),
        Just(VmEvent::VmProvisioned { vm }),
        failure.clone().prop_map(|failure| VmEvent::VmProvisioningUndoStarted { failure }),
        prop::sample::select(UNDONE_STEPS.to_vec())
            .prop_map(|step| VmEvent::VmProvisioningStepUndone { step }),
        failure.clone().prop_map(|failure| VmEvent::VmProvisioningFailed { failure }),
        failure.prop_map(|failure| VmEvent::VmProvisioningNeedsAttention {
            failure: Some(failure),
            reason: "no".to_owned(),
            left: vec!["vm-1".to_owned()],
        }),
        Just(VmEvent::VmProvisioningNeedsAttention {
            failure: None,
            reason: "no".to_owned(),
            left: vec!["vm-1".to_owned()],
        }),
        Just(VmEvent::VmProvisioningCancelRequested { by: Owner::local() }),
        Just(VmEvent::VmProvisioningCancelled),
        (2_u32..4).prop_map(|attempt| VmEvent::VmProvisioningRetryRequested {
            by: Owner::local(),
            attempt,
        }),
    ]
}

/// Any events after a request, in any order: also such as can never be decided.
pub(crate) fn any_journal() -> impl Strategy<Value = Vec<VmEvent>> {
    prop::collection::vec(any_event(), 0..24).prop_map(|mut events| {
        events.insert(0, requested());
        events
    })
}
