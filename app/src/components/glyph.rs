//! The sign of a stage's state.

use leptos::prelude::*;

use crate::{api::StageState, words};

/// The sign of a stage's state: a drawing, and the same as a character for those who copy the text.
///
/// The drawing holds the strokes of every state and the style sheet shows those of `data-state`, so
/// that a tick can be drawn when a stage completes and nothing is rebuilt.
#[component]
pub(crate) fn Glyph(
    /// The stage's state.
    #[prop(into)]
    state: Signal<StageState>,
) -> impl IntoView {
    view! {
        <span class="glyph" aria-hidden="true">
            <svg viewBox="0 0 24 24">
                <circle class="glyph-disc" cx="12" cy="12" r="10"/>
                <circle class="glyph-ring" cx="12" cy="12" r="9"/>
                <path class="glyph-arc spinner" d="M12 3a9 9 0 0 1 9 9"/>
                <path class="glyph-tick" pathLength="1" d="m7.4 12.4 3.1 3.1 6.1-6.6"/>
                <path class="glyph-cross" d="m8.4 8.4 7.2 7.2m0-7.2-7.2 7.2"/>
                <path class="glyph-dash" d="M8.5 12h7"/>
                <path
                    class="glyph-back"
                    d="M9.2 10.2h4a2.6 2.6 0 0 1 0 5.2h-2.7M9.2 10.2l2-2M9.2 10.2l2 2"
                />
            </svg>
            <span class="visually-hidden">{move || words::state_sign(state.get())}" "</span>
        </span>
    }
}
