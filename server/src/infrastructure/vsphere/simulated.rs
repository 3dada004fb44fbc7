//! The vCenter for a server without one.
