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

/// The points that a server's work comes to.
#[derive(Debug)]
pub(super) struct Points {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    context: String,
    /// In the order in which they were come to first.
    seen: Vec<String>,
    known: HashSet<String>,
    armed: Option<String>,
}

impl Points {
    pub(super) fn new() -> Self {
        let context = IDLE.to_owned();
        let (seen, known) = (Vec::new(), HashSet::new());
        Self { state: Mutex::new(State { context, seen, known, armed: None }) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    /// From now on all points belong to this part of the work.
    pub(super) fn enter(&self, context: &str) {
        context.clone_into(&mut self.lock().context);
    }

    /// Forgets what the last request did, and dies when the next one comes to this point.
    pub(super) fn arm(&self, point: &str) {
        let mut state = self.lock();
        IDLE.clone_into(&mut state.context);
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
        self.lock().context == "QUEUED"
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
        let point = format!("{}: {when} {what}", state.context);
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
