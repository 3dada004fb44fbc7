//! Integration tests: one binary, so that it links once and runs its tests side by side.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test ends by a panic that says what was expected; clippy knows only #[test] bodies"
)]

mod embedded;
mod estimate;
mod estimate_replay;
mod faults;
mod http;
mod insights;
mod journal;
mod kills;
mod layering;
mod restart;
mod rolling;
mod saga;
mod settings;
mod soak;
mod soap;
mod stream;
mod support;
mod vsphere;
