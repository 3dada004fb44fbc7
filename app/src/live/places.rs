//! The few connections that a browser has for streams.
//!
//! Over HTTP/1.1 a browser opens at most six connections to one server, for all its tabs: with six
//! streams nothing else would ever load. So at most some of them are streams, counted by locks that all
//! tabs share; a page that finds none asks every few seconds instead, and says so.

use crate::browser::locks::{self, How};

/// Streams of one browser at once. Of the six connections two are left for pages and questions.
const STREAMS_MAX: u32 = 4;

/// A place for a stream, if there is one. Dropped, it is free again.
pub(crate) async fn find() -> Option<locks::Hold> {
    for number in 1..=STREAMS_MAX {
        let place = locks::acquire(&format!("stagewatch:stream:{number}"), How::Now).await;
        if let Some((hold, _)) = place {
            return Some(hold);
        }
    }
    None
}
