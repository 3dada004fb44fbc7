//! PostgreSQL, as the ports that it implements.

use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgPool};
use tokio::sync::Notify;

use crate::domain::ports::event_store::{EventStore, Leases};
use crate::domain::ports::journal_tail::Doorbell;
use crate::infrastructure::clock::PostgresClock;
use crate::infrastructure::postgres;
use crate::infrastructure::postgres::doorbell::PgDoorbell;
use crate::infrastructure::postgres::event_store::PgEventStore;
use crate::infrastructure::postgres::insights::PgInsights;
use crate::infrastructure::postgres::leases::PgLeases;
use crate::infrastructure::postgres::progress::PgProgressRepository;
use crate::infrastructure::postgres::tail::PgJournalTail;

/// The ports through which a server writes to PostgreSQL.
#[derive(Debug)]
pub struct WritePorts {
    /// The journal.
    pub store: Arc<dyn EventStore>,
    /// Which worker drives what.
    pub leases: Arc<dyn Leases>,
    /// What tells other servers that there is something new.
    pub doorbell: Arc<dyn Doorbell>,
}

/// Everything over one pool. Nothing is connected before it is used.
pub(super) struct Storage {
    pub(super) pool: PgPool,
    pub(super) clock: Arc<PostgresClock>,
    pub(super) store: Arc<PgEventStore>,
    pub(super) repository: Arc<PgProgressRepository>,
    pub(super) insights: Arc<PgInsights>,
    pub(super) tail: Arc<PgJournalTail>,
    pub(super) leases: Arc<PgLeases>,
    pub(super) doorbell: PgDoorbell,
    /// Notified when any server has written to the journal.
    pub(super) look: Arc<Notify>,
}

impl Storage {
    pub(super) fn write_ports(&self) -> WritePorts {
        WritePorts {
            store: self.store.clone(),
            leases: self.leases.clone(),
            doorbell: Arc::new(self.doorbell.clone()),
        }
    }

    pub(super) fn new(options: PgConnectOptions) -> Self {
        let pool = postgres::pool(options);
        let clock = Arc::new(PostgresClock::new());
        let look = Arc::new(Notify::new());
        Self {
            store: Arc::new(PgEventStore::new(pool.clone())),
            repository: Arc::new(PgProgressRepository::new(pool.clone())),
            insights: Arc::new(PgInsights::new(pool.clone())),
            tail: Arc::new(PgJournalTail::new(pool.clone(), Arc::clone(&clock))),
            leases: Arc::new(PgLeases::new(pool.clone())),
            doorbell: PgDoorbell::new(pool.clone(), Arc::clone(&look)),
            pool,
            clock,
            look,
        }
    }
}
