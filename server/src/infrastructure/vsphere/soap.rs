//! The SOAP client for a real vCenter.
