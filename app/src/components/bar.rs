//! The bar: one segment a stage.

use leptos::prelude::*;

use crate::{measure::Segment, words};

/// One segment a stage, as wide as the stage usually takes. For the eye only: the stepper says the
/// same in words.
#[component]
pub(crate) fn Bar(
    /// The segments; always as many.
    #[prop(into)]
    segments: Signal<Vec<Segment>>,
) -> impl IntoView {
    let count = segments.with_untracked(Vec::len);
    let one = move |index: usize| {
        let segment = Memo::new(move |_| segments.with(|all| all.get(index).copied()));
        let weight = move || segment.get().map_or(0.0, |segment| segment.weight);
        let filled = move || segment.get().and_then(|segment| segment.filled);
        view! {
            <i
                class="segment"
                data-state=move || segment.get().map(|segment| words::state_key(segment.state))
                data-unknown=move || filled().is_none().then_some("")
                style=("--usual", move || format!("{:.0}", weight()))
                style=("--filled", move || format!("{:.3}", filled().unwrap_or(1.0)))
            ></i>
        }
    };
    view! { <div class="bar" aria-hidden="true">{(0..count).map(one).collect_view()}</div> }
}
