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
    let vm = VmProvisioningResult {
        moref: MoRef("vm-1".to_owned()),
        instance_uuid: Uuid::nil(),
        hostname: "h".to_owned(),
        ip_address: std::net::Ipv4Addr::new(10, 0, 0, 1).into(),
    };
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
        Just(VmEvent::VmProvisioningStepUndone { step: UndoneStep::Destroyed }),
        failure.clone().prop_map(|failure| VmEvent::VmProvisioningFailed { failure }),
        failure.prop_map(|failure| VmEvent::VmProvisioningNeedsAttention {
            failure: Some(failure),
            reason: "no".to_owned(),
            left: vec!["vm-1".to_owned()],
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
