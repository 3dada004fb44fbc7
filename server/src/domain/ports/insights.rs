//! Reading over all requests: how long their stages took, how true estimates were, why they failed.

use std::fmt;

use async_trait::async_trait;

use super::event_store::StoreError;
use crate::domain::calibration::Outcome;
use crate::domain::ids::Viewer;
use crate::domain::stage::VmProvisioningStage;
use crate::domain::vm::VmStatus;

/// Questions over all requests. With a viewer only over what that viewer may see; without one over all,
/// for those who run the server.
#[async_trait]
pub trait InsightsRepository: Send + Sync + fmt::Debug {
    /// What was told when each stage was entered, of the newest `requests` that became ready, newest
    /// first, and how many requests they are of.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn outcomes(
        &self,
        viewer: Option<&Viewer>,
        requests: u32,
    ) -> Result<Outcomes, StoreError>;

    /// How long stages took in runs that became ready, newest first, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn stage_times(&self, viewer: &Viewer, limit: u32) -> Result<Vec<StageTime>, StoreError>;

    /// Why the newest `requests` of those that failed did, most frequent first.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn failures(
        &self,
        viewer: &Viewer,
        requests: u32,
    ) -> Result<Vec<FailureCount>, StoreError>;

    /// How many requests have which status; none has a status that is not named.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    async fn count_by_status(&self) -> Result<Vec<(VmStatus, u64)>, StoreError>;
}

/// What was told, and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Of how many requests.
    pub requests: u32,
    /// One for each stage that was entered with an estimate.
    pub outcomes: Vec<Outcome>,
}

/// How long a stage took in one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageTime {
    /// The template that the VM was made from.
    pub template: String,
    /// The stage.
    pub stage: VmProvisioningStage,
    /// Milliseconds.
    pub ms: u64,
}

/// Requests that failed for the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureCount {
    /// The stable word, as `no_address`.
    pub code: String,
    /// In which stage.
    pub stage: VmProvisioningStage,
    /// How many.
    pub requests: u32,
}
