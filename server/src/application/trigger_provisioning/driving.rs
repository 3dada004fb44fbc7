//! What this server drives just now, so that a person's wish reaches the driver at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::application::feed::lock;
use crate::domain::ids::RequestId;

/// The requests that are driven here, each with the bell that tells its driver to look at the journal.
#[derive(Debug, Default)]
pub struct Driving {
    /// A std mutex: nothing is awaited while it is held.
    bells: Mutex<HashMap<RequestId, Arc<Notify>>>,
}

/// A driver's entry; it is gone when this is dropped.
#[derive(Debug)]
pub struct Entered<'a> {
    driving: &'a Driving,
    request: RequestId,
    bell: Arc<Notify>,
}

impl Driving {
    /// A driver begins with a request.
    pub fn enter(&self, request: RequestId) -> Entered<'_> {
        let bell = Arc::new(Notify::new());
        lock(&self.bells).insert(request, Arc::clone(&bell));
        Entered { driving: self, request, bell }
    }

    /// Something was recorded for a request by somebody else than its driver.
    pub fn ring(&self, request: RequestId) {
        if let Some(bell) = lock(&self.bells).get(&request) {
            bell.notify_one();
        }
    }
}

impl Entered<'_> {
    /// The bell that is rung.
    pub fn bell(&self) -> Arc<Notify> {
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
