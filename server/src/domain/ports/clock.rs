//! The time. There is one for everybody: PostgreSQL's.

use std::fmt;

use chrono::{DateTime, Utc};

/// Tells the time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Now, by PostgreSQL's clock as far as it is known here, in whole milliseconds.
    fn now(&self) -> DateTime<Utc>;
}
