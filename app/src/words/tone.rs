//! Which colour goes with which words.

use crate::api::Status;

/// The tone of a status: which colour goes with its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing moves.
    Idle,
    /// It moves.
    Go,
    /// It moves slower than usual.
    Slow,
    /// Done.
    Done,
    /// Failed.
    Bad,
}

impl Tone {
    /// The word that the style sheets use.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Go => "go",
            Self::Slow => "slow",
            Self::Done => "done",
            Self::Bad => "bad",
        }
    }
}

/// The tone of a status.
pub(crate) fn tone(status: Status) -> Tone {
    match status {
        Status::Queued | Status::Cancelled => Tone::Idle,
        Status::Provisioning | Status::Undoing => Tone::Go,
        Status::Ready => Tone::Done,
        Status::Failed | Status::NeedsAttention => Tone::Bad,
    }
}
