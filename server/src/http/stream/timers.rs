//! When a reader is told something although nothing was recorded: that all is quiet, that it takes longer
//! than usual, that the server stops.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::application::feed::{News, Subscription};
use crate::domain::timeline::Timeline;
use crate::http::AppState;
use crate::http::leaving::Leaving;

/// A `ping` is sent when nothing else was said for so long. A page that hears nothing for a little
/// longer knows that it is cut off.
pub(in crate::http) const PING_INTERVAL: Duration = Duration::from_secs(15);

/// What ends a wait for news.
pub(super) enum Wake {
    /// The topic has something to tell.
    News(News),
    /// Nothing was told for [`PING_INTERVAL`].
    Quiet,
    /// The request takes longer than usual.
    Slow,
    /// The server stops.
    Leave,
}

/// Keeps the times at which a reader is told something although nothing was recorded.
pub(super) struct Timers {
    /// When the reader was told something last.
    pub(super) quiet_since: Instant,
    /// When it is told that the request takes longer than usual.
    pub(super) slow_at: Option<Instant>,
    /// When its stream ends because the server stops.
    pub(super) leaving: Leaving,
}

impl Timers {
    pub(super) fn new(state: &AppState) -> Self {
        let leaving = Leaving::new(state.shutdown.clone());
        Self { quiet_since: Instant::now(), slow_at: None, leaving }
    }

    /// When `slow` is due: at the limit, or at once for a reader who was away when it passed.
    pub(super) fn expect_slow(&mut self, timeline: &Timeline, now: DateTime<Utc>) {
        self.slow_at = timeline.started_at.filter(|_| !timeline.status.has_ended()).map(|_| {
            let left = timeline.slow_after_ms.saturating_sub(timeline.elapsed_ms(now));
            Instant::now() + Duration::from_millis(left)
        });
    }

    /// Waits for whatever comes first.
    pub(super) async fn wait(&mut self, reader: &mut Subscription) -> Wake {
        let slow = async {
            match self.slow_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.leaving.wait() => Wake::Leave,
            news = reader.news() => Wake::News(news),
            () = slow => Wake::Slow,
            () = tokio::time::sleep_until(self.quiet_since + PING_INTERVAL) => Wake::Quiet,
        }
    }
}
