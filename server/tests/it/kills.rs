//! Real processes that die, or only seem to, at every point at which something may be half done.

mod frozen;
mod lane;
mod matrix;
mod points;
mod ports;
mod scenario;
mod victim;
