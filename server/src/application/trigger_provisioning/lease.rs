//! One lease of this worker, by the database's clock and by this machine's monotonic one.
//!
//! PostgreSQL's fence does not fence vCenter, so a call that changes something is sent only when the
//! lease outlasts the call's deadline.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::application::feed::lock;
use crate::domain::ids::{LeaseEpoch, RequestId};
use crate::domain::ports::event_store::{Claim, Leases, StoreError};

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
}

impl Lease {
    /// The lease of a claim that was asked for at `asked`: PostgreSQL counts from later than that.
    pub fn new(claim: &Claim, leases: Arc<dyn Leases>, length: Duration, asked: Instant) -> Self {
        let until = Mutex::new(asked + length);
        Self { request: claim.request, epoch: claim.epoch, leases, length, until }
    }

    /// The epoch that fences this lease's writes.
    pub fn epoch(&self) -> LeaseEpoch {
        self.epoch
    }

    /// Whether the lease holds for at least this long.
    pub fn outlasts(&self, time: Duration) -> bool {
        lock(&self.until).saturating_duration_since(Instant::now()) >= time
    }

    /// Renews the lease now. `false`: it belongs to another worker.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: it is not known.
    pub async fn renew(&self) -> Result<bool, StoreError> {
        let asked = Instant::now();
        let held = self.leases.renew(self.request, self.epoch, self.length).await?;
        if held {
            *lock(&self.until) = asked + self.length;
        }
        Ok(held)
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
