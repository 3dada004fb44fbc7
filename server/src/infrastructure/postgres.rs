//! The journal and its read models in PostgreSQL, and the private PostgreSQL of a server without one.
//!
//! Checked queries (`query!`) live here and nowhere else; their cache is `.sqlx/` (`make sqlx`).

use std::time::Duration;

use sqlx::Connection;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use crate::domain::ports::event_store::StoreError;

pub mod doorbell;
pub mod embedded;
pub mod event_record;
pub mod event_store;
pub mod leases;
pub mod progress;
pub mod tail;

/// The schema, from `migrations/`.
pub static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// Connections to PostgreSQL. More than the saga's workers need at once, since each holds one only
/// for a small transaction, and far below PostgreSQL's own default of 100.
pub const CONNECTIONS_MAX: u32 = 20;

/// How long a statement waits for a free connection, or for PostgreSQL to come back, before its caller
/// is told that PostgreSQL is away: less than the 3 s in which the API promises its 503.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_millis(2_000);

/// How long any one statement may take in PostgreSQL. All of ours are small; what takes longer hangs.
const STATEMENT_TIMEOUT_MS: &str = "10000";

/// A pool that connects when it is first used.
pub fn pool(options: PgConnectOptions) -> PgPool {
    let options = options
        .application_name("stagewatch")
        .options([("statement_timeout", STATEMENT_TIMEOUT_MS), ("timezone", "UTC")]);
    PgPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A connection that was given up in the middle of an answer is asked whether it lives. On a
        // dead link that would wait for ever, and keep its place in the pool for as long.
        .after_release(|connection, _| {
            let lives = tokio::time::timeout(ACQUIRE_TIMEOUT, connection.ping());
            Box::pin(async { lives.await.map_err(|_| sqlx::Error::PoolTimedOut)?.map(|()| true) })
        })
        .connect_lazy_with(options)
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let link_broke = matches!(
            error,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
        );
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        let away = link_broke || code.is_some_and(|code| may_pass(&code));
        if away { Self::Unavailable(error.into()) } else { Self::Unexpected(error.into()) }
    }
}

/// Whether PostgreSQL may take the same statement later, by its SQLSTATE
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn may_pass(code: &str) -> bool {
    // 08 connection, 53 out of something (disk, memory, connections), 57 operator intervention
    // (shutting down, starting up, statement timeout), 40 serialization, 25006 read-only.
    ["08", "53", "57", "40"].iter().any(|class| code.starts_with(class)) || code == "25006"
}

/// A value of the database that cannot be what it is: a defect, or somebody changed it by hand.
fn corrupt(what: impl Into<String>) -> StoreError {
    StoreError::Unexpected(what.into().into())
}

/// PostgreSQL's `int` counts from zero here: a check constraint holds that.
fn unsigned(value: i32) -> Result<u32, StoreError> {
    u32::try_from(value).map_err(|_| corrupt(format!("{value} is negative")))
}

/// A number of an event to read on after. Beyond `int`'s limit there is none.
fn after(seq: u32) -> i32 {
    i32::try_from(seq).unwrap_or(i32::MAX)
}

/// A number that is far below `int`'s limit: events of a request, CPUs, MiB.
fn signed(value: u32) -> Result<i32, StoreError> {
    i32::try_from(value).map_err(|_| corrupt(format!("{value} is too large")))
}
