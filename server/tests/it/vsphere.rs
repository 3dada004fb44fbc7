//! Making and removing VMs: one suite of tests for every vCenter there is.

mod contract;
mod observed;
mod recorder;
mod simulated;
mod soap;
mod sources;
