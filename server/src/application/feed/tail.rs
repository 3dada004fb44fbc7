//! The tailer: it notices what was committed without being published here, at once when a doorbell
//! says so, and before long without one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Feed;
use crate::application::trigger_provisioning::driving::Driving;
use crate::domain::ports::journal_tail::{Horizon, JournalTail};

/// How often the tail is looked at even if nothing announced anything: the longest that an event whose
/// publish was lost is late.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// How long one look may take before it counts as failed.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);

/// Looks at the journal's tail until `shutdown`.
///
/// It looks whenever `rung` says so, and at every [`LOOK_INTERVAL`] anyway.
/// What it sees is told to the feed, and to those who drive a request here.
pub async fn run(
    feed: Arc<Feed>,
    driving: Arc<Driving>,
    tail: Arc<dyn JournalTail>,
    rung: Arc<Notify>,
    shutdown: CancellationToken,
) {
    let mut horizon: Option<Horizon> = None;
    let mut away = false;
    let wait = || async {
        // It does not matter which of both it was.
        tokio::time::timeout(LOOK_INTERVAL, rung.notified()).await.ok();
    };
    // The first look is at once: until then nobody knows where the journal ends.
    rung.notify_one();
    while shutdown.run_until_cancelled(wait()).await.is_some() {
        feed.sweep();
        match tokio::time::timeout(LOOK_TIMEOUT, look(&feed, &driving, &*tail, horizon.as_ref()))
            .await
        {
            Ok(Ok(next)) => {
                if std::mem::take(&mut away) {
                    info!("PostgreSQL is back");
                }
                feed.set_degraded(None);
                horizon = Some(next);
            }
            failed => {
                let error = failed.ok().and_then(Result::err);
                if !std::mem::replace(&mut away, true) {
                    warn!(
                        error = error.as_ref().map(tracing::field::debug),
                        "the journal cannot be seen"
                    );
                }
                feed.set_degraded(Some("PostgreSQL is not answering".to_owned()));
            }
        }
    }
}

/// One look. The horizon moves only when everything that was seen has also been delivered.
async fn look(
    feed: &Feed,
    driving: &Driving,
    tail: &dyn JournalTail,
    horizon: Option<&Horizon>,
) -> Result<Horizon, crate::domain::ports::event_store::StoreError> {
    let look = tail.look(horizon).await?;
    for (request, head) in &look.heads {
        driving.heard(*request, *head);
    }
    if horizon.is_none() {
        feed.refresh().await?;
    }
    feed.take_heads(&look.heads).await?;
    feed.reached(&look.horizon);
    Ok(look.horizon)
}
