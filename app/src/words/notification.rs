//! The end of a request, told beyond its page.

#[cfg(any(feature = "hydrate", test))]
use super::Words;
#[cfg(any(feature = "hydrate", test))]
use crate::{api::Progress, words};

/// A notification.
#[cfg(any(feature = "hydrate", test))]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Which VM, and what became of it.
    pub(crate) title: String,
    /// More about it.
    pub(crate) body: String,
}

#[cfg(any(feature = "hydrate", test))]
impl Words {
    /// What is told at the end, `now_ms` by the server's clock.
    pub(crate) fn notice(self, progress: &Progress, name: &str, now_ms: i64) -> Notice {
        let title = format!("{name}: {}", self.status(progress.status));
        let words::Remaining { text, note } = self.headline(progress, now_ms, now_ms);
        let body = note.map_or_else(|| text.clone(), |note| format!("{text}. {note}"));
        Notice { title, body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api::Status, sample};

    const EN: Words = Words::ENGLISH;

    #[test]
    fn the_end_is_told_with_what_became_of_it() {
        let mut progress = sample::progress();
        progress.status = Status::Ready;
        progress.ended_at = Some(sample::at(112_000));
        let told = EN.notice(&progress, "web-3", sample::NOW_MS);
        assert_eq!(told.title, "web-3: Ready");
        assert_eq!(told.body, "Ready in 1 min 52 s");
        progress.status = Status::Cancelled;
        let told = EN.notice(&progress, "web-3", sample::NOW_MS);
        assert_eq!(told.body, "Cancelled after 1 min 52 s. Nothing was left behind.");
    }
}
