//! One lease of this worker, by the database's clock and by this machine's monotonic one.
//!
//! PostgreSQL's fence does not fence vCenter, so a call that changes something is sent only when the
//! lease outlasts the call's deadline.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::driving::Bell;
use crate::application::feed::lock;
use crate::domain::ids::{LeaseEpoch, RequestId};
use crate::domain::ports::event_store::{Claim, Leases, Renewal, StoreError};

/// A lease is renewed when a third of it has passed: two renewals may fail before it is lost.
const RENEWALS_PER_LEASE: u32 = 3;

/// How long is waited before a renewal that failed is repeated.
const RENEWAL_PAUSE: Duration = Duration::from_millis(250);

/// A lease on one request.
#[derive(Debug)]
pub struct Lease {
    request: RequestId,
    epoch: LeaseEpoch,
    leases: Arc<dyn Leases>,
    length: Duration,
    /// Until when it holds for certain: counted from before the renewal was asked for.
    /// A std mutex: it is held for a copy.
    until: Mutex<Instant>,
    /// Rung when the journal may have moved without this worker.
    bell: Arc<Bell>,
    /// Whether a call that changes something is under way.
    is_changing: watch::Sender<bool>,
}

impl Lease {
    /// The lease of a claim that was asked for at `asked`: PostgreSQL counts from later than that.
    /// `bell` is rung when the journal may have moved without this worker.
    pub fn new(
        claim: &Claim,
        leases: Arc<dyn Leases>,
        length: Duration,
        asked: Instant,
        bell: Arc<Bell>,
    ) -> Self {
        let until = Mutex::new(asked + length);
        let is_changing = watch::Sender::new(false);
        let (request, epoch) = (claim.request, claim.epoch);
        Self { request, epoch, leases, length, until, bell, is_changing }
    }

    /// The epoch that fences this lease's writes.
    pub fn epoch(&self) -> LeaseEpoch {
        self.epoch
    }

    /// Whether the lease holds for at least this long.
    pub fn outlasts(&self, time: Duration) -> bool {
        lock(&self.until).saturating_duration_since(Instant::now()) >= time
    }

    /// A call that changes something is sent.
    pub fn begin_change(&self) {
        self.is_changing.send_replace(true);
    }

    /// It was answered, and what it began is kept for whoever goes on.
    pub fn end_change(&self) {
        self.is_changing.send_replace(false);
    }

    /// Waits until no call that changes something is under way.
    pub async fn settled(&self) {
        // Cannot fail: the sender is ours.
        self.is_changing.subscribe().wait_for(|is_changing| !is_changing).await.ok();
    }

    /// What tells this worker that the journal has moved without it.
    pub fn bell(&self) -> &Bell {
        &self.bell
    }

    /// Renews the lease now. `false`: it belongs to another worker.
    ///
    /// A renewal also tells how long the journal is: so a worker notices within a third of the lease
    /// what a person did on another server.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: it is not known.
    pub async fn renew(&self) -> Result<bool, StoreError> {
        let asked = Instant::now();
        let renewal = self.leases.renew(self.request, self.epoch, self.length).await?;
        Ok(self.take(asked, renewal))
    }

    /// The same, right before a call that changes something.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: it is not known.
    pub async fn confirm(&self) -> Result<bool, StoreError> {
        let asked = Instant::now();
        let renewal = self.leases.confirm(self.request, self.epoch, self.length).await?;
        Ok(self.take(asked, renewal))
    }

    /// Takes over what was answered to a question that was asked at `asked`.
    fn take(&self, asked: Instant, renewal: Renewal) -> bool {
        match renewal {
            Renewal::Lost => false,
            Renewal::Held { last_seq } => {
                *lock(&self.until) = asked + self.length;
                self.bell.heard(last_seq);
                true
            }
        }
    }

    /// Renews the lease again and again; ends when it is lost.
    pub async fn keep(&self) {
        let interval = self.length / RENEWALS_PER_LEASE;
        let mut pause = interval;
        loop {
            tokio::time::sleep(pause).await;
            // On a dead link no answer ever comes; the lease runs out all the same.
            pause = match tokio::time::timeout(interval, self.renew()).await {
                Ok(Ok(true)) => interval,
                Ok(Ok(false)) => return,
                Ok(Err(_)) | Err(_) => RENEWAL_PAUSE,
            };
            if !self.outlasts(Duration::from_nanos(1)) {
                return;
            }
        }
    }
}
