//! Integration tests.

mod vsphere;
