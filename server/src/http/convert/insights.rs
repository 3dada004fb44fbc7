//! What all requests together say, on the page.

use app::backend::{
    Calibration, FailureReason, Insights, Slowest, Spread, StageTimes, TemplateTimes,
};

use crate::application::insights::{Overview, StageTimes as Times, TemplateTimes as OfTemplate};
use crate::domain::calibration::Spread as Durations;

/// What all requests together say.
pub fn insights(overview: Overview) -> Insights {
    let Overview { now, requests, calibration, slowest, templates, failures } = overview;
    Insights {
        as_of: now.into(),
        calibration: Calibration {
            requests,
            estimates: count(calibration.estimates),
            held_percent: calibration.held.map(|held| held * 100.0),
            error_ms: calibration.error_ms,
            average_error_ms: calibration.average_error_ms,
        },
        slowest: slowest.map(|(stage, part)| Slowest {
            label: stage.label().to_owned(),
            percent: part * 100.0,
        }),
        templates: templates.into_iter().map(template).collect(),
        failures: failures
            .into_iter()
            .map(|failed| FailureReason {
                code: failed.code,
                stage: failed.stage.label().to_owned(),
                requests: failed.requests,
            })
            .collect(),
    }
}

fn template(times: OfTemplate) -> TemplateTimes {
    TemplateTimes {
        template: times.template,
        runs: count(times.runs),
        stages: times.stages.iter().map(stage).collect(),
    }
}

fn stage(times: &Times) -> StageTimes {
    StageTimes {
        stage: super::stage(times.stage),
        label: times.stage.label().to_owned(),
        all: spread(&times.all),
        over_time: times.over_time.iter().map(spread).collect(),
    }
}

fn spread(durations: &Durations) -> Spread {
    let Durations { runs, low_ms, median_ms, high_ms } = *durations;
    Spread { runs: count(runs), low_ms, median_ms, high_ms }
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}
