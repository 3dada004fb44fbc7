//! What the page about all requests shows.

use serde::{Deserialize, Serialize};

use crate::api::{Stage, Timestamp};

/// What all requests together say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Insights {
    /// When it was asked.
    pub as_of: Timestamp,
    /// How true the estimates were.
    pub calibration: Calibration,
    /// The stage that takes the largest part of the time.
    pub slowest: Option<Slowest>,
    /// The most used templates first.
    pub templates: Vec<TemplateTimes>,
    /// Most frequent first.
    pub failures: Vec<FailureReason>,
}

/// How true the estimates of the newest finished requests were.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// How many requests.
    pub requests: u32,
    /// How many estimates of them are judged, one for each stage entered.
    pub estimates: u32,
    /// In how many of 100 the truth lay in the range.
    pub held_percent: Option<f64>,
    /// The median of how far they were off, in milliseconds.
    pub error_ms: Option<u64>,
    /// The same of a plain average, in milliseconds.
    pub average_error_ms: Option<u64>,
}

/// The stage that takes the largest part of the time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slowest {
    /// The stage in a person's words.
    pub label: String,
    /// Its part of all time, in percent.
    pub percent: f64,
}

/// How long the stages of one template take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplateTimes {
    /// The template.
    pub template: String,
    /// Of how many runs.
    pub runs: u32,
    /// In the order of the work.
    pub stages: Vec<StageTimes>,
}

/// How long one stage takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageTimes {
    /// The stage.
    pub stage: Stage,
    /// The stage in a person's words.
    pub label: String,
    /// Over all runs.
    pub all: Spread,
    /// Piece by piece, oldest first; at least one.
    pub over_time: Vec<Spread>,
}

/// The middle of some durations, and between what eight of ten of them lie, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// How many there are.
    pub runs: u32,
    /// The 10th percentile.
    pub low_ms: u64,
    /// The median.
    pub median_ms: u64,
    /// The 90th percentile.
    pub high_ms: u64,
}

/// Requests that failed for the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureReason {
    /// The stable word, as `no_address`.
    pub code: String,
    /// In which stage, in a person's words.
    pub stage: String,
    /// How many.
    pub requests: u32,
}
