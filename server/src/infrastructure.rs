//! Adapters: what the ports of the domain are made of.

pub mod clock;
pub mod postgres;
pub mod vsphere;
