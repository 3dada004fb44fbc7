//! vCenter, real and simulated.
//!
//! [`adapter`] holds the one way in which a VM is made and removed, safely to repeat. It speaks to
//! vCenter through [`api`], which has two implementations: [`soap`] for a real vCenter, and
//! [`simulated`] for a server without one. So both are driven by the same steps and pass the same tests.
//!
//! Nothing here knows a domain event: only plain stages are told, through `ProgressSink`.

pub mod adapter;
pub mod api;
pub mod simulated;
pub mod soap;
