//! When to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask the server to stop, from the moment on at which they are listened to.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Listens to SIGINT (Ctrl-C) and SIGTERM.
    ///
    /// # Errors
    ///
    /// When they cannot be listened to.
    pub fn listen() -> std::io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one, and returns its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
