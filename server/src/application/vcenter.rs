//! Which vCenter this server works with, as far as it is known.

use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::ids::VcenterId;
use crate::domain::ports::vsphere::{VsphereError, VspherePort};

/// Remembers the vCenter's identity from the first time it answered.
#[derive(Debug)]
pub struct CurrentVcenter {
    vsphere: Arc<dyn VspherePort>,
    /// A std mutex: it is held for a copy.
    known: Mutex<Option<VcenterId>>,
}

impl CurrentVcenter {
    /// Nothing is known yet.
    pub fn new(vsphere: Arc<dyn VspherePort>) -> Self {
        Self { vsphere, known: Mutex::new(None) }
    }

    /// The vCenter, if it has ever answered.
    pub fn known(&self) -> Option<VcenterId> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether what belongs to `theirs` may be driven here, as far as is known.
    pub fn may_be_ours(&self, theirs: Option<&VcenterId>) -> bool {
        self.known().as_ref().zip(theirs).is_none_or(|(ours, theirs)| ours == theirs)
    }

    /// The vCenter; asked for when it is not known.
    ///
    /// # Errors
    ///
    /// As [`VspherePort::vcenter`].
    pub async fn ask(&self) -> Result<VcenterId, VsphereError> {
        if let Some(known) = self.known() {
            return Ok(known);
        }
        let id = self.vsphere.vcenter().await?;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(id.clone());
        Ok(id)
    }
}
