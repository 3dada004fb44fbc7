//! What this server drives just now, so that what others record of it reaches the driver at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::application::feed::lock;
use crate::domain::ids::RequestId;

/// Before a driver has read the journal nothing is news to it. PostgreSQL's numbers end here.
const EVERYTHING: u32 = i32::MAX.unsigned_abs();

/// The requests that are driven here, each with the bell that tells its driver to look at the journal.
#[derive(Debug, Default)]
pub struct Driving {
    /// A std mutex: nothing is awaited while it is held.
    bells: Mutex<HashMap<RequestId, Arc<Bell>>>,
}

/// Tells the driver of one request that somebody else has recorded something.
#[derive(Debug)]
pub struct Bell {
    moved: Notify,
    known_seq: AtomicU32,
}

/// A driver's entry; it is gone when this is dropped.
#[derive(Debug)]
pub struct Entered<'a> {
    driving: &'a Driving,
    request: RequestId,
    bell: Arc<Bell>,
}

impl Driving {
    /// A driver begins with a request.
    pub fn enter(&self, request: RequestId) -> Entered<'_> {
        let bell = Arc::new(Bell::default());
        lock(&self.bells).insert(request, Arc::clone(&bell));
        Entered { driving: self, request, bell }
    }

    /// The journal of a request has come to this event, whoever wrote it.
    pub fn heard(&self, request: RequestId, seq: u32) {
        if let Some(bell) = lock(&self.bells).get(&request) {
            bell.heard(seq);
        }
    }
}

impl Default for Bell {
    fn default() -> Self {
        Self { moved: Notify::new(), known_seq: AtomicU32::new(EVERYTHING) }
    }
}

impl Bell {
    /// The driver knows the journal up to this event.
    pub fn knows(&self, seq: u32) {
        self.known_seq.store(seq, Ordering::Relaxed);
    }

    /// The newest event that the driver knows.
    pub fn known_seq(&self) -> u32 {
        self.known_seq.load(Ordering::Relaxed)
    }

    /// The journal has come to this event: rings when the driver does not know it.
    pub fn heard(&self, seq: u32) {
        if seq > self.known_seq() {
            self.moved.notify_one();
        }
    }

    /// Waits until the journal may have moved without the driver. A ring is kept until somebody waits.
    pub async fn rung(&self) {
        self.moved.notified().await;
    }
}

impl Entered<'_> {
    /// The bell that is rung.
    pub fn bell(&self) -> Arc<Bell> {
        Arc::clone(&self.bell)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut bells = lock(&self.driving.bells);
        // A later driver of the same request may have entered already.
        if bells.get(&self.request).is_some_and(|bell| Arc::ptr_eq(bell, &self.bell)) {
            bells.remove(&self.request);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn rings(bell: &Bell) -> bool {
        tokio::time::timeout(Duration::ZERO, bell.rung()).await.is_ok()
    }

    #[tokio::test]
    async fn only_what_the_driver_does_not_know_rings() {
        let (driving, request) = (Driving::default(), RequestId(uuid::Uuid::nil()));
        let entered = driving.enter(request);
        let bell = entered.bell();
        driving.heard(request, 7);
        assert!(!rings(&bell).await, "it has not read the journal yet");
        bell.knows(7);
        driving.heard(request, 7);
        assert!(!rings(&bell).await, "its own event");
        driving.heard(request, 8);
        assert!(rings(&bell).await);
    }

    #[tokio::test]
    async fn a_driver_that_left_does_not_take_the_next_ones_bell_with_it() {
        let (driving, request) = (Driving::default(), RequestId(uuid::Uuid::nil()));
        let first = driving.enter(request);
        let second = driving.enter(request);
        drop(first);
        second.bell().knows(1);
        driving.heard(request, 2);
        assert!(rings(&second.bell()).await);
        drop(second);
        assert!(lock(&driving.bells).is_empty());
    }
}
