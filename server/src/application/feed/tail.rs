//! The tailer: it notices what was committed without being published here, at once when a doorbell
//! says so, and before long without one; and it notices when the journal is another one than before.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Feed;
use crate::application::trigger_provisioning::driving::Driving;
use crate::domain::ids::RequestId;
use crate::domain::ports::event_store::{Outage, StoreError};
use crate::domain::ports::journal_tail::{Horizon, JournalTail};

/// How often the tail is looked at even if nothing announced anything: the longest that an event whose
/// publish was lost is late.
pub const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// How long one look may take before it counts as failed.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);

/// How often what the topics know is held against the journal itself, beside the looks at its tail. A
/// look finds nothing wrong in a journal that was put back to an earlier state in place. And after a
/// crash PostgreSQL may give a transaction the number of an earlier one whose commit nobody waited for
/// (a doorbell's), which is below the horizon.
const COMPARE_INTERVAL: Duration = Duration::from_secs(5);

/// Lets what is told of one request fail alone: an event that this version cannot read, as of a newer
/// server beside it, keeps nobody from the others.
pub(super) fn alone(request: RequestId, told: Result<(), StoreError>) -> Result<(), StoreError> {
    match told {
        Err(StoreError::Unexpected(error)) => {
            warn!(request.id = %request, error = ?error, "its journal cannot be read here");
            Ok(())
        }
        told => told,
    }
}

/// The tail, and what is known of it from look to look.
struct Tailer {
    feed: Arc<Feed>,
    driving: Arc<Driving>,
    tail: Arc<dyn JournalTail>,
    horizon: Option<Horizon>,
    /// When the topics were last held against the journal; anew after every look that failed.
    compared: Option<Instant>,
}

/// Looks at the journal's tail until `shutdown`.
///
/// It looks whenever `rung` says so, and at every `interval` ([`LOOK_INTERVAL`]) anyway.
/// What it sees is told to the feed, and to those who drive a request here.
pub async fn run(
    feed: Arc<Feed>,
    driving: Arc<Driving>,
    tail: Arc<dyn JournalTail>,
    rung: Arc<Notify>,
    interval: Duration,
    shutdown: CancellationToken,
) {
    let mut tailer = Tailer { feed, driving, tail, horizon: None, compared: None };
    let mut told = None;
    let wait = || async {
        // It does not matter which of both it was.
        tokio::time::timeout(interval, rung.notified()).await.ok();
    };
    // The first look is at once: until then nobody knows where the journal ends.
    rung.notify_one();
    while shutdown.run_until_cancelled(wait()).await.is_some() {
        tailer.feed.sweep();
        let (outage, error) = match tokio::time::timeout(LOOK_TIMEOUT, tailer.look()).await {
            Ok(Ok(outage)) => (outage, None),
            failed => {
                tailer.compared = None;
                let error = failed.ok().and_then(Result::err);
                let outage = error.as_ref().and_then(StoreError::outage);
                (Some(outage.unwrap_or(Outage::NotAnswering)), error)
            }
        };
        if outage != told {
            match outage {
                Some(outage) => {
                    warn!(error = error.as_ref().map(tracing::field::debug), "{outage}");
                }
                None => info!("PostgreSQL is back"),
            }
            told = outage;
        }
        tailer.feed.set_outage(outage);
    }
}

impl Tailer {
    /// One look; returns what keeps PostgreSQL from taking writes although it can be read.
    async fn look(&mut self) -> Result<Option<Outage>, StoreError> {
        let look = self.tail.look(self.horizon.as_ref()).await?;
        self.feed.set_journal(&look.epoch, &look.horizon);
        for (request, head) in &look.heads {
            self.driving.heard(*request, *head);
        }
        self.feed.take_heads(&look.heads).await?;
        self.feed.reached(&look.horizon);
        // It moves only when everything that was seen has also been delivered.
        self.horizon = Some(look.horizon);
        if self.compared.is_none_or(|at| at.elapsed() >= COMPARE_INTERVAL) {
            if !self.feed.compare(&*self.tail).await? {
                self.tail.disown(&look.epoch).await?;
            }
            self.compared = Some(Instant::now());
        }
        Ok(if look.read_only { Some(Outage::ReadOnly) } else { self.feed.write_outage().await })
    }
}
