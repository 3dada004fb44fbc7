//! `GET /metrics`: what those who run the server watch, in Prometheus' text format.
//!
//! Some lines do not need a library. Nothing that names a person, a VM or a place is in it.

use std::fmt::Write;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::{AppState, in_time};
use crate::application::insights::Totals;
use crate::domain::vm::VmStatus;

/// The type of Prometheus' text format.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /metrics`
pub(super) async fn metrics(State(state): State<AppState>) -> Result<Response, ApiError> {
    if !state.is_ready() {
        return Err(ApiError::database_away());
    }
    let totals = in_time(state.insights.totals()).await??;
    let open = state.streams_max.saturating_sub(state.streams.available_permits());
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text(&totals, open)).into_response())
}

/// The lines. What is not known (no estimate was judged yet) is left out, not 0.
fn text(totals: &Totals, streams_open: usize) -> String {
    let mut text = String::new();
    let mut metric = |name: &str, help: &str, lines: &[(String, f64)]| {
        if lines.is_empty() {
            return;
        }
        // Writing to a String cannot fail.
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge").ok();
        for (labels, value) in lines {
            writeln!(text, "{name}{labels} {value}").ok();
        }
    };
    let one = |value: Option<f64>| -> Vec<(String, f64)> {
        value.map(|value| (String::new(), value)).into_iter().collect()
    };
    let by_status: Vec<(String, f64)> = totals
        .by_status
        .iter()
        .map(|(status, count)| (status_label(*status), as_f64(*count)))
        .collect();
    metric("stagewatch_requests", "Requests by status.", &by_status);
    let open = as_f64(streams_open as u64);
    metric(
        "stagewatch_streams_open",
        "Live streams that are open on this server.",
        &one(Some(open)),
    );
    let calibration = &totals.calibration;
    metric(
        "stagewatch_estimates_judged",
        "Estimates of the newest 200 requests that became ready, one for each stage entered.",
        &one(Some(as_f64(calibration.estimates as u64))),
    );
    metric(
        "stagewatch_estimate_coverage_ratio",
        "The part of these estimates whose 10 to 90 % range held; it should be 0.8.",
        &one(calibration.held),
    );
    let seconds = |ms: Option<u64>| one(ms.map(|ms| as_f64(ms) / 1_000.0));
    metric(
        "stagewatch_estimate_error_seconds",
        "The median of how far these estimates were off.",
        &seconds(calibration.error_ms),
    );
    metric(
        "stagewatch_plain_average_error_seconds",
        "The same of a plain average of earlier durations, to compare with.",
        &seconds(calibration.average_error_ms),
    );
    text
}

fn status_label(status: VmStatus) -> String {
    format!("{{status=\"{}\"}}", status.as_str())
}

#[expect(clippy::cast_precision_loss, reason = "counts and milliseconds are far below 2^53")]
fn as_f64(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calibration::Calibration;

    #[test]
    fn every_metric_has_its_help_its_type_and_a_number() {
        let calibration = Calibration {
            estimates: 1_000,
            held: Some(0.805),
            error_ms: Some(3_250),
            average_error_ms: Some(4_000),
        };
        let totals = Totals { by_status: vec![(VmStatus::Ready, 7)], calibration };
        let text = text(&totals, 3);
        for line in [
            "# TYPE stagewatch_requests gauge",
            "stagewatch_requests{status=\"ready\"} 7",
            "stagewatch_streams_open 3",
            "stagewatch_estimates_judged 1000",
            "stagewatch_estimate_coverage_ratio 0.805",
            "stagewatch_estimate_error_seconds 3.25",
            "stagewatch_plain_average_error_seconds 4",
        ] {
            assert!(text.lines().any(|said| said == line), "{line} is not in {text}");
        }
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let totals = Totals { by_status: Vec::new(), calibration: Calibration::default() };
        let text = text(&totals, 0);
        assert!(!text.contains("coverage") && !text.contains("error"), "{text}");
        assert!(text.contains("stagewatch_estimates_judged 0"), "{text}");
    }
}
