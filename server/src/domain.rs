//! What a provisioning is.
