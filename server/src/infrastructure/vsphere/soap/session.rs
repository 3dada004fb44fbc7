//! The session with vCenter: logged in when first needed, and once more when vCenter has forgotten it.
//!
//! However many calls find themselves logged out, one of them logs in, and the others wait for it and
//! share its outcome. A refused login is remembered and not repeated for a while: vCenter locks an
//! account after a few of them.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderValue;
use roxmltree::Node;
use secrecy::ExposeSecret;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::answer;
use super::transport::{Transport, transport as transport_error};
use super::xml::{ObjectRef, Request};
use crate::domain::ids::VcenterId;
use crate::infrastructure::vsphere::api::ApiError;

/// How long a refused login is answered from memory. vCenter locks an account for five minutes after
/// five refusals within three minutes, so one a minute is few enough.
const LOGIN_REFUSAL_KEPT: Duration = Duration::from_secs(60);
/// The language of vCenter's words.
const LOCALE: &str = "en_US";
/// The faults by which vCenter says that a login fails until a person changes something.
const LOGIN_REFUSALS: [&str; 3] = ["InvalidLogin", "PasswordExpired", "NoPermission"];

/// The managed objects that everything else starts from.
#[derive(Debug)]
pub(super) struct ServiceContent {
    pub(super) vcenter: VcenterId,
    pub(super) root_folder: ObjectRef,
    pub(super) property_collector: ObjectRef,
    pub(super) view_manager: ObjectRef,
    pub(super) search_index: ObjectRef,
    pub(super) session_manager: ObjectRef,
}

/// A login. Cheap to clone.
#[derive(Clone)]
pub(super) struct Session {
    transport: Arc<Transport>,
    cookie: HeaderValue,
    pub(super) content: Arc<ServiceContent>,
}

impl Session {
    /// One call within this session. `read` answers `None` when the response lacks what it must have.
    pub(super) async fn call<T>(
        &self,
        request: Request,
        read: impl FnOnce(Node<'_, '_>) -> Option<T>,
    ) -> Result<T, ApiError> {
        self.call_slow(request, Duration::ZERO, read).await
    }

    /// The same for a call that vCenter may hold back for `extra`.
    pub(super) async fn call_slow<T>(
        &self,
        request: Request,
        extra: Duration,
        read: impl FnOnce(Node<'_, '_>) -> Option<T>,
    ) -> Result<T, ApiError> {
        Ok(self.transport.call(request, Some(&self.cookie), extra, read).await?.value)
    }
}

/// A managed object that was made for one use, and that vCenter keeps until it is destroyed or the
/// session ends. It is destroyed when this is dropped, also when the one who uses it is given up.
pub(super) struct Transient {
    session: Session,
    object: ObjectRef,
    destroy: &'static str,
}

impl Transient {
    /// Makes one by `create`, to be destroyed by the method `destroy`.
    ///
    /// On its own task: who asked may be given up while vCenter answers, and what it then has made is
    /// destroyed all the same.
    pub(super) async fn create(
        session: &Session,
        create: Request,
        destroy: &'static str,
    ) -> Result<Self, ApiError> {
        let (session, operation) = (session.clone(), create.method);
        let made = tokio::spawn(async move {
            let object = session.call(create, answer::returned_reference).await?;
            Ok(Self { session, object, destroy })
        });
        made.await.unwrap_or_else(|error| Err(transport_error(operation, error.to_string())))
    }

    pub(super) fn object(&self) -> &ObjectRef {
        &self.object
    }
}

impl Drop for Transient {
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else { return };
        let (session, request) =
            (self.session.clone(), Request::new(self.destroy, &self.object, |_| {}));
        // The call's timeout ends it.
        runtime.spawn(async move {
            let operation = request.method;
            if let Err(error) = session.call(request, |_| Some(())).await {
                tracing::debug!(%error, "{operation} was not done");
            }
        });
    }
}

/// Whether a call failed because vCenter does not know the session (any more).
pub(super) fn is_logged_out(error: &ApiError) -> bool {
    is_fault(error, "NotAuthenticated")
}

/// Whether a call failed because an object that it names does not exist (any more).
pub(super) fn is_gone(error: &ApiError) -> bool {
    is_fault(error, "ManagedObjectNotFound")
}

fn is_fault(error: &ApiError, kind: &str) -> bool {
    matches!(error, ApiError::Fault { fault, .. } if fault.kind == kind)
}

/// Keeps the one session.
pub(super) struct Sessions {
    transport: Arc<Transport>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    session: Option<Session>,
    failure: Option<Failure>,
}

/// How the last login failed.
struct Failure {
    at: Instant,
    error: ApiError,
}

impl Failure {
    /// Whether it is the outcome for a caller who has waited since `since`, too.
    fn stands(&self, since: Instant) -> bool {
        let refused = matches!(
            &self.error,
            ApiError::Fault { fault, .. } if LOGIN_REFUSALS.contains(&fault.kind.as_str())
        );
        self.at >= since || (refused && self.at.elapsed() < LOGIN_REFUSAL_KEPT)
    }
}

impl Sessions {
    pub(super) fn new(transport: Transport) -> Self {
        Self { transport: Arc::new(transport), state: Arc::default() }
    }

    /// The session; logs in when there is none.
    pub(super) async fn get(&self) -> Result<Session, ApiError> {
        self.get_other_than(None).await
    }

    /// Does something within the session, and once more in a new one if vCenter has forgotten it.
    ///
    /// Repeating is safe: vCenter checks the session before it does anything.
    pub(super) async fn with<T, F>(&self, work: impl Fn(Session) -> F) -> Result<T, ApiError>
    where
        F: Future<Output = Result<T, ApiError>>,
    {
        let session = self.get().await?;
        match work(session.clone()).await {
            Err(error) if is_logged_out(&error) => {}
            outcome => return outcome,
        }
        let session = self.get_other_than(Some(&session)).await?;
        let outcome = work(session).await;
        if let Err(ApiError::Fault { operation, fault }) = &outcome
            && fault.kind == "NotAuthenticated"
        {
            let reason = "vCenter forgot the session right after the login".to_owned();
            return Err(transport_error(operation, reason));
        }
        outcome
    }

    async fn get_other_than(&self, dead: Option<&Session>) -> Result<Session, ApiError> {
        let since = Instant::now();
        let mut state = Arc::clone(&self.state).lock_owned().await;
        if let Some(session) = &state.session
            && dead.is_none_or(|dead| dead.cookie != session.cookie)
        {
            return Ok(session.clone());
        }
        state.session = None;
        if let Some(failure) = &state.failure
            && failure.stands(since)
        {
            return Err(copy(&failure.error));
        }
        let transport = Arc::clone(&self.transport);
        // On its own: who asked may not wait for the outcome, and it must be remembered all the same.
        let login = tokio::spawn(async move {
            let outcome = log_in(transport).await;
            match &outcome {
                Ok(session) => {
                    state.session = Some(session.clone());
                    state.failure = None;
                }
                Err(error) => {
                    state.failure = Some(Failure { at: Instant::now(), error: copy(error) });
                }
            }
            outcome
        });
        login.await.unwrap_or_else(|error| Err(transport_error("Login", error.to_string())))
    }

    /// Asks for the service content. Needs no login.
    pub(super) async fn content(&self) -> Result<ServiceContent, ApiError> {
        content(&self.transport).await
    }

    /// Ends the session, if there is one. vCenter ends an idle one by itself after half an hour.
    pub(super) async fn log_out(&self) -> Result<(), ApiError> {
        let Some(session) = self.state.lock().await.session.take() else { return Ok(()) };
        let request = Request::new("Logout", &session.content.session_manager, |_| {});
        session.call(request, |_| Some(())).await
    }
}

async fn content(transport: &Transport) -> Result<ServiceContent, ApiError> {
    let request = Request::new(
        "RetrieveServiceContent",
        &ObjectRef::new("ServiceInstance", "ServiceInstance"),
        |_| {},
    );
    Ok(transport.call(request, None, Duration::ZERO, read_content).await?.value)
}

async fn log_in(transport: Arc<Transport>) -> Result<Session, ApiError> {
    let content = content(&transport).await?;
    let settings = transport.settings();
    let request = Request::new("Login", &content.session_manager, |writer| {
        writer.text("userName", &settings.username);
        writer.text("password", settings.password.expose_secret());
        // vCenter's words are shown to people beside ours.
        writer.text("locale", LOCALE);
    });
    let answered = transport.call(request, None, Duration::ZERO, |_| Some(())).await?;
    let cookie = answered
        .cookie
        .ok_or_else(|| transport_error("Login", "vCenter gave no session cookie".to_owned()))?;
    tracing::info!(vcenter = %content.vcenter, "logged in to vCenter");
    Ok(Session { transport, cookie, content: Arc::new(content) })
}

fn read_content(response: Node<'_, '_>) -> Option<ServiceContent> {
    let content = answer::child(response, "returnval")?;
    let object = |name| answer::child(content, name).and_then(answer::reference);
    let about = answer::child(content, "about")?;
    Some(ServiceContent {
        vcenter: VcenterId(answer::text(about, "instanceUuid")?.to_owned()),
        root_folder: object("rootFolder")?,
        property_collector: object("propertyCollector")?,
        view_manager: object("viewManager")?,
        search_index: object("searchIndex")?,
        session_manager: object("sessionManager")?,
    })
}

/// The same error for another caller; causes cannot be shared.
fn copy(error: &ApiError) -> ApiError {
    match error {
        ApiError::Transport { operation, reason, .. } => transport_error(operation, reason.clone()),
        ApiError::Certificate { reason } => ApiError::Certificate { reason: reason.clone() },
        ApiError::Placement { reason } => ApiError::Placement { reason: reason.clone() },
        ApiError::TemplateNotFound(name) => ApiError::TemplateNotFound(name.clone()),
        ApiError::Fault { operation, fault } => ApiError::Fault { operation, fault: fault.clone() },
    }
}
