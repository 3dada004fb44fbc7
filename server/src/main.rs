//! Parses the settings, starts, waits. No logic here.
fn main() {}
