//! A past provisioning, played again in the same stepper, with the estimate as it was told then.

use leptos::prelude::*;

use crate::{
    api::StageEvent,
    components::{Attempts, Eta, Interruptions, Stepper, Undo, WaitingNote},
    film::{Film, Scene},
    live::{LiveState, Watch},
    viewer::Viewer,
    words,
};

/// How often the film moves on while it plays.
#[cfg(feature = "hydrate")]
const FRAME: std::time::Duration = std::time::Duration::from_millis(100);

/// How many times faster than it was.
const SPEEDS: [u32; 3] = [1, 10, 60];

/// The film of a request, and what moves it. Without JavaScript it is the picture of one event.
#[island]
pub(crate) fn Replay(
    /// The request's events.
    events: Vec<StageEvent>,
    /// Which of them is shown first, counted from 0.
    first: usize,
) -> impl IntoView {
    let film = StoredValue::new(Film::new(&events));
    let count = events.len();
    // An event is always there: a request begins with one.
    let watch = events.get(first).map(Watch::of_past)?;
    let words = watch.words;
    let place = RwSignal::new(film.with_value(|film| film.begin_of(first)));
    let scene = Memo::new(move |_| film.with_value(|film| film.at(place.get())));
    let events = StoredValue::new(events);
    Effect::new(move |before: Option<usize>| {
        let Scene { index, now_ms } = scene.get();
        watch.now_ms.set(now_ms);
        if before.is_some_and(|before| before != index) || before.is_none() && index != first {
            events.with_value(|events| {
                if let Some(event) = events.get(index) {
                    watch.state.set(LiveState::of_past(event));
                }
            });
        }
        index
    });
    Some(view! {
        <Controls film place scene watch count/>
        <WaitingNote watch/>
        <section class="card" aria-label=words.progress()>
            <Eta watch><span hidden></span></Eta>
            <Stepper watch/>
            <Interruptions watch/>
            <Undo watch/>
        </section>
        <Attempts watch/>
    })
}

/// What moves the film: only there where a browser can.
#[component]
fn Controls(
    film: StoredValue<Film>,
    place: RwSignal<u64>,
    scene: Memo<Scene>,
    watch: Watch,
    count: usize,
) -> impl IntoView {
    let (viewer, words) = (Viewer::of_island(), watch.words);
    let is_playing = RwSignal::new(false);
    let speed = RwSignal::new(SPEEDS[1]);
    let (length_ms, step_ms) = film.with_value(|film| (film.length_ms(), film.step_ms()));
    play(place, is_playing, speed, length_ms);
    let toggle = move |_| {
        if place.get_untracked() >= length_ms {
            place.set(0);
        }
        is_playing.update(|is_playing| *is_playing = !*is_playing);
    };
    let go = move |index: Option<usize>| {
        is_playing.set(false);
        if let Some(index) = index.filter(|index| *index < count) {
            place.set(film.with_value(|film| film.begin_of(index)));
        }
    };
    let scrub = move |typed: String| {
        is_playing.set(false);
        place.set(typed.parse().unwrap_or(0));
    };
    let moment = Memo::new(move |_| {
        let Scene { index, now_ms } = scene.get();
        let headline = watch.headline().with(|headline| headline.text.clone());
        words.film_moment(&viewer.moment(now_ms, now_ms), index + 1, count, &headline)
    });
    let speeds = SPEEDS.map(|times| {
        view! {
            <button
                type="button"
                class="button"
                aria-pressed=move || if speed.get() == times { "true" } else { "false" }
                on:click=move |_| speed.set(times)
            >
                {words::film_speed(times)}
            </button>
        }
    });
    view! {
        <div class="replay-controls card" role="group" aria-label=words.film() hidden=move || !viewer.is_here()>
            <input
                class="replay-place"
                type="range"
                min="0"
                max=length_ms
                step=step_ms
                aria-label=words.film_place()
                aria-valuetext=move || moment.get()
                prop:value=move || place.get().to_string()
                on:input:target=move |event| scrub(event.target().value())
            />
            <p class="replay-moment" aria-hidden="true">{move || moment.get()}</p>
            <div class="replay-buttons">
                <button type="button" class="button" data-kind="main" on:click=toggle>
                    {move || if is_playing.get() { words.film_pause() } else { words.film_play() }}
                </button>
                <button type="button" class="button" on:click=move |_| go(scene.get_untracked().index.checked_sub(1))>
                    {words.film_back()}
                </button>
                <button type="button" class="button" on:click=move |_| go(Some(scene.get_untracked().index + 1))>
                    {words.film_on()}
                </button>
                <div class="replay-speeds" role="group" aria-label=words.film_speed_title()>{speeds}</div>
            </div>
        </div>
    }
}

/// Moves the film on while it plays. Browsers only.
#[cfg_attr(not(feature = "hydrate"), expect(unused_variables, reason = "a server only renders"))]
fn play(place: RwSignal<u64>, is_playing: RwSignal<bool>, speed: RwSignal<u32>, length_ms: u64) {
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| {
        use crate::browser::monotonic_ms;
        if !is_playing.get() {
            return;
        }
        let last_ms = StoredValue::new(monotonic_ms());
        let frame = move || {
            let now_ms = monotonic_ms();
            let passed_ms = now_ms - last_ms.get_value();
            last_ms.set_value(now_ms);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a monotonic clock's difference, far below 2^63"
            )]
            let moved_ms = (passed_ms * f64::from(speed.get_untracked())) as u64;
            let next_ms = (place.get_untracked() + moved_ms).min(length_ms);
            place.set(next_ms);
            if next_ms == length_ms {
                is_playing.set(false);
            }
        };
        let playing = set_interval_with_handle(frame, FRAME).ok();
        // Runs again when it is paused, and with the page's owner.
        on_cleanup(move || {
            if let Some(playing) = playing {
                playing.clear();
            }
        });
    });
}
