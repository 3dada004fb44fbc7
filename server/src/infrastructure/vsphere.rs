//! vCenter, real and simulated.
