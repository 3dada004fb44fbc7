//! The journal and its read models in PostgreSQL, and the private PostgreSQL of a server without one.
//!
//! Checked queries (`query!`) live here and nowhere else; their cache is `.sqlx/` (`make sqlx`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Connection;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use crate::domain::ports::event_store::{Outage, StoreError};

pub mod doorbell;
pub mod embedded;
pub mod event_record;
pub mod event_store;
pub mod insights;
mod learned;
pub mod leases;
pub mod progress;
pub mod tail;
mod transaction;

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

/// How long a step of a migration may take: it may have to write a large table anew, and to wait for
/// another server that does so.
const MIGRATION_TIMEOUT_MS: &str = "3600000";

/// How long a transaction may stand still before PostgreSQL ends it. Ours never wait for anything but
/// PostgreSQL; a server that is stopped in the middle of one must not keep its rows locked.
const IDLE_IN_TRANSACTION_TIMEOUT_MS: &str = "10000";

/// How long an idle connection may take to say that it lives. One that does not takes all that are as
/// old with it: asked one after the other, they would keep PostgreSQL away long after it is back.
const PING_TIMEOUT: Duration = Duration::from_millis(1_000);

/// A pool that connects when it is first used.
pub fn pool(options: PgConnectOptions) -> PgPool {
    let options = options.application_name("stagewatch").options([
        ("statement_timeout", STATEMENT_TIMEOUT_MS),
        ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_TIMEOUT_MS),
        ("timezone", "UTC"),
    ]);
    // Connections that were made before this moment are not trusted any more.
    let distrusted = Arc::new(Mutex::new(None::<Instant>));
    PgPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // Done below, since sqlx would wait without end on a dead link.
        .test_before_acquire(false)
        .before_acquire(move |connection, meta| {
            let distrusted = Arc::clone(&distrusted);
            Box::pin(async move {
                let made = Instant::now().checked_sub(meta.age);
                if *lock(&distrusted) > made {
                    return Ok(false);
                }
                match tokio::time::timeout(PING_TIMEOUT, connection.ping()).await {
                    Ok(answer) => Ok(answer.is_ok()),
                    Err(_silent) => {
                        *lock(&distrusted) = Some(Instant::now());
                        Ok(false)
                    }
                }
            })
        })
        // A connection that was given up in the middle of an answer is asked whether it lives. On a
        // dead link that would wait for ever, and keep its place in the pool for as long.
        .after_release(|connection, _| {
            let lives = tokio::time::timeout(ACQUIRE_TIMEOUT, connection.ping());
            Box::pin(async { lives.await.map_err(|_| sqlx::Error::PoolTimedOut)?.map(|()| true) })
        })
        .connect_lazy_with(options)
}

/// Brings the schema up to date, on a connection of its own: when that ends, so does the lock that keeps
/// servers which start together from doing it at once.
///
/// # Errors
///
/// When PostgreSQL does not answer, a migration fails, or the schema is of a newer version.
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    let options = pool.connect_options().as_ref().clone();
    let options = options.options([("statement_timeout", MIGRATION_TIMEOUT_MS)]);
    let own = PgPoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE_TIMEOUT);
    let own = own.connect_lazy_with(options);
    let outcome = MIGRATOR.run(&own).await;
    // On a dead link it would wait without end.
    tokio::time::timeout(ACQUIRE_TIMEOUT, own.close()).await.ok();
    outcome
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        if link_broke {
            return Self::not_answering(error);
        }
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        match code.and_then(|code| outage(&code)) {
            Some(outage) => Self::Unavailable { outage, source: error.into() },
            None => Self::Unexpected(error.into()),
        }
    }
}

/// The SQLSTATEs after which the same statement may work later, by their first characters, and what
/// they mean (<https://www.postgresql.org/docs/current/errcodes-appendix.html>). The first that fits
/// counts. Any other one is a defect of ours, or of the data.
const OUTAGES: [(&str, Outage); 12] = [
    // Connection exception.
    ("08", Outage::NotAnswering),
    // Read-only transaction: a standby, or an operator's `default_transaction_read_only`.
    ("25006", Outage::ReadOnly),
    // A transaction that stood still for too long: this server was held up.
    ("25P03", Outage::NotAnswering),
    // Transaction rollback: serialization failure, deadlock.
    ("40", Outage::NotAnswering),
    // No room on the disk.
    ("53100", Outage::DiskFull),
    // Out of something else: memory, connections.
    ("53", Outage::NotAnswering),
    // A lock was not to be had in time.
    ("55P03", Outage::NotAnswering),
    // Operator intervention: shutting down, starting up, a crash of another backend, a database that
    // was dropped, a statement that took too long.
    ("57", Outage::NotAnswering),
    // The disk gave an error.
    ("58030", Outage::NotAnswering),
    // There is no such database, or no such table in it: it is being restored, since the schema was
    // there when this server started.
    ("3D000", Outage::NotAnswering),
    ("3F000", Outage::NotAnswering),
    ("42P01", Outage::NotAnswering),
];

/// What is wrong by this SQLSTATE, if it may pass.
fn outage(code: &str) -> Option<Outage> {
    OUTAGES.iter().find(|(begin, _)| code.starts_with(begin)).map(|(_, outage)| *outage)
}

/// What is missing while a backup is being restored.
fn being_restored(what: &str) -> StoreError {
    StoreError::not_answering(what)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_told_from_what_is_wrong() {
        for (code, expected) in [
            ("57P01", Some(Outage::NotAnswering)),
            ("57014", Some(Outage::NotAnswering)),
            ("53300", Some(Outage::NotAnswering)),
            ("53100", Some(Outage::DiskFull)),
            ("25006", Some(Outage::ReadOnly)),
            ("25P02", None),
            ("40001", Some(Outage::NotAnswering)),
            ("23505", None),
            ("42601", None),
            ("XX001", None),
        ] {
            assert_eq!(outage(code), expected, "{code}");
        }
    }
}
