//! Every event that was ever written, as a file that must decode for ever.
//!
//! `golden/events/<Type>.v<version>.json` is the payload of one event, `<Type>.v<version>.<note>.json`
//! another form of it. A file is never changed: a new form gets a new file, a new shape a new version.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use chrono::{TimeZone, Utc};
use serde_json::Value;
use server::domain::estimate::{Basis, Estimate, Told};
use server::domain::event::{Failure, NewEvent, VmEvent};
use server::domain::ids::{MoRef, Owner, RequestId, VcenterId};
use server::domain::ports::vsphere::{UndoneStep, VmProvisioningResult};
use server::domain::spec::{FixedAddress, NetworkSpec, VmSpec};
use server::domain::stage::VmProvisioningStage as Stage;
use server::infrastructure::postgres::event_record::{SCHEMA_VERSION, decode, encode};
use uuid::Uuid;

use crate::saga::story::percentage_in;

const REQUEST: RequestId = RequestId(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0001));

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/events")
}

/// The example after this one; of every kind of event there is one. A new kind does not compile here
/// until it has its place, and then fails until it has its file.
fn next(example: Option<&VmEvent>) -> Option<VmEvent> {
    Some(match example {
        None => VmEvent::VmRequested {
            spec: spec(),
            owner: Owner("local".to_owned()),
            slow_after_ms: 600_000,
        },
        Some(VmEvent::VmRequested { .. }) => VmEvent::VmProvisioningStarted {
            attempt: 1,
            vcenter: VcenterId("dbd46b1a-76e9-4d9c-8b63-9a1a6a2f3c11".to_owned()),
            worker: "0198f1f0-0000-7000-8000-000000000002".to_owned(),
        },
        Some(VmEvent::VmProvisioningStarted { .. }) => VmEvent::VmProvisioningProgressUpdated {
            current_stage: Stage::Configuring,
            details: Some("2 CPUs, 4096 MiB".to_owned()),
        },
        Some(VmEvent::VmProvisioningProgressUpdated { .. }) => VmEvent::VmProvisioningTryFailed {
            stage: Stage::PoweringOn,
            failed_try: 2,
            reason: "vCenter is not answering (PowerOnVM_Task): timed out".to_owned(),
            // Whole seconds, so that the form of the milliseconds is seen.
            next_at: Utc.with_ymd_and_hms(2026, 11, 22, 12, 4, 31).single().expect("a time"),
        },
        Some(VmEvent::VmProvisioningTryFailed { .. }) => VmEvent::VmProvisioningResumed {
            stage: Stage::Cloning,
            worker: "0198f1f0-0000-7000-8000-000000000003".to_owned(),
            task: Some("task-42".to_owned()),
        },
        Some(VmEvent::VmProvisioningResumed { .. }) => VmEvent::VmProvisioned { vm: vm() },
        Some(VmEvent::VmProvisioned { .. }) => {
            VmEvent::VmProvisioningUndoStarted { failure: failure() }
        }
        Some(VmEvent::VmProvisioningUndoStarted { .. }) => {
            VmEvent::VmProvisioningStepUndone { step: UndoneStep::PoweredOff }
        }
        Some(VmEvent::VmProvisioningStepUndone { .. }) => {
            VmEvent::VmProvisioningFailed { failure: failure() }
        }
        Some(VmEvent::VmProvisioningFailed { .. }) => VmEvent::VmProvisioningNeedsAttention {
            failure: Some(failure()),
            reason: "delete VM: permission denied".to_owned(),
            left: vec!["VM build-agent-07".to_owned()],
        },
        Some(VmEvent::VmProvisioningNeedsAttention { .. }) => {
            VmEvent::VmProvisioningCancelRequested { by: Owner("local".to_owned()) }
        }
        Some(VmEvent::VmProvisioningCancelRequested { .. }) => VmEvent::VmProvisioningCancelled,
        Some(VmEvent::VmProvisioningCancelled) => {
            VmEvent::VmProvisioningRetryRequested { by: Owner("local".to_owned()), attempt: 2 }
        }
        Some(VmEvent::VmProvisioningRetryRequested { .. }) => return None,
    })
}

fn spec() -> VmSpec {
    VmSpec {
        request_id: REQUEST,
        name: "build-agent-07".to_owned(),
        template: "ubuntu-24.04".to_owned(),
        cpus: 2,
        memory_mib: 4096,
        network: Some(NetworkSpec {
            name: Some("lab".to_owned()),
            address: Some(FixedAddress {
                ip: [10, 20, 30, 40].into(),
                prefix_len: 24,
                gateway: Some([10, 20, 30, 1].into()),
            }),
        }),
    }
}

fn vm() -> VmProvisioningResult {
    VmProvisioningResult {
        moref: MoRef("vm-42".to_owned()),
        instance_uuid: REQUEST.instance_uuid(),
        hostname: "build-agent-07".to_owned(),
        ip_address: [10, 20, 30, 40].into(),
    }
}

fn failure() -> Failure {
    Failure {
        stage: Stage::WaitingForNetwork,
        code: "no_address".to_owned(),
        reason: "no usable address within 5m".to_owned(),
        retryable: true,
    }
}

/// What was told with each example.
fn told() -> Told {
    let typical_ms = [Some(900), Some(39_500), Some(6_100), Some(5_200), None];
    Told { estimate: Some(estimate()), typical_ms }
}

fn estimate() -> Estimate {
    Estimate {
        remaining_ms: 34_000,
        low_ms: Some(21_000),
        high_ms: Some(66_000),
        samples: 42,
        basis: Basis::Template,
        average_ms: Some(37_500),
        late: None,
    }
}

fn read(file: &Path) -> Value {
    let text = fs::read_to_string(file).unwrap_or_else(|error| {
        panic!("{}: {error}: every event has an example here", file.display())
    });
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn every_kind_of_event_is_written_as_its_file_says() {
    let mut example = next(None);
    let mut kinds = BTreeSet::new();
    while let Some(event) = example {
        let name = event.type_name();
        assert!(kinds.insert(name), "{name} comes twice");
        let file = folder().join(format!("{name}.v{SCHEMA_VERSION}.json"));
        let new = NewEvent { event, told: told() };
        assert_eq!(encode(&new).expect("a payload"), read(&file), "{name}");
        let decoded = decode(REQUEST, name, SCHEMA_VERSION, &read(&file)).expect(name);
        assert_eq!(decoded, (new.event.clone(), new.told), "{name}");
        example = next(Some(&new.event));
    }
    assert_eq!(kinds.len(), 13);
}

#[test]
fn every_file_decodes_and_comes_out_as_it_was() {
    let mut count = 0;
    for entry in fs::read_dir(folder()).expect("the folder") {
        let file = entry.expect("a file").path();
        let name = file.file_name().and_then(|name| name.to_str()).expect("a plain name");
        let mut parts = name.split('.');
        let kind = parts.next().expect("the type");
        let version = parts.next().and_then(|version| version.strip_prefix('v'));
        let version: i32 = version.and_then(|version| version.parse().ok()).expect("the version");
        let payload = read(&file);
        let (event, told) = decode(REQUEST, kind, version, &payload)
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(event.type_name(), kind);
        if version == SCHEMA_VERSION {
            assert_eq!(encode(&NewEvent { event, told }).expect("a payload"), payload, "{name}");
        }
        assert_eq!(percentage_in(&payload), None, "{name}");
        count += 1;
    }
    assert!(count >= 13, "{count} files");
}

/// An estimate from before there were ranges stays a point.
#[test]
fn what_was_told_without_a_range_stays_without_one() {
    let payload = read(&folder().join("VmProvisioningProgressUpdated.v1.json"));
    let (_, old) = decode(REQUEST, "VmProvisioningProgressUpdated", 1, &payload).expect("it");
    let point = Estimate { low_ms: None, high_ms: None, average_ms: None, ..estimate() };
    assert_eq!(old, Told { estimate: Some(point), ..told() });
}

#[test]
fn what_nobody_ever_wrote_is_refused() {
    let payload = read(&folder().join("VmProvisioned.v1.json"));
    assert!(decode(REQUEST, "VmProvisioned", 1, &payload).is_ok());
    for (kind, version) in [("VmProvisioned", 0), ("VmProvisioned", 3), ("VmDeleted", 1)] {
        let refused = decode(REQUEST, kind, version, &payload);
        let words = refused.expect_err("nobody wrote it").to_string();
        assert!(words.contains(kind) && words.contains(&version.to_string()), "{words}");
    }
    assert!(decode(REQUEST, "VmProvisioned", 1, &Value::Null).is_err());
}
