//! What all requests together say: whether the estimates are true, where the time goes, why requests
//! fail.

mod chart;

use leptos::prelude::*;
use leptos_meta::Title;

use super::with_data;
use crate::{
    backend::{Calibration, FailureReason, Insights, Slowest, StageTimes, TemplateTimes},
    islands::Moment,
    words::{self, Words},
};
use chart::Chart;

/// The page about all requests.
#[component]
pub(crate) fn InsightsPage() -> impl IntoView {
    with_data(async move |backend| backend.insights().await, |insights| view! { <All insights/> })
}

#[component]
fn All(insights: Insights) -> impl IntoView {
    let words = Words::of_page();
    let Insights { as_of, calibration, slowest, templates, failures } = insights;
    let is_empty = templates.is_empty() && failures.is_empty();
    view! {
        <Title text=words.page_title(words.insights())/>
        <div class="insights">
            <header>
                <h1>{words.insights()}</h1>
                <p>
                    {words.insights_as_of()}<Moment at=as_of now_ms=as_of.epoch_ms()/>"."
                </p>
            </header>
            {if is_empty {
                view! {
                    <p class="card empty">{words.nothing_finished()}</p>
                }
                .into_any()
            } else {
                view! {
                    <Truth calibration/>
                    <Times templates slowest/>
                    <Failures failures/>
                }
                .into_any()
            }}
        </div>
    }
}

/// Whether the estimates can be believed.
#[component]
fn Truth(calibration: Calibration) -> impl IntoView {
    let words = Words::of_page();
    let figure = |name: &'static str, value: Option<String>, note: Option<String>| {
        let value = value.unwrap_or_else(|| words.not_known().to_owned());
        view! {
            <div class="figure">
                <dt>{name}</dt>
                <dd>{value}{note.map(|note| view! { <small>{note}</small> })}</dd>
            </div>
        }
    };
    let should_hold = calibration.held_percent.map(|_| words.should_hold().to_owned());
    let error = calibration.error_ms.map(|value| words.duration(value));
    let average = calibration.average_error_ms.map(|value| words.duration(value));
    view! {
        <section class="card insights-part" aria-labelledby="truth">
            <h2 id="truth">{words.are_estimates_true()}</h2>
            <p>
                {words.told_beside_took()}
                {words.judged(&calibration)}"."
            </p>
            <dl class="figures">
                {figure(words.range_held_title(), words::range_held(&calibration), should_hold)}
                {figure(words.middle_off(), error, words.against_average(&calibration))}
                {figure(words.average_off(), average, None)}
            </dl>
        </section>
    }
}

/// Where the time goes.
#[component]
fn Times(templates: Vec<TemplateTimes>, slowest: Option<Slowest>) -> impl IntoView {
    let words = Words::of_page();
    view! {
        <section class="insights-times" aria-labelledby="times">
            <h2 id="times">{words.stage_times()}</h2>
            {slowest.map(|Slowest { label, percent }| view! {
                <p>{words.largest_part(&label, percent)}</p>
            })}
            {templates.into_iter().map(|template| view! { <Template template/> }).collect_view()}
        </section>
    }
}

#[component]
fn Template(template: TemplateTimes) -> impl IntoView {
    let words = Words::of_page();
    let TemplateTimes { template, runs, stages } = template;
    view! {
        <div class="card insights-part">
            <table class="times">
                <caption>
                    <strong>{template}</strong>" "{words.runs(runs)}
                </caption>
                <thead>
                    <tr>
                        <th scope="col">{words.stage()}</th>
                        <th scope="col">{words.usually_title()}</th>
                        <th scope="col">{words.eight_of_ten()}</th>
                        <th scope="col">{words.over_time_title()}</th>
                    </tr>
                </thead>
                <tbody>{stages.into_iter().map(|stage| view! { <Row stage/> }).collect_view()}</tbody>
            </table>
        </div>
    }
}

#[component]
fn Row(stage: StageTimes) -> impl IntoView {
    let words = Words::of_page();
    let StageTimes { stage, all, over_time, .. } = stage;
    view! {
        <tr>
            <th scope="row">{words.stage_label(stage)}</th>
            <td data-title=words.usually_title()>{words.duration(all.median_ms)}</td>
            <td data-title=words.eight_of_ten()>{words.range(&all)}</td>
            <td><Chart pieces=over_time/></td>
        </tr>
    }
}

/// Why requests fail.
#[component]
fn Failures(failures: Vec<FailureReason>) -> impl IntoView {
    let words = Words::of_page();
    let row = move |FailureReason { code, stage, requests }| {
        // It may be broken after each of its words.
        let parts = code.split_inclusive('_').map(|part| view! { {part.to_owned()}<wbr/> });
        view! {
            <tr>
                <th scope="row">
                    {words.failure_code(&code)} " "
                    <code>{parts.collect_view()}</code>
                </th>
                <td>{words.told(&stage)}</td>
                <td>{requests}</td>
            </tr>
        }
    };
    view! {
        <section class="card insights-part" aria-labelledby="failures">
            <h2 id="failures">{words.why_failed()}</h2>
            {if failures.is_empty() {
                view! { <p>{words.none_failed()}</p> }.into_any()
            } else {
                view! {
                    <table class="failures">
                        <thead>
                            <tr>
                                <th scope="col">{words.reason()}</th>
                                <th scope="col">{words.stage()}</th>
                                <th scope="col">{words.requests()}</th>
                            </tr>
                        </thead>
                        <tbody>{failures.into_iter().map(row).collect_view()}</tbody>
                    </table>
                }
                .into_any()
            }}
        </section>
    }
}
