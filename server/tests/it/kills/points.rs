//! The points of a server's work at which it can be made to die, and how it dies there.
//!
//! A point is named by where the request is and by what is about to be done or was just done:
//! `CLONING: after CloneVM_Task`. A server is armed with one point, and kills itself, as `kill -9`
//! would, when its work comes to it.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What the context is called while no request is at work.
const IDLE: &str = "idle";
/// While a request waits for a worker: it was accepted, or a person wants it tried again.
const QUEUED: [&str; 2] = ["QUEUED", RETRIED];
/// After a person's wish to try it again was recorded.
const RETRIED: &str = "VmProvisioningRetryRequested";
/// While a server takes over what another one has begun, until it has brought that a stage forward.
pub(super) const TAKEN_OVER: &str = "TAKEN OVER";

/// The points that a server's work comes to.
#[derive(Debug)]
pub(super) struct Points {
    state: Mutex<State>,
    /// Held over what makes work and over looks for work: a look comes wholly before the work is there, and
    /// finds none, or wholly after it is known here.
    pub(super) looks: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    context: String,
    /// Whether this is the attempt after a person's retry.
    retried: bool,
    /// In the order in which they were come to first.
    seen: Vec<String>,
    known: HashSet<String>,
    armed: Option<String>,
}

impl Points {
    pub(super) fn new() -> Self {
        let context = IDLE.to_owned();
        let (seen, known) = (Vec::new(), HashSet::new());
        let (retried, armed) = (false, None);
        let state = Mutex::new(State { context, retried, seen, known, armed });
        Self { state, looks: tokio::sync::Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    /// From now on all points belong to this part of the work.
    pub(super) fn enter(&self, context: &str) {
        let mut state = self.lock();
        state.retried |= context == RETRIED;
        context.clone_into(&mut state.context);
    }

    /// Dies at this point of taking over what is there to be taken over.
    pub(super) fn arm_for_takeover(&self, point: &str) {
        self.arm(point);
        self.enter(TAKEN_OVER);
    }

    /// Forgets what the last request did, and dies when the next one comes to this point.
    pub(super) fn arm(&self, point: &str) {
        let mut state = self.lock();
        IDLE.clone_into(&mut state.context);
        state.retried = false;
        state.seen.clear();
        state.known.clear();
        state.armed = Some(point.to_owned());
    }

    /// The points that were come to, in order, each once.
    pub(super) fn seen(&self) -> Vec<String> {
        self.lock().seen.clone()
    }

    /// Whether a request is at work that nobody has claimed yet.
    pub(super) fn is_queued(&self) -> bool {
        QUEUED.contains(&self.lock().context.as_str())
    }

    /// The work is about to do this.
    pub(super) fn before(&self, what: &str) {
        self.come_to("before", what);
    }

    /// The work has just done this.
    pub(super) fn after(&self, what: &str) {
        self.come_to("after", what);
    }

    fn come_to(&self, when: &str, what: &str) {
        let mut state = self.lock();
        if state.context == IDLE {
            return;
        }
        let again = if state.retried { "again " } else { "" };
        let point = format!("{again}{}: {when} {what}", state.context);
        if state.armed.as_ref() == Some(&point) {
            kill(Pid::this(), Signal::SIGKILL).expect("it lives");
            // Until the signal has come nothing more is done here, nor where the lock is wanted.
            loop {
                std::thread::park();
            }
        }
        if state.known.insert(point.clone()) {
            state.seen.push(point);
        }
    }
}
