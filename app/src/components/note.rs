//! A remark that stands out: something is slow, failed, done or waiting.

use leptos::prelude::*;

use crate::words::Tone;

/// A remark with a title, a sign and what follows from it. The sign says the same as the colour.
#[component]
pub(crate) fn Note(
    /// Which colour and sign.
    tone: Tone,
    /// The remark in a few words.
    #[prop(into)]
    title: Signal<String>,
    /// More about it.
    children: Children,
) -> impl IntoView {
    let sign = match tone {
        Tone::Done => "m7 12.3 3.2 3.2 6-6.6",
        Tone::Bad => "M12 7v6.2m0 3v.1",
        Tone::Slow | Tone::Go | Tone::Idle => "M12 7.2v5.2l3.2 1.9",
    };
    view! {
        <div class="note" data-tone=tone.as_str()>
            <svg class="note-sign" viewBox="0 0 24 24" aria-hidden="true">
                <circle cx="12" cy="12" r="9.5"/>
                <path d=sign/>
            </svg>
            <div class="note-body">
                <p class="note-title">{move || title.get()}</p>
                {children()}
            </div>
        </div>
    }
}
