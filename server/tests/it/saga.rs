//! The saga from end to end: what is recorded, in which order, and what is left in vCenter.

mod failures;
pub(crate) mod story;
mod takeover;
