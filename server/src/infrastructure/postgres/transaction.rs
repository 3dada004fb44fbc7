//! A transaction that may be given up at any moment.
//!
//! Whoever waits for a write may stop waiting at any await: a client hangs up, a lease is lost, a wait
//! has a limit. sqlx then rolls back what was begun, but for one gap (0.9.0, its issue 4393): when the
//! wait for `BEGIN` itself is given up, PostgreSQL is in a transaction that sqlx does not know of. In the
//! pool such a connection would let its next user write into a transaction that nobody commits, and that
//! keeps its rows locked. So a connection whose `BEGIN` was not seen through is closed.

use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, PgPool, Postgres, Transaction};

/// A connection of the pool, to begin transactions on.
#[derive(Debug)]
pub(super) struct Beginner {
    connection: PoolConnection<Postgres>,
    /// Whether a `BEGIN` may have been sent whose answer was not seen.
    is_in_doubt: bool,
}

impl Beginner {
    /// Takes a connection out of the pool, for as long as this lives.
    pub(super) async fn acquire(pool: &PgPool) -> Result<Self, sqlx::Error> {
        Ok(Self { connection: pool.acquire().await?, is_in_doubt: false })
    }

    /// Begins a transaction; dropped before its end, it is rolled back.
    pub(super) async fn begin(&mut self) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
        self.is_in_doubt = true;
        let transaction = self.connection.begin().await?;
        self.is_in_doubt = false;
        Ok(transaction)
    }
}

impl Drop for Beginner {
    fn drop(&mut self) {
        if self.is_in_doubt {
            self.connection.close_on_drop();
        }
    }
}
