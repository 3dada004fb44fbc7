//! What the application needs from outside, as traits. Infrastructure implements them.
//!
//! The one place of the domain where `async` appears: it declares, it never calls.

pub mod clock;
pub mod event_store;
pub mod insights;
pub mod journal_tail;
pub mod progress;
pub mod vsphere;

/// A cause of an error, of whatever kind the adapter has.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;
