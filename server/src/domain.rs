//! What a provisioning is: its stages, its events, and what follows from them.
//!
//! Everything here is pure: no I/O, no clock, no serialisation. The domain never awaits; [`ports`]
//! declares what others must do for it, and calls nothing.

pub mod calibration;
pub mod estimate;
pub mod event;
pub mod ids;
pub mod ports;
pub mod saga;
pub mod spec;
pub mod stage;
pub mod timeline;
pub mod vm;
