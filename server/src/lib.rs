//! Stagewatch's server: it takes VM requests, drives each through vCenter as a durable saga, writes
//! every stage to PostgreSQL, and streams each stage to everybody who watches.
//!
//! Data flows one way: [`http`] -> [`application`] -> [`domain`] <- [`infrastructure`]. Only
//! [`bootstrap`] knows everybody; `tests/it/layering.rs` reads every path in the sources and holds this.
#![forbid(unsafe_code)]

pub mod application;
pub mod bootstrap;
pub mod config;
pub mod domain;
pub mod http;
pub mod infrastructure;
pub mod shutdown;
pub mod telemetry;
