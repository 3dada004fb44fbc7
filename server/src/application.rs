//! The use cases: accept a request, drive it, tell how far it is, feed those who watch.
//!
//! Only ports are called here; what they are made of is not known. Nothing but the saga
//! ([`trigger_provisioning`]) makes or removes a VM.

pub mod breaker;
pub mod feed;
pub mod insights;
pub mod journal;
pub mod patience;
pub mod progress_projection;
pub mod progress_query;
pub mod requests;
pub mod trigger_provisioning;
pub mod vcenter;
pub mod vcenter_health;
