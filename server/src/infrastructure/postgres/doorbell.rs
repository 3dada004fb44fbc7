//! Telling the other servers that the journal has grown, and hearing it from them.
//!
//! A doorbell says only "look": what there is to see is read from the journal. So a lost ring costs the
//! time until the next look, and a ring too many costs one look. It is never rung inside a transaction
//! that writes: `NOTIFY` takes a lock of the whole cluster and holds it over the commit's fsync.
//!
//! A ring says who rang, so that nobody looks for what they have published themselves: with two servers
//! that is half of all looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPool};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::debug;
use uuid::Uuid;

use crate::domain::ports::journal_tail::Doorbell;

/// The channel that is rung on.
pub const CHANNEL: &str = "stagewatch_journal";

/// The pause before the listening connection is made anew.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);

/// How long the listening connection may be silent before it is asked whether it lives: one that died
/// without a word would else never be made anew.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// The pause after a ring, for each write that it stood for: when many write, their rings are few, since
/// each costs every other server a look. Who writes alone is heard at once.
const PAUSE_PER_WRITE: Duration = Duration::from_millis(1);

/// How many writes make the pause longer: nobody is heard later than after these.
const PAUSE_WRITES_MAX: u32 = 8;

/// How long one ring, and that question, may take before it is given up: the looks go on without it.
const RING_TIMEOUT: Duration = Duration::from_secs(2);

/// The doorbell of this server, and its ear for those of others.
#[derive(Debug, Clone)]
pub struct PgDoorbell {
    pool: PgPool,
    /// Says that a ring is this server's own.
    name: Uuid,
    /// Rung by writers of this server. Several rings while one is under way become one.
    rung: Arc<Notify>,
    /// How many there were since the last one was sent.
    writes: Arc<AtomicU32>,
    /// Rung when another server has rung, or may have.
    look: Arc<Notify>,
}

/// Waits for PostgreSQL, but not on a dead link.
async fn in_time<T>(asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    tokio::time::timeout(RING_TIMEOUT, asked).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

impl Doorbell for PgDoorbell {
    fn ring(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.rung.notify_one();
    }
}

impl PgDoorbell {
    /// A doorbell behind this pool, which has `look` notified when another server rings.
    pub fn new(pool: PgPool, look: Arc<Notify>) -> Self {
        Self { pool, name: Uuid::now_v7(), rung: Arc::default(), writes: Arc::default(), look }
    }

    /// Rings and listens until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let both = async { tokio::join!(self.keep_ringing(), self.keep_listening()) };
        shutdown.run_until_cancelled(Box::pin(both)).await;
    }

    /// One ring at a time, each in a transaction of its own.
    async fn keep_ringing(&self) {
        let name = self.name.to_string();
        loop {
            self.rung.notified().await;
            let writes = self.writes.swap(0, Ordering::Relaxed);
            let ring = sqlx::query!("select pg_notify($1, $2)", CHANNEL, name).execute(&self.pool);
            if let Err(error) = in_time(ring).await {
                debug!(error = %error, "the doorbell could not be rung");
            }
            tokio::time::sleep(PAUSE_PER_WRITE * writes.min(PAUSE_WRITES_MAX)).await;
        }
    }

    /// Every wake, error and reconnection only means: look.
    async fn keep_listening(&self) {
        loop {
            if let Err(error) = self.listen().await {
                debug!(error = %error, "the doorbell's connection broke");
            }
            self.look.notify_one();
            tokio::time::sleep(RECONNECT_PAUSE).await;
        }
    }

    /// Listens on one connection, until it breaks.
    async fn listen(&self) -> Result<(), sqlx::Error> {
        let connect = async {
            let mut listener = PgListener::connect_with(&self.pool).await?;
            listener.eager_reconnect(false);
            listener.listen(CHANNEL).await?;
            Ok::<_, sqlx::Error>(listener)
        };
        let mut listener = in_time(connect).await?;
        let own = self.name.to_string();
        // What was rung before this moment was not heard.
        self.look.notify_one();
        loop {
            match tokio::time::timeout(SILENCE_MAX, listener.try_recv()).await {
                Ok(Ok(Some(ring))) if ring.payload() == own => {}
                Ok(Ok(Some(_))) => self.look.notify_one(),
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(error)) => return Err(error),
                Err(_silent) => {
                    let asked = sqlx::query!("select 1 as lives").fetch_one(&mut listener);
                    in_time(asked).await?;
                }
            }
        }
    }
}
