//! Events as they are stored: stable names, a schema version, a JSON payload.
//!
//! Old payloads decode for ever: a stored shape is never changed, a new one gets a new version beside
//! it. `tests/golden/events` holds one example of each that was ever written. There is no percentage
//! in any payload.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::domain::estimate::Told;
use crate::domain::event::{NewEvent, VmEvent};
use crate::domain::ids::{Owner, RequestId, VcenterId};
use crate::domain::ports::vsphere::UndoneStep;
use crate::domain::stage::VmProvisioningStage as Stage;

mod told;
mod values;

use told::{ToldRecord, ToldRecordV1};
use values::{FailureRecord, SpecRecord};
pub(super) use values::{NetworkRecord, VmRecord};

/// The version in which every event is written today. Version 1 told an estimate without a range.
pub const SCHEMA_VERSION: i32 = 2;

/// Why a stored event cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// This server does not know the type or the version: a newer one wrote it.
    #[error("unknown event {name} version {version}")]
    Unknown {
        /// The stored type.
        name: String,
        /// The stored version.
        version: i32,
    },
    /// The payload is not what the type and version say.
    #[error("the payload of {name} cannot be read")]
    Payload {
        /// The stored type.
        name: String,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// A word in the payload has no meaning here.
    #[error("{0:?} is not known")]
    Word(String),
}

/// The payload of an event on its way into the journal.
///
/// # Errors
///
/// None that can happen with our own types; the signature is `serde_json`'s.
pub fn encode(new: &NewEvent) -> Result<Value, serde_json::Error> {
    let told = Some(ToldRecord::from(&new.told)).filter(|told| !told.is_empty());
    match &new.event {
        VmEvent::VmRequested { spec, owner, slow_after_ms } => {
            let (spec, owner) = (SpecRecord::from(spec), owner.0.clone());
            to_value(Requested { spec, owner, slow_after_ms: *slow_after_ms }, told)
        }
        VmEvent::VmProvisioningStarted { attempt, vcenter, worker } => {
            let (vcenter, worker) = (vcenter.0.clone(), worker.clone());
            to_value(Started { attempt: *attempt, vcenter, worker }, told)
        }
        VmEvent::VmProvisioningProgressUpdated { current_stage, details } => {
            let current_stage = current_stage.as_str().to_owned();
            to_value(ProgressUpdated { current_stage, details: details.clone() }, told)
        }
        VmEvent::VmProvisioningTryFailed { stage, failed_try, reason, next_at } => {
            let (stage, reason) = (stage.as_str().to_owned(), reason.clone());
            to_value(TryFailed { stage, failed_try: *failed_try, reason, next_at: *next_at }, told)
        }
        VmEvent::VmProvisioningResumed { stage, worker, task } => {
            let (stage, worker) = (stage.as_str().to_owned(), worker.clone());
            to_value(Resumed { stage, worker, task: task.clone() }, told)
        }
        VmEvent::VmProvisioned { vm } => to_value(Provisioned { vm: VmRecord::from(vm) }, told),
        VmEvent::VmProvisioningUndoStarted { failure }
        | VmEvent::VmProvisioningFailed { failure } => {
            to_value(Failed { failure: FailureRecord::from(failure) }, told)
        }
        VmEvent::VmProvisioningStepUndone { step } => {
            to_value(StepUndone { step: step_word(*step).to_owned() }, told)
        }
        VmEvent::VmProvisioningNeedsAttention { failure, reason, left } => {
            let (reason, left) = (reason.clone(), left.clone());
            let failure = failure.as_ref().map(FailureRecord::from);
            to_value(NeedsAttention { failure, reason, left }, told)
        }
        VmEvent::VmProvisioningCancelRequested { by } => {
            to_value(CancelRequested { by: by.0.clone() }, told)
        }
        VmEvent::VmProvisioningCancelled => to_value(Cancelled {}, told),
        VmEvent::VmProvisioningRetryRequested { by, attempt } => {
            to_value(RetryRequested { by: by.0.clone(), attempt: *attempt }, told)
        }
    }
}

/// The event of a stored row.
///
/// # Errors
///
/// [`DecodeError`] when it was not written by this or an earlier version.
pub fn decode(
    request: RequestId,
    name: &str,
    version: i32,
    payload: &Value,
) -> Result<(VmEvent, Told), DecodeError> {
    let event = match (name, version) {
        ("VmRequested", 1 | 2) => {
            let Requested { spec, owner, slow_after_ms } = read(name, payload)?;
            let (spec, owner) = (spec.into_spec(request), Owner(owner));
            VmEvent::VmRequested { spec, owner, slow_after_ms }
        }
        ("VmProvisioningStarted", 1 | 2) => {
            let Started { attempt, vcenter, worker } = read(name, payload)?;
            VmEvent::VmProvisioningStarted { attempt, vcenter: VcenterId(vcenter), worker }
        }
        ("VmProvisioningProgressUpdated", 1 | 2) => {
            let ProgressUpdated { current_stage, details } = read(name, payload)?;
            let current_stage = stage(&current_stage)?;
            VmEvent::VmProvisioningProgressUpdated { current_stage, details }
        }
        ("VmProvisioningTryFailed", 1 | 2) => {
            let TryFailed { stage: word, failed_try, reason, next_at } = read(name, payload)?;
            let stage = stage(&word)?;
            VmEvent::VmProvisioningTryFailed { stage, failed_try, reason, next_at }
        }
        ("VmProvisioningResumed", 1 | 2) => {
            let Resumed { stage: word, worker, task } = read(name, payload)?;
            VmEvent::VmProvisioningResumed { stage: stage(&word)?, worker, task }
        }
        ("VmProvisioned", 1 | 2) => {
            let Provisioned { vm } = read(name, payload)?;
            VmEvent::VmProvisioned { vm: vm.into() }
        }
        ("VmProvisioningUndoStarted", 1 | 2) => {
            let Failed { failure } = read(name, payload)?;
            VmEvent::VmProvisioningUndoStarted { failure: failure.into_failure()? }
        }
        ("VmProvisioningStepUndone", 1 | 2) => {
            let StepUndone { step } = read(name, payload)?;
            VmEvent::VmProvisioningStepUndone { step: parse_step(&step)? }
        }
        ("VmProvisioningFailed", 1 | 2) => {
            let Failed { failure } = read(name, payload)?;
            VmEvent::VmProvisioningFailed { failure: failure.into_failure()? }
        }
        ("VmProvisioningNeedsAttention", 1 | 2) => {
            let NeedsAttention { failure, reason, left } = read(name, payload)?;
            let failure = failure.map(FailureRecord::into_failure).transpose()?;
            VmEvent::VmProvisioningNeedsAttention { failure, reason, left }
        }
        ("VmProvisioningCancelRequested", 1 | 2) => {
            let CancelRequested { by } = read(name, payload)?;
            VmEvent::VmProvisioningCancelRequested { by: Owner(by) }
        }
        ("VmProvisioningCancelled", 1 | 2) => {
            let Cancelled {} = read(name, payload)?;
            VmEvent::VmProvisioningCancelled
        }
        ("VmProvisioningRetryRequested", 1 | 2) => {
            let RetryRequested { by, attempt } = read(name, payload)?;
            VmEvent::VmProvisioningRetryRequested { by: Owner(by), attempt }
        }
        _ => return Err(DecodeError::Unknown { name: name.to_owned(), version }),
    };
    Ok((event, told(name, version, payload)?))
}

/// What was told with an event, in the shape of its version.
fn told(name: &str, version: i32, payload: &Value) -> Result<Told, DecodeError> {
    #[derive(Deserialize)]
    struct WithTold<T> {
        told: Option<T>,
    }
    if version == 1 {
        let WithTold::<ToldRecordV1> { told } = read(name, payload)?;
        return told.map_or_else(|| Ok(Told::default()), TryInto::try_into);
    }
    let WithTold::<ToldRecord> { told } = read(name, payload)?;
    told.map_or_else(|| Ok(Told::default()), TryInto::try_into)
}

fn to_value(event: impl Serialize, told: Option<ToldRecord>) -> Result<Value, serde_json::Error> {
    #[derive(Serialize)]
    struct Payload<E> {
        #[serde(flatten)]
        event: E,
        #[serde(skip_serializing_if = "Option::is_none")]
        told: Option<ToldRecord>,
    }
    serde_json::to_value(Payload { event, told })
}

fn read<T: DeserializeOwned>(name: &str, payload: &Value) -> Result<T, DecodeError> {
    T::deserialize(payload).map_err(|source| DecodeError::Payload { name: name.to_owned(), source })
}

fn stage(word: &str) -> Result<Stage, DecodeError> {
    Stage::parse(word).ok_or_else(|| DecodeError::Word(word.to_owned()))
}

fn step_word(step: UndoneStep) -> &'static str {
    match step {
        UndoneStep::CloneCancelled => "CLONE_CANCELLED",
        UndoneStep::PoweredOff => "POWERED_OFF",
        UndoneStep::Destroyed => "DESTROYED",
    }
}

fn parse_step(word: &str) -> Result<UndoneStep, DecodeError> {
    [UndoneStep::CloneCancelled, UndoneStep::PoweredOff, UndoneStep::Destroyed]
        .into_iter()
        .find(|step| step_word(*step) == word)
        .ok_or_else(|| DecodeError::Word(word.to_owned()))
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Requested {
    spec: SpecRecord,
    owner: String,
    slow_after_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct Started {
    attempt: u32,
    vcenter: String,
    worker: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProgressUpdated {
    current_stage: String,
    details: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TryFailed {
    stage: String,
    #[serde(rename = "try")]
    failed_try: u32,
    reason: String,
    #[serde(serialize_with = "with_milliseconds")]
    next_at: DateTime<Utc>,
}

/// Payloads are told as they are stored, so their times have the form that all times have.
fn with_milliseconds<S: Serializer>(
    moment: &DateTime<Utc>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&moment.to_rfc3339_opts(SecondsFormat::Millis, true))
}

#[derive(Serialize, Deserialize)]
struct Resumed {
    stage: String,
    worker: String,
    task: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Provisioned {
    vm: VmRecord,
}

#[derive(Serialize, Deserialize)]
struct Failed {
    failure: FailureRecord,
}

#[derive(Serialize, Deserialize)]
struct StepUndone {
    step: String,
}

#[derive(Serialize, Deserialize)]
struct NeedsAttention {
    failure: Option<FailureRecord>,
    reason: String,
    left: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct CancelRequested {
    by: String,
}

#[derive(Serialize, Deserialize)]
struct Cancelled {}

#[derive(Serialize, Deserialize)]
struct RetryRequested {
    by: String,
    attempt: u32,
}
