//! A moment.

use leptos::prelude::*;

use crate::{api::Timestamp, viewer::Viewer};

/// A moment in a `time` element: its exact value for programs, in the reader's words for people.
#[island]
pub(crate) fn Moment(
    /// The moment.
    at: Timestamp,
    /// Now by the server's clock: a moment of another day is shown with its date.
    now_ms: i64,
) -> impl IntoView {
    let viewer = Viewer::of_island();
    let at_ms = at.epoch_ms();
    view! {
        <time datetime=at.to_string() title=move || viewer.moment_full(at_ms)>
            {move || viewer.moment(at_ms, now_ms)}
        </time>
    }
}
