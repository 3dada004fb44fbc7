//! Whether vCenter answers, as this server finds it: the [breaker](super::breaker) in use.
//!
//! Each server finds out for itself, since one may be cut off where another is not: while it is, it
//! takes no requests, so that those who can go on with them. What it knows is true only now, so it is
//! told to those who watch and kept nowhere.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::breaker::{Breaker, VcenterOutage};
use super::feed::{Feed, lock};
use super::patience::answered;
use super::vcenter::CurrentVcenter;
use crate::domain::ports::clock::Clock;
use crate::domain::ports::event_store::{Leases, StoreError};
use crate::domain::ports::progress::ProgressRepository;
use crate::domain::ports::vsphere::{VsphereError, VspherePort};

/// How long a probe may take: as long as a call to vCenter usually may.
const PROBE_MAX: Duration = Duration::from_secs(10);

/// How long PostgreSQL is asked again and again to let those go on who wait for vCenter; after that
/// each goes on when its own pause is over.
const RESUME_TRIES: u32 = 5;

/// The pause between those tries.
const RESUME_PAUSE: Duration = Duration::from_millis(500);

/// What this server knows of its vCenter's health.
#[derive(Debug)]
pub struct VcenterHealth {
    vsphere: Arc<dyn VspherePort>,
    clock: Arc<dyn Clock>,
    /// A std mutex: it is held for a decision.
    breaker: Mutex<Breaker>,
    /// Rung when a probe is to be sent.
    doubtful: Notify,
    outage: watch::Sender<Option<VcenterOutage>>,
}

/// Who must hear of an outage, and of its end.
#[derive(Debug)]
pub struct Listeners {
    /// Those who watch.
    pub feed: Arc<Feed>,
    /// Which vCenter it is.
    pub vcenter: Arc<CurrentVcenter>,
    /// Which requests are driven by somebody.
    pub repository: Arc<dyn ProgressRepository>,
    /// Which requests wait for a later try.
    pub leases: Arc<dyn Leases>,
    /// Tells the saga that there is work.
    pub wake: Arc<Notify>,
}

impl VcenterHealth {
    /// All is well, as far as is known.
    pub fn new(vsphere: Arc<dyn VspherePort>, clock: Arc<dyn Clock>) -> Self {
        let outage = watch::Sender::new(None);
        let (breaker, doubtful) = (Mutex::default(), Notify::new());
        Self { vsphere, clock, breaker, doubtful, outage }
    }

    /// Whether vCenter may be asked: false while it is away, or while that is being found out.
    pub fn may_ask(&self) -> bool {
        lock(&self.breaker).is_closed()
    }

    /// The outage, if there is one.
    pub fn outage(&self) -> Option<VcenterOutage> {
        self.outage.borrow().clone()
    }

    /// A call to vCenter got no answer, for this reason.
    pub fn unanswered(&self, reason: &str) {
        let mut breaker = lock(&self.breaker);
        breaker.unanswered(self.clock.now(), reason);
        if breaker.probe_due().is_some() {
            self.doubtful.notify_one();
        }
    }

    /// vCenter has answered a call.
    pub fn answered(&self) {
        lock(&self.breaker).answered();
        self.tell();
    }

    /// Probes vCenter while it is away, and tells `listeners` of each change, until `shutdown`.
    pub async fn watch(&self, listeners: Listeners, shutdown: CancellationToken) {
        let probes = async {
            loop {
                self.probe_when_due().await;
            }
        };
        let changes = async {
            let mut outage = self.outage.subscribe();
            while outage.changed().await.is_ok() {
                let now = outage.borrow_and_update().clone();
                self.listen(&listeners, now).await;
            }
        };
        let both = async { tokio::join!(probes, changes) };
        shutdown.run_until_cancelled(both).await;
    }

    async fn probe_when_due(&self) {
        let due = lock(&self.breaker).probe_due();
        let Some(due) = due else { return self.doubtful.notified().await };
        let now = self.clock.now();
        if let Ok(left) = (due - now).to_std()
            && !left.is_zero()
        {
            // An answer that somebody else gets ends the wait for nothing; then none is due any more.
            return tokio::time::sleep(left).await;
        }
        if !lock(&self.breaker).begin_probe(now) {
            return;
        }
        let reason = match tokio::time::timeout(PROBE_MAX, self.vsphere.vcenter()).await {
            Ok(Err(VsphereError::Unavailable { reason, .. })) => reason,
            // It may have refused, but it has answered.
            Ok(Ok(_) | Err(_)) => return self.answered(),
            Err(_) => format!("no answer within {} s", PROBE_MAX.as_secs()),
        };
        lock(&self.breaker).probe_failed(self.clock.now(), &reason);
        self.tell();
    }

    /// Lets everybody know whether there is an outage.
    fn tell(&self) {
        // Held while it is told, so that what was decided last is told last.
        let breaker = lock(&self.breaker);
        let outage = breaker.outage().cloned();
        self.outage.send_if_modified(|told| {
            let changed = *told != outage;
            match (&*told, &outage) {
                (None, Some(outage)) => warn!("vCenter is not answering: {}", outage.reason),
                (Some(_), None) => info!("vCenter answers again"),
                (None, None) | (Some(_), Some(_)) => {}
            }
            *told = outage;
            changed
        });
    }

    async fn listen(&self, listeners: &Listeners, outage: Option<VcenterOutage>) {
        let Listeners { feed, vcenter, repository, .. } = listeners;
        let mut watched = feed.living();
        watched.retain(|timeline| vcenter.may_be_ours(timeline.vcenter.as_ref()));
        if outage.is_some() {
            let requests: Vec<_> = watched.iter().map(|timeline| timeline.request).collect();
            // What cannot be asked now is told with the next change, and to whoever comes meanwhile.
            let Ok(driven) = answered(repository.driven(&requests)).await else { return };
            watched.retain(|timeline| !driven.contains(&timeline.request));
        }
        for timeline in &watched {
            feed.publish_outage(timeline, outage.as_ref(), self.clock.now());
        }
        if outage.is_none() {
            listeners.resume().await;
        }
    }
}

impl Listeners {
    /// Lets those go on at once who wait for a later try.
    async fn resume(&self) {
        for _ in 0..RESUME_TRIES {
            let vcenter = self.vcenter.known();
            match answered(self.leases.end_pauses(vcenter.as_ref())).await {
                Ok(_) => break,
                Err(StoreError::Unexpected(error)) => {
                    warn!(error = ?error, "those who wait to try again go on later");
                    break;
                }
                Err(StoreError::Unavailable { .. }) => tokio::time::sleep(RESUME_PAUSE).await,
            }
        }
        self.wake.notify_one();
    }
}
