//! The API as protocol.md says it: every status, every field, every mistake.

mod accepting;
mod bodies;
mod formats;
mod guard;
mod lists;
pub(crate) mod missing;
mod pages;
