//! What the pages ask of the server while they are rendered there.
//!
//! The server depends on this crate, so this crate cannot name a type of the server: it says here
//! what it needs, the server implements it and hands it in as context (`Arc<dyn Backend>`).
//! The data types are also sent along with the page, so that the first client render equals the server's.

use serde::{Deserialize, Serialize};

mod insights;

pub use insights::{
    Calibration, FailureReason, Insights, Slowest, Spread, StageTimes, TemplateTimes,
};

use crate::api::{
    Estimate, FieldError, Progress, Request, StageEvent, Status, Template, Timestamp,
    VirtualMachine,
};

/// What a page knows of the server beyond its data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// Which vCenter, in words: `simulated vCenter`, or its host name.
    pub vcenter: String,
    /// Whether it is the simulated one.
    pub simulated: bool,
    /// Fewest and most CPUs that may be asked for.
    pub cpus: (u32, u32),
    /// Least and most memory that may be asked for, in MiB.
    pub memory_mib: (u32, u32),
    /// Memory is asked for in multiples of this, in MiB.
    pub memory_step_mib: u32,
}

/// Which requests the list shows, as typed into the address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListQuery {
    /// Only those of this status.
    pub status: Option<Status>,
    /// Only those made from this template.
    pub template: Option<String>,
    /// Only those that this person asked for.
    pub owner: Option<String>,
    /// Only those with this text in their name.
    pub q: Option<String>,
    /// The cursor of the page before.
    pub after: Option<String>,
}

/// One row of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListedRequest {
    /// The request.
    pub request: Request,
    /// How far it is, as of now.
    pub progress: Progress,
}

/// How many rows a page of the board may ask for by their ids: their address must fit into a request.
pub const ASKED_ROWS_MAX: usize = 100;

/// A page of the board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BoardPage {
    /// Its rows, newest first.
    pub rows: Vec<ListedRequest>,
    /// What to give as `after` for the next page; none on the last one.
    pub next: Option<String>,
    /// Where the board's stream goes on from after these rows.
    pub last_event_id: String,
    /// Now, by the server's clock.
    pub server_time: Timestamp,
    /// How many requests there are.
    pub tally: Option<Tally>,
    /// What keeps the journal from going on just now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,
}

/// How many requests there are, whatever their status, of those that the list is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Of each status that there is, in the order of a request's life.
    pub statuses: Vec<(Status, u32)>,
    /// The templates that requests were made from, in the order of their names.
    pub templates: Vec<String>,
    /// Who has asked, in the order of their names.
    pub owners: Vec<String>,
}

/// Everything that the page of one request shows first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestDetail {
    /// The request.
    pub request: Request,
    /// How far it is, as of now (`server_time` is set).
    pub progress: Progress,
    /// The VM and how to go to it, once it is ready.
    pub finished: Option<Finished>,
    /// The id of the newest event that `progress` knows, to go on from: `<epoch>.<seq>`.
    pub last_event_id: String,
    /// What keeps the journal from going on just now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,
}

/// A VM that is ready, and how to go to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// The VM.
    pub vm: VirtualMachine,
    /// The line for a shell.
    pub ssh: String,
    /// Its page in vCenter; none in the simulated one.
    pub vcenter: Option<String>,
    /// How it compares with earlier ones, when there are enough.
    pub rank: Option<Rank>,
}

/// How a finished request compares with earlier ones of its template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rank {
    /// How many of them took longer, in percent.
    pub percent: u32,
    /// How many they are.
    pub runs: u32,
}

/// What can be said before a VM is asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Foresight {
    /// How many requests wait for a worker.
    pub ahead: u32,
    /// How long VMs of each template usually take, by its name: `None` where nobody has built one yet.
    /// What could not be found out is not in it.
    pub usual: Vec<(String, Option<Estimate>)>,
}

/// Whether a name is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameCheck {
    /// By whom it is taken, for a person.
    pub taken: Option<String>,
}

/// Everything that the replay of one request shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplayDetail {
    /// The request.
    pub request: Request,
    /// Its events in order, each with the progress as of then; never none.
    pub events: Vec<StageEvent>,
    /// Now by the server's clock.
    pub server_time: Timestamp,
}

/// What a person typed into the form, as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Draft {
    /// The VM's name.
    pub name: String,
    /// The template's name.
    pub template: String,
    /// Virtual CPUs.
    pub cpus: String,
    /// Memory in MiB.
    pub memory_mib: String,
    /// The network's name; empty for the template's.
    pub network_name: String,
    /// A fixed address with prefix length; empty for DHCP.
    pub ip_address: String,
    /// The gateway for the fixed address.
    pub gateway: String,
    /// The idempotency key: submitting one form twice makes one VM.
    pub key: String,
    /// Set by the server when it sends a refused form back: its values are checked and the errors shown.
    pub tried: bool,
}

/// The form for a new request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewRequestForm {
    /// The values to show in the fields: what was typed, or what the server proposes; `key` is filled.
    pub draft: Draft,
    /// What is wrong with the draft (only for one that was tried); fields are named as in the API.
    pub errors: Vec<FieldError>,
    /// What went wrong beyond single fields, for a person.
    pub problem: Option<String>,
    /// The templates to choose from.
    pub templates: Vec<Template>,
    /// Why there are none, when vCenter could not be asked.
    pub templates_problem: Option<String>,
    /// How long it usually takes, and how many wait.
    pub foresight: Foresight,
    /// The limits beside the fields.
    pub site: Site,
}

/// Why a page has no data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageError {
    /// The HTTP status that the page is sent with: 404, 422, 503.
    pub status: u16,
    /// What happened and what to do, for a person.
    pub detail: String,
}

/// What the pages ask of the server. One instance lives for one HTTP request and knows who is looking.
#[cfg(feature = "ssr")]
#[async_trait::async_trait]
pub trait Backend: Send + Sync {
    /// What every page shows in its frame.
    fn site(&self) -> Site;

    /// A page of the board.
    async fn requests(&self, query: ListQuery) -> Result<BoardPage, PageError>;

    /// One request with its progress.
    async fn request(&self, id: &str) -> Result<RequestDetail, PageError>;

    /// One request as it was after each of its events.
    async fn replay(&self, id: &str) -> Result<ReplayDetail, PageError>;

    /// The journal of one request.
    async fn history(&self, id: &str) -> Result<Vec<crate::api::HistoryItem>, PageError>;

    /// What all requests together say.
    async fn insights(&self) -> Result<Insights, PageError>;

    /// The form for a new request, checked if `draft.tried`.
    async fn new_request(&self, draft: Draft) -> NewRequestForm;
}
