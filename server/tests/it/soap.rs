//! The SOAP client against govmomi's vCenter simulator, in its own process and over TLS.

mod calls;
mod logins;
mod places;
mod trouble;
pub(crate) mod vcsim;
mod waits;
