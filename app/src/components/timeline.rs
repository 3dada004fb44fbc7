//! How long each stage took, beside what is usual.

use leptos::prelude::*;

use crate::{live::Watch, measure};

/// Height of a bar's drawing; its width is 100, and stretched to the column's.
const HEIGHT: u32 = 16;

/// A bar for each stage that took time, within the range that it usually ends in, once the attempt has
/// ended: a table, so that it can be listened to, with a drawing in each row. Nothing before.
#[component]
pub(crate) fn Timeline(
    /// The request.
    watch: Watch,
    /// The address of the replay.
    replay: String,
) -> impl IntoView {
    let words = watch.words;
    let lanes =
        watch.memo(
            |progress| {
                if progress.status.has_ended() { measure::lanes(progress) } else { Vec::new() }
            },
        );
    let row = move |lane: &measure::Lane| {
        let name = view! { <th scope="row">{words.told(&lane.label)}</th> };
        let took = words.duration(lane.took_ms);
        let usually = lane.usually_ms.map(|(low, high)| words.between(low, high));
        view! {
            <tr data-pace=lane.pace.as_str()>
                {name}
                <td class="timeline-drawing" aria-hidden="true">{drawing(lane)}</td>
                <td class="timeline-took">{took}</td>
                <td class="timeline-usually">
                    {match usually {
                        Some(usually) => usually.into_any(),
                        None => view! {
                            <span aria-hidden="true">"–"</span>
                            <span class="visually-hidden">{words.not_known()}</span>
                        }
                        .into_any(),
                    }}
                </td>
            </tr>
        }
    };
    move || {
        lanes.with(|lanes| {
            (!lanes.is_empty()).then(|| {
                let rows = lanes.iter().map(row).collect_view();
                let has_ranges = lanes.iter().any(|lane| is_range(lane.usually_ms));
                let key = has_ranges.then(|| words.timeline_key());
                view! {
                    <section class="timeline card" aria-labelledby="timeline-title">
                        <div class="timeline-head">
                            <h2 id="timeline-title">{words.timeline()}</h2>
                            <a href=replay.clone()>{words.watch_again()}</a>
                        </div>
                        <table>
                            <thead>
                                <tr>
                                    <th scope="col">{words.stage()}</th>
                                    <td aria-hidden="true"></td>
                                    <th scope="col">{words.took()}</th>
                                    <th scope="col">{words.usually_title()}</th>
                                </tr>
                            </thead>
                            <tbody>{rows}</tbody>
                        </table>
                        <p class="timeline-key">{key}</p>
                    </section>
                }
            })
        })
    }
}

/// Whether more than the middle is known.
fn is_range(usually_ms: Option<(u64, u64)>) -> bool {
    usually_ms.is_some_and(|(low, high)| low < high)
}

/// The bar, and below it where it usually ends: a band, or a mark where only the middle is known.
fn drawing(lane: &measure::Lane) -> impl IntoView + use<> {
    let percent = |part: f64| format!("{:.1}", part * 100.0);
    // Its ends are drawn too, so that a narrow one is seen.
    let usual = lane.usual_part.map(|(from, to)| {
        let band = format!("M{} 0H{}V{HEIGHT}H{0}z", percent(from), percent(to));
        view! { <path class="timeline-band" vector-effect="non-scaling-stroke" d=band/> }
    });
    view! {
        <svg viewBox=format!("0 0 100 {HEIGHT}") preserveAspectRatio="none">
            <rect class="timeline-track" x="0" y="4" width="100" height="8"/>
            {usual}
            <rect class="timeline-bar" x="0" y="4" width=percent(lane.part) height="8"/>
        </svg>
    }
}
