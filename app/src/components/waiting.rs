//! Why nothing moves just now, or why it takes so long.

use leptos::prelude::*;

use super::Note;
use crate::{
    api::{Waiting, WaitingFor},
    live::Watch,
    words::Tone,
};

/// The warning that it takes longer than usual. The region is always there, since one that is
/// inserted with its content is not announced.
#[component]
pub(crate) fn SlowNote(
    /// The request.
    watch: Watch,
) -> impl IntoView {
    let words = watch.words;
    let is_slow = watch.is_slow();
    // Not the server's sentence, which is English: it says the same.
    let title = Signal::stored(words.slow().to_owned());
    view! {
        <div role="status" class="slow">
            <Show when=move || is_slow.get()>
                <Note tone=Tone::Slow title>
                    <p>{words.slow_meaning()}</p>
                </Note>
            </Show>
        </div>
    }
}

/// What is waited for, the reason and when the next try begins.
#[component]
pub(crate) fn WaitingNote(
    /// The request.
    watch: Watch,
) -> impl IntoView {
    let words = watch.words;
    let waiting = watch.memo(|progress| {
        progress.waiting.clone().filter(|waiting| waiting.waiting_for != WaitingFor::Worker)
    });
    let next = move |waiting: &Waiting| {
        let (number, next_at) = (waiting.next_try, waiting.next_at);
        let in_ms = move |now_ms| {
            let left_ms = next_at?.epoch_ms() - now_ms;
            Some(u64::try_from(left_ms).unwrap_or(0))
        };
        watch.ticking(move |_, now_ms| words.next_try(number, in_ms(now_ms)))
    };
    move || {
        waiting.with(|waiting| {
            let waiting = waiting.as_ref()?;
            let (reason, next) = (waiting.reason.clone(), next(waiting));
            Some(view! {
                <div class="waiting">
                    <Note tone=Tone::Slow title=Signal::stored(words.why_it_waits(waiting.waiting_for).to_owned())>
                        {reason.map(|reason| words.told(&reason)).map(|reason| view! { <p>{reason}</p> })}
                        <p class="waiting-next">{move || next.get()}</p>
                    </Note>
                </div>
            })
        })
    }
}
