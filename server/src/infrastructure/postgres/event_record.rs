//! Events as they are stored: stable names, a schema version, a JSON payload.
//!
//! Old payloads decode for ever: a stored shape is never changed, a new one gets a new version beside
//! it. `tests/golden/events` holds one example of each that was ever written. There is no percentage
//! in any payload.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::estimate::{Basis, Estimate, Told};
use crate::domain::event::{Failure, NewEvent, VmEvent};
use crate::domain::ids::{MoRef, Owner, RequestId, VcenterId};
use crate::domain::ports::vsphere::{UndoneStep, VmProvisioningResult};
use crate::domain::spec::{FixedAddress, NetworkSpec, VmSpec};
use crate::domain::stage::VmProvisioningStage as Stage;

/// The version in which every event is written today.
pub const SCHEMA_VERSION: i32 = 1;

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
            to_value(NeedsAttention { failure: FailureRecord::from(failure), reason, left }, told)
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
        ("VmRequested", 1) => {
            let Requested { spec, owner, slow_after_ms } = read(name, payload)?;
            let (spec, owner) = (spec.into_spec(request), Owner(owner));
            VmEvent::VmRequested { spec, owner, slow_after_ms }
        }
        ("VmProvisioningStarted", 1) => {
            let Started { attempt, vcenter, worker } = read(name, payload)?;
            VmEvent::VmProvisioningStarted { attempt, vcenter: VcenterId(vcenter), worker }
        }
        ("VmProvisioningProgressUpdated", 1) => {
            let ProgressUpdated { current_stage, details } = read(name, payload)?;
            let current_stage = stage(&current_stage)?;
            VmEvent::VmProvisioningProgressUpdated { current_stage, details }
        }
        ("VmProvisioningTryFailed", 1) => {
            let TryFailed { stage: word, failed_try, reason, next_at } = read(name, payload)?;
            let stage = stage(&word)?;
            VmEvent::VmProvisioningTryFailed { stage, failed_try, reason, next_at }
        }
        ("VmProvisioningResumed", 1) => {
            let Resumed { stage: word, worker, task } = read(name, payload)?;
            VmEvent::VmProvisioningResumed { stage: stage(&word)?, worker, task }
        }
        ("VmProvisioned", 1) => {
            let Provisioned { vm } = read(name, payload)?;
            VmEvent::VmProvisioned { vm: vm.into() }
        }
        ("VmProvisioningUndoStarted", 1) => {
            let Failed { failure } = read(name, payload)?;
            VmEvent::VmProvisioningUndoStarted { failure: failure.into_failure()? }
        }
        ("VmProvisioningStepUndone", 1) => {
            let StepUndone { step } = read(name, payload)?;
            VmEvent::VmProvisioningStepUndone { step: parse_step(&step)? }
        }
        ("VmProvisioningFailed", 1) => {
            let Failed { failure } = read(name, payload)?;
            VmEvent::VmProvisioningFailed { failure: failure.into_failure()? }
        }
        ("VmProvisioningNeedsAttention", 1) => {
            let NeedsAttention { failure, reason, left } = read(name, payload)?;
            let failure = failure.into_failure()?;
            VmEvent::VmProvisioningNeedsAttention { failure, reason, left }
        }
        _ => return Err(DecodeError::Unknown { name: name.to_owned(), version }),
    };
    let WithTold { told } = read(name, payload)?;
    Ok((event, told.map_or_else(|| Ok(Told::default()), TryInto::try_into)?))
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
        UndoneStep::PoweredOff => "POWERED_OFF",
        UndoneStep::Destroyed => "DESTROYED",
    }
}

fn parse_step(word: &str) -> Result<UndoneStep, DecodeError> {
    [UndoneStep::PoweredOff, UndoneStep::Destroyed]
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
    failure: FailureRecord,
    reason: String,
    left: Vec<String>,
}

#[derive(Deserialize)]
struct WithTold {
    told: Option<ToldRecord>,
}

/// A wish, also stored beside its request.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpecRecord {
    name: String,
    template: String,
    cpus: u32,
    memory_mib: u32,
    network: Option<NetworkRecord>,
}

impl From<&VmSpec> for SpecRecord {
    fn from(spec: &VmSpec) -> Self {
        Self {
            name: spec.name.clone(),
            template: spec.template.clone(),
            cpus: spec.cpus,
            memory_mib: spec.memory_mib,
            network: spec.network.as_ref().map(NetworkRecord::from),
        }
    }
}

impl SpecRecord {
    fn into_spec(self, request_id: RequestId) -> VmSpec {
        VmSpec {
            request_id,
            name: self.name,
            template: self.template,
            cpus: self.cpus,
            memory_mib: self.memory_mib,
            network: self.network.map(NetworkSpec::from),
        }
    }
}

/// A wanted network, as stored in events and beside requests.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct NetworkRecord {
    name: Option<String>,
    address: Option<AddressRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AddressRecord {
    ip: std::net::Ipv4Addr,
    prefix_len: u8,
    gateway: Option<std::net::Ipv4Addr>,
}

impl From<&NetworkSpec> for NetworkRecord {
    fn from(network: &NetworkSpec) -> Self {
        let address = network.address.map(|FixedAddress { ip, prefix_len, gateway }| {
            AddressRecord { ip, prefix_len, gateway }
        });
        Self { name: network.name.clone(), address }
    }
}

impl From<NetworkRecord> for NetworkSpec {
    fn from(record: NetworkRecord) -> Self {
        let address = record.address.map(|AddressRecord { ip, prefix_len, gateway }| {
            FixedAddress { ip, prefix_len, gateway }
        });
        Self { name: record.name, address }
    }
}

/// A finished VM, as stored in events and beside requests.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VmRecord {
    moref: String,
    instance_uuid: Uuid,
    hostname: String,
    ip_address: std::net::IpAddr,
}

impl From<&VmProvisioningResult> for VmRecord {
    fn from(vm: &VmProvisioningResult) -> Self {
        Self {
            moref: vm.moref.0.clone(),
            instance_uuid: vm.instance_uuid,
            hostname: vm.hostname.clone(),
            ip_address: vm.ip_address,
        }
    }
}

impl From<VmRecord> for VmProvisioningResult {
    fn from(record: VmRecord) -> Self {
        Self {
            moref: MoRef(record.moref),
            instance_uuid: record.instance_uuid,
            hostname: record.hostname,
            ip_address: record.ip_address,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct FailureRecord {
    stage: String,
    code: String,
    reason: String,
    retryable: bool,
}

impl From<&Failure> for FailureRecord {
    fn from(failure: &Failure) -> Self {
        Self {
            stage: failure.stage.as_str().to_owned(),
            code: failure.code.clone(),
            reason: failure.reason.clone(),
            retryable: failure.retryable,
        }
    }
}

impl FailureRecord {
    fn into_failure(self) -> Result<Failure, DecodeError> {
        let Self { code, reason, retryable, .. } = self;
        Ok(Failure { stage: stage(&self.stage)?, code, reason, retryable })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToldRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    estimate: Option<EstimateRecord>,
    /// By the place of the stage among those that take time.
    typical_ms: [Option<u64>; 5],
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EstimateRecord {
    remaining_ms: u64,
    samples: u32,
    basis: String,
}

impl ToldRecord {
    fn is_empty(&self) -> bool {
        self.estimate.is_none() && self.typical_ms.iter().all(Option::is_none)
    }
}

impl From<&Told> for ToldRecord {
    fn from(told: &Told) -> Self {
        let estimate = told.estimate.map(|Estimate { remaining_ms, samples, basis }| {
            EstimateRecord { remaining_ms, samples, basis: basis_word(basis).to_owned() }
        });
        Self { estimate, typical_ms: told.typical_ms }
    }
}

impl TryFrom<ToldRecord> for Told {
    type Error = DecodeError;

    fn try_from(record: ToldRecord) -> Result<Self, DecodeError> {
        let estimate = record
            .estimate
            .map(|EstimateRecord { remaining_ms, samples, basis }| {
                let basis = [Basis::Template, Basis::All]
                    .into_iter()
                    .find(|known| basis_word(*known) == basis)
                    .ok_or(DecodeError::Word(basis))?;
                Ok(Estimate { remaining_ms, samples, basis })
            })
            .transpose()?;
        Ok(Self { estimate, typical_ms: record.typical_ms })
    }
}

fn basis_word(basis: Basis) -> &'static str {
    match basis {
        Basis::Template => "template",
        Basis::All => "all",
    }
}
