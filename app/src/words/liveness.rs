//! The connection in words: whether the page can be trusted, and as of when.

use super::{Words, elapsed};
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

impl Words {
    /// The line itself.
    pub(crate) fn liveness(self, link: Link, said: &Said) -> String {
        let Said { seq, heard_at, ago_ms, degraded, ended_at } = said;
        let ago = elapsed(*ago_ms);
        match (link, degraded) {
            (Link::Rendered, reason) => self.but(
                say!(self, "Event {seq}, as of {heard_at}", "Ereignis {seq}, Stand {heard_at}"),
                reason.as_deref(),
            ),
            (Link::Reconnecting, _) => self.reconnecting(heard_at),
            (Link::Offline, _) => self.offline(heard_at),
            (Link::Live | Link::Polling, Some(_)) => {
                self.but(self.connected(), degraded.as_deref())
            }
            (Link::Live, None) => {
                say!(self, "Live, event {seq}, {ago} ago", "Live, Ereignis {seq}, vor {ago}")
            }
            (Link::Polling, None) => say!(
                self,
                "Checking every 3 s, event {seq}, {ago} ago",
                "Fragt alle 3 s nach, Ereignis {seq}, vor {ago}"
            ),
            (Link::Ended, _) => match ended_at {
                Some(at) => say!(self, "Ended {at}", "Beendet {at}"),
                None => self.pick("Ended", "Beendet").to_owned(),
            },
        }
    }

    /// The line below the list.
    pub(crate) fn board_liveness(
        self,
        link: Link,
        degraded: Option<&str>,
        heard_at: &str,
        ago_ms: u64,
    ) -> String {
        let ago = elapsed(ago_ms);
        match (link, degraded) {
            (Link::Rendered | Link::Ended, reason) => {
                self.but(say!(self, "As of {heard_at}", "Stand {heard_at}"), reason)
            }
            (Link::Reconnecting, _) => self.reconnecting(heard_at),
            (Link::Offline, _) => self.offline(heard_at),
            (Link::Live | Link::Polling, Some(_)) => self.but(self.connected(), degraded),
            (Link::Live, None) => say!(self, "Live, {ago} ago", "Live, vor {ago}"),
            (Link::Polling, None) => {
                say!(self, "Checking every 3 s, {ago} ago", "Fragt alle 3 s nach, vor {ago}")
            }
        }
    }

    fn reconnecting(self, heard_at: &str) -> String {
        say!(
            self,
            "reconnecting, last known {heard_at}",
            "Verbindet neu, zuletzt bekannt {heard_at}"
        )
    }

    fn offline(self, heard_at: &str) -> String {
        say!(self, "Offline, last known {heard_at}", "Offline, zuletzt bekannt {heard_at}")
    }

    fn connected(self) -> String {
        self.pick("Connected", "Verbunden").to_owned()
    }

    /// What is known, and what keeps it from going on.
    fn but(self, known: String, reason: Option<&str>) -> String {
        let Some(reason) = reason.map(|reason| self.told(reason)) else { return known };
        say!(self, "{known}, but {reason}", "{known}, aber: {reason}")
    }

    /// What it means, for those who point at it.
    pub(crate) fn liveness_meaning(self, link: Link) -> &'static str {
        match link {
            Link::Rendered | Link::Live => self.pick(
                "When the server was heard last, by its own clock",
                "Wann der Server sich zuletzt gemeldet hat, nach seiner eigenen Uhr",
            ),
            Link::Reconnecting => self.pick(
                "The connection was lost and is being opened again",
                "Die Verbindung ging verloren und wird neu aufgebaut",
            ),
            Link::Polling => self.pick(
                "A live connection cannot be had just now, so the page asks every 3 seconds",
                "Gerade gibt es keine Live-Verbindung, darum fragt die Seite alle 3 Sekunden nach",
            ),
            Link::Offline => self.pick(
                "Nothing answers; the page goes on by itself when the network is back",
                "Nichts antwortet; die Seite macht von selbst weiter, wenn das Netz wieder da ist",
            ),
            Link::Ended => self.pick("Nothing more will come", "Es kommt nichts mehr"),
        }
    }

    /// What is spoken when the connection has changed: only what makes a difference to who waits.
    pub(crate) fn liveness_spoken(self, link: Link) -> &'static str {
        match link {
            Link::Reconnecting => self
                .pick("Connection lost, reconnecting", "Verbindung verloren, wird neu aufgebaut"),
            Link::Offline => "Offline",
            Link::Rendered | Link::Live | Link::Polling | Link::Ended => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EN: Words = Words::ENGLISH;

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
            assert_eq!(EN.liveness(link, &said), line);
        }
        let degraded = Some("the database is not answering".to_owned());
        let degraded = Said { degraded, ..said.clone() };
        assert_eq!(
            EN.liveness(Link::Live, &degraded),
            "Connected, but the database is not answering"
        );
        assert_eq!(
            EN.liveness(Link::Rendered, &degraded),
            "Event 5, as of 12:04:31, but the database is not answering"
        );
        let ended = Said { ended_at: Some("12:10:14".to_owned()), ..said };
        assert_eq!(EN.liveness(Link::Ended, &ended), "Ended 12:10:14");
    }
}
