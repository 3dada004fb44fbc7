//! The connection in words: whether the page can be trusted, and as of when.

use super::elapsed;
use crate::live::Link;

/// What is known of a page's freshness.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The newest event's number.
    pub(crate) seq: u32,
    /// When the server was heard last, in the reader's words.
    pub(crate) heard_at: String,
    /// How long ago that was, in milliseconds.
    pub(crate) ago_ms: u64,
    /// Why the server cannot see the journal, if it cannot.
    pub(crate) degraded: Option<String>,
    /// When the request ended, in the reader's words.
    pub(crate) ended_at: Option<String>,
}

/// The line itself.
pub(crate) fn liveness(link: Link, said: &Said) -> String {
    let Said { seq, heard_at, ago_ms, degraded, ended_at } = said;
    match (link, degraded) {
        (Link::Rendered, _) => format!("Event {seq}, as of {heard_at}"),
        (Link::Reconnecting, _) => format!("reconnecting, last known {heard_at}"),
        (Link::Offline, _) => format!("Offline, last known {heard_at}"),
        (Link::Live | Link::Polling, Some(reason)) => format!("Connected, but {reason}"),
        (Link::Live, None) => format!("Live, event {seq}, {} ago", elapsed(*ago_ms)),
        (Link::Polling, None) => {
            format!("Checking every 3 s, event {seq}, {} ago", elapsed(*ago_ms))
        }
        (Link::Ended, _) => match ended_at {
            Some(at) => format!("Ended {at}"),
            None => "Ended".to_owned(),
        },
    }
}

/// What it means, for those who point at it.
pub(crate) fn liveness_meaning(link: Link) -> &'static str {
    match link {
        Link::Rendered | Link::Live => "When the server was heard last, by its own clock",
        Link::Reconnecting => "The connection was lost and is being opened again",
        Link::Polling => {
            "A live connection cannot be had just now, so the page asks every 3 seconds"
        }
        Link::Offline => "Nothing answers; the page goes on by itself when the network is back",
        Link::Ended => "Nothing more will come",
    }
}

/// What is spoken when the connection has changed: only what makes a difference to who waits.
pub(crate) fn liveness_spoken(link: Link) -> &'static str {
    match link {
        Link::Reconnecting => "Connection lost, reconnecting",
        Link::Offline => "Offline",
        Link::Rendered | Link::Live | Link::Polling | Link::Ended => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_fresh_the_page_is() {
        let said =
            Said { seq: 5, heard_at: "12:04:31".to_owned(), ago_ms: 2_400, ..Said::default() };
        for (link, line) in [
            (Link::Rendered, "Event 5, as of 12:04:31"),
            (Link::Live, "Live, event 5, 2 s ago"),
            (Link::Reconnecting, "reconnecting, last known 12:04:31"),
            (Link::Polling, "Checking every 3 s, event 5, 2 s ago"),
            (Link::Offline, "Offline, last known 12:04:31"),
            (Link::Ended, "Ended"),
        ] {
            assert_eq!(liveness(link, &said), line);
        }
        let degraded = Some("the database is not answering".to_owned());
        let degraded = Said { degraded, ..said.clone() };
        assert_eq!(liveness(Link::Live, &degraded), "Connected, but the database is not answering");
        let ended = Said { ended_at: Some("12:10:14".to_owned()), ..said };
        assert_eq!(liveness(Link::Ended, &ended), "Ended 12:10:14");
    }
}
