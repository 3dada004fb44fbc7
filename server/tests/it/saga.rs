//! The saga from end to end: what is recorded, in which order, and what is left in vCenter.

mod breaker;
mod cancel;
mod failures;
mod names;
mod retry;
mod steps;
pub(crate) mod story;
mod takeover;
mod vcsim;
