//! What a person wishes: a VM, no VM any more, another attempt.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tracing::info;
use uuid::Uuid;

use super::feed::lock;
use super::journal::{Journal, OpenRequest, RecordError};
use super::trigger_provisioning::driving::Driving;
use super::vcenter::CurrentVcenter;
use super::vcenter_health::VcenterHealth;
use crate::domain::estimate::Position;
use crate::domain::event::NewEvent;
use crate::domain::ids::{RequestId, Viewer};
use crate::domain::ports::event_store::{
    CreateError, Created, EventStore, Idempotency, NewRequest, StoreError,
};
use crate::domain::ports::progress::ProgressRepository;
use crate::domain::ports::vsphere::{VmTemplate, VsphereError, VspherePort};
use crate::domain::spec::{InvalidField, RawSpec, SpecLimits, VmSpec, is_vm_name};
use crate::domain::stage::VmProvisioningStage as Stage;
use crate::domain::vm::{Command, DecideError, VmAggregate, decide};

/// How long a list of templates is good for: a new template shows up soon, and a page that many people
/// open does not ask vCenter each time.
const TEMPLATES_TTL: Duration = Duration::from_secs(15);

/// How long vCenter may take to answer before a wish is accepted without having been checked there:
/// the saga looks again anyway, and the API answers within 3 s.
const CHECK_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Accepts requests.
#[derive(Debug)]
pub struct Requests {
    store: Arc<dyn EventStore>,
    repository: Arc<dyn ProgressRepository>,
    vsphere: Arc<dyn VspherePort>,
    vcenter: Arc<CurrentVcenter>,
    health: Arc<VcenterHealth>,
    limits: SpecLimits,
    slow_after: Duration,
    /// Tells the saga that there is work.
    wake: Arc<Notify>,
    journal: Arc<Journal>,
    driving: Arc<Driving>,
    templates: Mutex<Option<(Instant, Arc<Vec<VmTemplate>>)>>,
}

/// A wish that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// As a new request.
    New(RequestId),
    /// It is the request that was accepted under the same key before.
    Existing(RequestId),
}

/// Why a wish was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// These fields are wrong.
    #[error("{} fields are wrong", .0.len())]
    Invalid(Vec<InvalidField>),
    /// The name is taken: by whom, for a person.
    #[error("{0}")]
    NameTaken(&'static str),
    /// The idempotency key was used for another wish.
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    /// PostgreSQL cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a request was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is none that this viewer may see.
    #[error("there is no such request")]
    NotFound,
    /// It is not possible in the request's state.
    #[error(transparent)]
    NotPossible(DecideError),
    /// Another living request has taken the name meanwhile.
    #[error("{0}")]
    NameTaken(&'static str),
    /// PostgreSQL cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<RecordError> for ChangeError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Decide(error) => Self::NotPossible(error),
            RecordError::NameTaken => Self::NameTaken(NAME_OF_REQUEST),
            RecordError::Store(error) => Self::Store(error),
            RecordError::Fenced | RecordError::Contended => {
                Self::Store(StoreError::not_answering(error))
            }
        }
    }
}

/// What [`Requests`] is made of.
#[derive(Debug)]
pub struct RequestsParts {
    /// The journal.
    pub store: Arc<dyn EventStore>,
    /// The read models.
    pub repository: Arc<dyn ProgressRepository>,
    /// vCenter.
    pub vsphere: Arc<dyn VspherePort>,
    /// Which vCenter that is.
    pub vcenter: Arc<CurrentVcenter>,
    /// Whether that one answers.
    pub health: Arc<VcenterHealth>,
    /// What may be asked for.
    pub limits: SpecLimits,
    /// From when on a request counts as slow.
    pub slow_after: Duration,
    /// Wakes the saga.
    pub wake: Arc<Notify>,
    /// Where what a person does is recorded.
    pub journal: Arc<Journal>,
    /// The drivers that must hear of it.
    pub driving: Arc<Driving>,
}

impl Requests {
    /// Accepts requests over these parts.
    pub fn new(parts: RequestsParts) -> Self {
        let RequestsParts { store, repository, vsphere, vcenter, health, .. } = parts;
        let RequestsParts { limits, slow_after, wake, journal, driving, .. } = parts;
        Self {
            store,
            repository,
            vsphere,
            vcenter,
            health,
            limits,
            slow_after,
            wake,
            journal,
            driving,
            templates: Mutex::new(None),
        }
    }

    /// What may be asked for.
    pub fn limits(&self) -> &SpecLimits {
        &self.limits
    }

    /// Accepts a wish, or says everything that is wrong with it.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub async fn accept(
        &self,
        viewer: &Viewer,
        raw: &RawSpec,
        key: Option<String>,
    ) -> Result<Accepted, RequestError> {
        let mut spec = self.parse(RequestId(Uuid::nil()), raw).await?;
        let idempotency = key.map(|key| Idempotency { key, body: spec.fingerprint() });
        if let Some(existing) = self.find(viewer, idempotency.as_ref()).await? {
            return Ok(Accepted::Existing(existing));
        }
        if let Err(refused) = self.check_with_vcenter(&spec).await {
            // The same key may have been accepted meanwhile, and what has the name be its own VM.
            let existing = self.find(viewer, idempotency.as_ref()).await?;
            return existing.map(Accepted::Existing).ok_or(refused);
        }
        // Drawn as late as can be, since lists are in the order of the ids.
        let id = RequestId(Uuid::now_v7());
        spec.request_id = id;
        let new = self.first_event(viewer, spec, idempotency).await?;
        match self.journal.create(new).await.map_err(from_create)? {
            Created::New(_) => {
                info!(request.id = %id, "request {id} was accepted");
                self.wake.notify_one();
                Ok(Accepted::New(id))
            }
            Created::Existing(existing) => Ok(Accepted::Existing(existing)),
        }
    }

    /// Checks a wish as [`accept`](Self::accept) would, without accepting it.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub async fn check(&self, raw: &RawSpec) -> Result<(), RequestError> {
        let spec = self.parse(RequestId(Uuid::nil()), raw).await?;
        self.check_with_vcenter(&spec).await?;
        if self.repository.name_is_living(&spec.name).await? {
            return Err(RequestError::NameTaken(NAME_OF_REQUEST));
        }
        Ok(())
    }

    /// Cancels a request: what was made is removed.
    ///
    /// # Errors
    ///
    /// [`ChangeError`].
    pub async fn cancel(&self, viewer: &Viewer, request: RequestId) -> Result<(), ChangeError> {
        let mut open = self.open(viewer, request).await?;
        self.change(&mut open, Command::Cancel { by: viewer.0.clone() }).await
    }

    /// Begins a new attempt of a request that failed, was cancelled or needs attention.
    ///
    /// # Errors
    ///
    /// [`ChangeError`].
    pub async fn retry(&self, viewer: &Viewer, request: RequestId) -> Result<(), ChangeError> {
        let mut open = self.open(viewer, request).await?;
        let command = Command::Retry { by: viewer.0.clone() };
        decide(&open.aggregate, command.clone()).map_err(ChangeError::NotPossible)?;
        // What was left behind may be this request's own VM, and that one is gone on with.
        if open.timeline.left.is_empty() && self.name_is_in_use(&open.timeline.spec.name).await {
            return Err(ChangeError::NameTaken(NAME_OF_VM));
        }
        self.change(&mut open, command).await
    }

    async fn open(&self, viewer: &Viewer, request: RequestId) -> Result<OpenRequest, ChangeError> {
        let open = self.journal.open(request).await?;
        let open = open.filter(|open| viewer.may_see(&open.timeline.owner));
        open.ok_or(ChangeError::NotFound)
    }

    async fn change(&self, open: &mut OpenRequest, command: Command) -> Result<(), ChangeError> {
        // No epoch: a person's wish is not fenced by a worker's lease.
        self.journal.record(open, None, command).await?;
        self.driving.heard(open.timeline.request, open.timeline.seq);
        self.wake.notify_one();
        Ok(())
    }

    /// Whether vCenter says so. When it does not answer the saga finds out.
    async fn name_is_in_use(&self, name: &str) -> bool {
        let asked = tokio::time::timeout(CHECK_TIMEOUT, self.vsphere.name_in_use(name)).await;
        if matches!(asked, Ok(Ok(_))) {
            self.health.answered();
        }
        matches!(asked, Ok(Ok(true)))
    }

    /// By whom a name is taken, for a person; `None` also for what can be no name, and when vCenter
    /// does not say in time.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn name_taken(&self, name: &str) -> Result<Option<&'static str>, StoreError> {
        if !is_vm_name(name) {
            return Ok(None);
        }
        if self.repository.name_is_living(name).await? {
            return Ok(Some(NAME_OF_REQUEST));
        }
        Ok(self.name_is_in_use(name).await.then_some(NAME_OF_VM))
    }

    /// The wrong fields of a wish, all at once.
    pub async fn wrong_fields(&self, raw: &RawSpec) -> Vec<InvalidField> {
        match self.parse(RequestId(Uuid::nil()), raw).await {
            Err(RequestError::Invalid(wrong)) => wrong,
            Ok(_) | Err(_) => Vec::new(),
        }
    }

    /// Reads a wish. When fields are wrong, the template is looked up too, so that nobody mends the
    /// others only to hear of that one next.
    async fn parse(&self, id: RequestId, raw: &RawSpec) -> Result<VmSpec, RequestError> {
        let mut wrong = match VmSpec::parse(id, raw, &self.limits) {
            Ok(spec) => return Ok(spec),
            Err(wrong) => wrong,
        };
        if !wrong.iter().any(|wrong| wrong.field == "template")
            && let Ok(Ok(templates)) = tokio::time::timeout(CHECK_TIMEOUT, self.templates()).await
        {
            wrong.extend(no_such_template(&templates, &raw.template));
        }
        Err(RequestError::Invalid(wrong))
    }

    async fn find(
        &self,
        viewer: &Viewer,
        idempotency: Option<&Idempotency>,
    ) -> Result<Option<RequestId>, RequestError> {
        match idempotency {
            Some(idempotency) => self.store.find(&viewer.0, idempotency).await.map_err(from_create),
            None => Ok(None),
        }
    }

    /// The templates of vCenter, at most [`TEMPLATES_TTL`] old.
    ///
    /// # Errors
    ///
    /// As [`VspherePort::templates`].
    pub async fn templates(&self) -> Result<Arc<Vec<VmTemplate>>, VsphereError> {
        let cached = lock(&self.templates).clone();
        if let Some((at, templates)) = cached
            && at.elapsed() < TEMPLATES_TTL
        {
            return Ok(templates);
        }
        let templates = Arc::new(self.vsphere.templates().await?);
        self.health.answered();
        *lock(&self.templates) = Some((Instant::now(), Arc::clone(&templates)));
        Ok(templates)
    }

    /// What only vCenter knows. When it does not answer the wish is taken as it is: the saga looks
    /// before it clones, and says what is wrong.
    async fn check_with_vcenter(&self, spec: &VmSpec) -> Result<(), RequestError> {
        let asked = async {
            let templates = self.templates().await?;
            Ok::<_, VsphereError>((templates, self.vsphere.name_in_use(&spec.name).await?))
        };
        let Ok(Ok((templates, name_in_use))) = tokio::time::timeout(CHECK_TIMEOUT, asked).await
        else {
            return Ok(());
        };
        self.health.answered();
        if let Some(wrong) = no_such_template(&templates, &spec.template) {
            return Err(RequestError::Invalid(vec![wrong]));
        }
        if name_in_use {
            return Err(RequestError::NameTaken(NAME_OF_VM));
        }
        Ok(())
    }

    async fn first_event(
        &self,
        viewer: &Viewer,
        spec: VmSpec,
        idempotency: Option<Idempotency>,
    ) -> Result<NewRequest, RequestError> {
        let owner = viewer.0.clone();
        let slow_after_ms = u64::try_from(self.slow_after.as_millis()).unwrap_or(u64::MAX);
        let command = Command::Request { spec: spec.clone(), owner: owner.clone(), slow_after_ms };
        let mut events = decide(&VmAggregate::NotRequested, command)
            .map_err(|defect| StoreError::Unexpected(Box::new(defect)))?;
        let event = events
            .pop()
            .ok_or_else(|| StoreError::Unexpected("a request decided nothing".into()))?;
        let vcenter = self.vcenter.known();
        let learned = self.repository.learned(vcenter.as_ref(), &spec).await?;
        let event = NewEvent { event, told: learned.tell(Position::In(Stage::Created, 0)) };
        Ok(NewRequest { spec, owner, vcenter, event, idempotency })
    }
}

const NAME_OF_REQUEST: &str = "another request that is not finished has this name";
const NAME_OF_VM: &str = "a VM in vCenter's folder has this name";

fn no_such_template(templates: &[VmTemplate], wanted: &str) -> Option<InvalidField> {
    let is_there = templates.iter().any(|template| template.name == wanted);
    let message = format!("there is no template {wanted:?} in vCenter");
    (!is_there).then_some(InvalidField { field: "template", message })
}

fn from_create(error: CreateError) -> RequestError {
    match error {
        CreateError::NameTaken => RequestError::NameTaken(NAME_OF_REQUEST),
        CreateError::KeyReused => RequestError::KeyReused,
        CreateError::Store(error) => RequestError::Store(error),
    }
}
