//! The SOAP client for a real vCenter.
//!
//! About twenty methods of `urn:vim25`, typed. Requests are written by hand in the order that the
//! schema wants ([`specs`]); answers are read by name and tolerate what they do not know
//! ([`answer`]). Nothing is sent before it is needed, and the certificate is always checked
//! ([`mod@transport`]). Whatever vCenter says, the error names the method and never the password.
//!
//! Deliberately absent: repeating a call that failed. It is not known whether such a call had an
//! effect, so the adapter looks first. Only a call that was refused for want of a session is repeated
//! here, once, in a new one ([`session`]).

mod answer;
mod choice;
mod explain;
mod hosts;
mod machine;
mod network;
mod placement;
mod properties;
mod session;
mod specs;
mod transport;
mod waiter;
mod watched;
mod xml;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::time::timeout;
use url::Url;
use uuid::Uuid;

use self::placement::{Inventory, Places};
use self::session::{Session, Sessions, is_gone};
use self::specs::Target;
use self::transport::{Transport, transport};
use self::waiter::Waiters;
use self::xml::{ObjectRef, Request};
use super::api::{
    ApiError, CloneSpec, ConfigSpec, Customization, GuestInfo, TaskInfo, VcenterApi, VmInfo,
};
use crate::domain::ids::{MoRef, VcenterId};
use crate::domain::ports::vsphere::VmTemplate;

pub use self::placement::Placement;

/// How to reach vCenter, and where VMs are made in it.
#[derive(Clone)]
pub struct SoapSettings {
    /// `https://host/sdk`; a URL without a path gets `/sdk`.
    pub url: Url,
    /// Who logs in.
    pub username: String,
    /// The password.
    pub password: SecretString,
    /// The certificates that vCenter's must be signed by; without it the system's authorities.
    pub ca_file: Option<PathBuf>,
    /// Where VMs are made.
    pub placement: Placement,
    /// How long vCenter may take to answer one call. Waits for news get this on top.
    pub call_timeout: Duration,
}

impl fmt::Debug for SoapSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the whole URL: somebody may have put a password into it.
        f.debug_struct("SoapSettings")
            .field("host", &self.url.host_str())
            .field("username", &self.username)
            .field("ca_file", &self.ca_file)
            .field("placement", &self.placement)
            .field("call_timeout", &self.call_timeout)
            .finish_non_exhaustive()
    }
}

/// A client of one vCenter.
pub struct SoapClient {
    host: String,
    sessions: Sessions,
    placement: Placement,
    /// What the placement means, once it was resolved.
    places: Mutex<Option<Arc<Places>>>,
    tasks: Waiters<TaskInfo>,
    guests: Waiters<GuestInfo>,
}

impl fmt::Debug for SoapClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoapClient").field("host", &self.host).finish_non_exhaustive()
    }
}

impl SoapClient {
    /// Makes a client. It connects when it is first used.
    ///
    /// # Errors
    ///
    /// [`ApiError::Placement`] when the URL is not one of HTTPS, or holds a password.
    pub fn new(mut settings: SoapSettings) -> Result<Self, ApiError> {
        let wrong = |what: &str| ApiError::Placement { reason: format!("VSPHERE_URL {what}") };
        let url = &mut settings.url;
        if url.scheme() != "https" {
            return Err(wrong("must begin with https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let what = "must not hold a user or password: use VSPHERE_USERNAME and \
                        VSPHERE_PASSWORD_FILE";
            return Err(wrong(what));
        }
        let host = url.host_str().ok_or_else(|| wrong("names no host"))?.to_owned();
        if matches!(url.path(), "" | "/") {
            url.set_path("/sdk");
        }
        let placement = settings.placement.clone();
        Ok(Self {
            host,
            sessions: Sessions::new(Transport::new(settings)),
            placement,
            places: Mutex::default(),
            tasks: Waiters::new(),
            guests: Waiters::new(),
        })
    }

    /// Ends the session with vCenter, if there is one: for a server that stops.
    ///
    /// # Errors
    ///
    /// As for any call. The session ends by itself when it is not used.
    pub async fn log_out(&self) -> Result<(), ApiError> {
        self.sessions.log_out().await
    }

    /// Does something at the places that the settings mean. Known places are looked up again when
    /// vCenter says that something is gone.
    async fn at_places<T, F>(
        &self,
        session: &Session,
        work: impl Fn(Arc<Places>) -> F,
    ) -> Result<T, ApiError>
    where
        F: Future<Output = Result<T, ApiError>>,
    {
        let known = self.known_places().clone();
        if let Some(places) = known {
            match work(places).await {
                Err(error) if is_gone(&error) => {}
                outcome => return outcome,
            }
            *self.known_places() = None;
        }
        let places = Arc::new(Inventory::read(session).await?.places(&self.placement)?);
        *self.known_places() = Some(Arc::clone(&places));
        work(places).await
    }

    fn known_places(&self) -> std::sync::MutexGuard<'_, Option<Arc<Places>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what changes something, within its deadline: nothing is sent after it.
    async fn change<F>(
        &self,
        method: &'static str,
        deadline: Duration,
        work: impl Fn(Session) -> F,
    ) -> Result<MoRef, ApiError>
    where
        F: Future<Output = Result<MoRef, ApiError>>,
    {
        timeout(deadline, self.sessions.with(work))
            .await
            .unwrap_or_else(|_| Err(self.no_answer(method, deadline)))
    }

    fn no_answer(&self, method: &'static str, deadline: Duration) -> ApiError {
        let seconds = deadline.as_secs();
        transport(method, format!("no answer from {} within {seconds} s", self.host))
    }

    async fn change_vm(&self, request: Request, deadline: Duration) -> Result<MoRef, ApiError> {
        let method = request.method;
        self.change(method, deadline, |session| {
            let request = request.clone();
            async move { session.call(request, answer::returned_task).await }
        })
        .await
    }

    async fn list_templates(&self, session: Session) -> Result<Vec<VmTemplate>, ApiError> {
        let session = &session;
        self.at_places(session, |places| async move {
            let found = machine::find_templates(session, &places.template_folder).await?;
            let found = found.into_iter().map(|(_, template)| template).collect();
            machine::read_templates(session, found).await
        })
        .await
    }

    async fn find_child(&self, session: Session, name: &str) -> Result<Option<MoRef>, ApiError> {
        let session = &session;
        self.at_places(session, |places| async move {
            let index = &session.content.search_index;
            let request = Request::new("FindChild", index, |writer| {
                writer.reference("entity", &places.folder);
                writer.text("name", name);
            });
            session.call(request, |response| Some(found_vm(response))).await
        })
        .await
    }

    async fn clone_in(&self, session: Session, clone: &CloneSpec) -> Result<MoRef, ApiError> {
        let session = &session;
        self.at_places(session, |places| self.clone_at(session, clone, places)).await
    }

    async fn clone_at(
        &self,
        session: &Session,
        clone: &CloneSpec,
        places: Arc<Places>,
    ) -> Result<MoRef, ApiError> {
        let template = find_template(session, &places.template_folder, &clone.template).await?;
        let wanted = clone.network.as_ref().or(self.placement.network.as_ref());
        let mut nic = None;
        let mut backing = None;
        if let Some(wanted) = wanted {
            // The first card only: the others serve what the template was made for.
            nic = machine::read_nics(session, &template).await?.into_iter().next();
            backing = Some(network::find_backing(session, &places.network_folder, wanted).await?);
        }
        if let (Some(wanted), None) = (wanted, &nic) {
            let template = &clone.template;
            let reason =
                format!("template {template:?} has no network card to connect to {wanted:?}");
            return Err(ApiError::Placement { reason });
        }
        let host = hosts::choose_host(session, &places).await?;
        let target = Target {
            folder: &places.folder,
            pool: &places.pool,
            datastore: &places.datastore,
            host: host.as_ref(),
        };
        let request =
            specs::clone_vm(&template, clone, &target, nic.as_ref().zip(backing.as_ref()));
        session.call(request, answer::returned_task).await
    }
}

/// The one template of that name.
async fn find_template(
    session: &Session,
    folder: &ObjectRef,
    name: &str,
) -> Result<ObjectRef, ApiError> {
    let mut named: Vec<_> = machine::find_templates(session, folder)
        .await?
        .into_iter()
        .filter(|(found, _)| found == name)
        .map(|(_, template)| template)
        .collect();
    match (named.pop(), named.len()) {
        (None, _) => Err(ApiError::TemplateNotFound(name.to_owned())),
        (Some(template), 0) => Ok(template),
        (Some(_), more) => {
            let count = more + 1;
            let reason = format!(
                "{count} templates are called {name:?}: set VSPHERE_TEMPLATE_FOLDER to the folder \
                 of the one that is meant"
            );
            Err(ApiError::Placement { reason })
        }
    }
}

#[async_trait]
impl VcenterApi for SoapClient {
    async fn vcenter(&self) -> Result<VcenterId, ApiError> {
        Ok(self.sessions.content().await?.vcenter)
    }

    async fn templates(&self) -> Result<Vec<VmTemplate>, ApiError> {
        self.sessions.with(|session| self.list_templates(session)).await
    }

    async fn find_by_name(&self, name: &str) -> Result<Option<MoRef>, ApiError> {
        self.sessions.with(|session| self.find_child(session, name)).await
    }

    async fn find_by_instance_uuid(&self, instance_uuid: Uuid) -> Result<Option<MoRef>, ApiError> {
        self.sessions
            .with(|session| async move {
                let index = &session.content.search_index;
                let request = Request::new("FindByUuid", index, |writer| {
                    writer.text("uuid", &instance_uuid.to_string());
                    writer.flag("vmSearch", true);
                    writer.flag("instanceUuid", true);
                });
                session.call(request, |response| Some(found_vm(response))).await
            })
            .await
    }

    async fn vm(&self, vm: &MoRef) -> Result<Option<VmInfo>, ApiError> {
        self.sessions.with(|session| async move { machine::read_vm(&session, vm).await }).await
    }

    async fn clone_vm(&self, clone: &CloneSpec, deadline: Duration) -> Result<MoRef, ApiError> {
        self.change("CloneVM_Task", deadline, |session| self.clone_in(session, clone)).await
    }

    async fn reconfigure_vm(
        &self,
        vm: &MoRef,
        config: &ConfigSpec,
        deadline: Duration,
    ) -> Result<MoRef, ApiError> {
        self.change_vm(specs::reconfigure_vm(&ObjectRef::vm(vm), config), deadline).await
    }

    async fn customize_vm(
        &self,
        vm: &MoRef,
        customization: &Customization,
        deadline: Duration,
    ) -> Result<MoRef, ApiError> {
        self.change_vm(specs::customize_vm(&ObjectRef::vm(vm), customization), deadline).await
    }

    async fn power_on(&self, vm: &MoRef, deadline: Duration) -> Result<MoRef, ApiError> {
        self.change_vm(specs::plain_task("PowerOnVM_Task", &ObjectRef::vm(vm)), deadline).await
    }

    async fn power_off(&self, vm: &MoRef, deadline: Duration) -> Result<MoRef, ApiError> {
        self.change_vm(specs::plain_task("PowerOffVM_Task", &ObjectRef::vm(vm)), deadline).await
    }

    async fn destroy(&self, vm: &MoRef, deadline: Duration) -> Result<MoRef, ApiError> {
        self.change_vm(specs::plain_task("Destroy_Task", &ObjectRef::vm(vm)), deadline).await
    }

    async fn cancel_task(&self, task: &MoRef, deadline: Duration) -> Result<(), ApiError> {
        let request = specs::plain_task("CancelTask", &ObjectRef::new("Task", &task.0));
        let cancelled = self.sessions.with(|session| {
            let request = request.clone();
            async move { session.call(request, |_| Some(())).await }
        });
        timeout(deadline, cancelled)
            .await
            .unwrap_or_else(|_| Err(self.no_answer("CancelTask", deadline)))
    }

    async fn wait_for_task(
        &self,
        task: &MoRef,
        seen: Option<&TaskInfo>,
        wait: Duration,
    ) -> Result<TaskInfo, ApiError> {
        self.tasks.news(&self.sessions, task, seen, wait).await
    }

    async fn wait_for_guest(
        &self,
        vm: &MoRef,
        seen: Option<&GuestInfo>,
        wait: Duration,
    ) -> Result<GuestInfo, ApiError> {
        self.guests.news(&self.sessions, vm, seen, wait).await
    }
}

/// The VM or template that was found, if it is one: a folder may have the same name.
fn found_vm(response: roxmltree::Node<'_, '_>) -> Option<MoRef> {
    let found = answer::returned_reference(response)?;
    (found.kind == "VirtualMachine").then(|| found.moref())
}
