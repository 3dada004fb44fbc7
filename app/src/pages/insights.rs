//! What all requests together say: whether the estimates are true, where the time goes, why requests
//! fail.

mod chart;

use leptos::prelude::*;
use leptos_meta::Title;

use super::with_data;
use crate::{
    backend::{Calibration, FailureReason, Insights, Slowest, StageTimes, TemplateTimes},
    islands::Moment,
    words,
};
use chart::Chart;

/// The page about all requests.
#[component]
pub(crate) fn InsightsPage() -> impl IntoView {
    with_data(async move |backend| backend.insights().await, |insights| view! { <All insights/> })
}

#[component]
fn All(insights: Insights) -> impl IntoView {
    let Insights { as_of, calibration, slowest, templates, failures } = insights;
    let is_empty = templates.is_empty() && failures.is_empty();
    view! {
        <Title text="Insights · Stagewatch"/>
        <div class="insights">
            <header>
                <h1>"Insights"</h1>
                <p>
                    "What finished requests say, as of "<Moment at=as_of now_ms=as_of.epoch_ms()/>"."
                </p>
            </header>
            {if is_empty {
                view! {
                    <p class="card empty">"Nothing has finished yet. Once something has, it is told here how long it took."</p>
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
    let figure = |name: &'static str, value: Option<String>, note: Option<String>| {
        let value = value.unwrap_or_else(|| "not known yet".to_owned());
        view! {
            <div class="figure">
                <dt>{name}</dt>
                <dd>{value}{note.map(|note| view! { <small>{note}</small> })}</dd>
            </div>
        }
    };
    let error = calibration.error_ms.map(words::duration);
    let average = calibration.average_error_ms.map(words::duration);
    view! {
        <section class="card insights-part" aria-labelledby="truth">
            <h2 id="truth">"Are the estimates true?"</h2>
            <p>
                "What was told when a stage was entered, beside how long it then took: "
                {words::judged(&calibration)}"."
            </p>
            <dl class="figures">
                {figure("The range held", words::range_held(&calibration), None)}
                {figure("The middle was off by", error, words::against_average(&calibration))}
                {figure("A plain average was off by", average, None)}
            </dl>
        </section>
    }
}

/// Where the time goes.
#[component]
fn Times(templates: Vec<TemplateTimes>, slowest: Option<Slowest>) -> impl IntoView {
    view! {
        <section class="insights-times" aria-labelledby="times">
            <h2 id="times">"How long each stage takes"</h2>
            {slowest.map(|Slowest { label, percent }| view! {
                <p>{format!("{label} takes the largest part: {percent:.0} % of the time.")}</p>
            })}
            {templates.into_iter().map(|template| view! { <Template template/> }).collect_view()}
        </section>
    }
}

#[component]
fn Template(template: TemplateTimes) -> impl IntoView {
    let TemplateTimes { template, runs, stages } = template;
    view! {
        <div class="card insights-part">
            <table class="times">
                <caption>
                    <strong>{template}</strong>" "{words::counted(runs, "run")}
                </caption>
                <thead>
                    <tr>
                        <th scope="col">"Stage"</th>
                        <th scope="col">"Usually"</th>
                        <th scope="col">"8 of 10 take"</th>
                        <th scope="col">"Over time"</th>
                    </tr>
                </thead>
                <tbody>{stages.into_iter().map(|stage| view! { <Row stage/> }).collect_view()}</tbody>
            </table>
        </div>
    }
}

#[component]
fn Row(stage: StageTimes) -> impl IntoView {
    let StageTimes { label, all, over_time, .. } = stage;
    view! {
        <tr>
            <th scope="row">{label}</th>
            <td>{words::duration(all.median_ms)}</td>
            <td>{words::range(&all)}</td>
            <td><Chart pieces=over_time/></td>
        </tr>
    }
}

/// Why requests fail.
#[component]
fn Failures(failures: Vec<FailureReason>) -> impl IntoView {
    let row = |FailureReason { code, stage, requests }| {
        view! { <tr><th scope="row"><code>{code}</code></th><td>{stage}</td><td>{requests}</td></tr> }
    };
    view! {
        <section class="card insights-part" aria-labelledby="failures">
            <h2 id="failures">"Why requests failed"</h2>
            {if failures.is_empty() {
                view! { <p>"None of the last requests has failed."</p> }.into_any()
            } else {
                view! {
                    <table class="failures">
                        <thead>
                            <tr>
                                <th scope="col">"Reason"</th>
                                <th scope="col">"Stage"</th>
                                <th scope="col">"Requests"</th>
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
