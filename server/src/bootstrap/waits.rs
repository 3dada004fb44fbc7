//! The waits that a server is given rather than has: a test would else have to wait with it.

use std::time::Duration;

use crate::application::feed::tail;
use crate::http::serve;

/// How long is waited for what should happen earlier. Only tests have others than these.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    /// For a peer to take something of what is sent.
    pub stalled_max: Duration,
    /// For the doorbell, before the journal's tail is looked at anyway.
    pub look_interval: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self { stalled_max: serve::STALLED_MAX, look_interval: tail::LOOK_INTERVAL }
    }
}
