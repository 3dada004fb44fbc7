//! A wish to be told of the end, beyond this page.

use leptos::prelude::*;

use crate::{api::Status, live::Watch, viewer::Viewer};

/// A button that has the browser tell the end of the request. Asks for leave only when it is pressed,
/// and is only there where a browser can do it and the VM is still to become ready.
#[component]
pub(crate) fn TellMe(
    /// The request.
    watch: Watch,
    /// Its name among the wishes that the browser remembers.
    request: String,
) -> impl IntoView {
    let words = watch.words;
    let viewer = Viewer::of_island();
    let is_coming =
        watch.memo(|progress| matches!(progress.status, Status::Queued | Status::Provisioning));
    let is_wanted = RwSignal::new(false);
    let can_be_told = RwSignal::new(false);
    #[cfg(feature = "hydrate")]
    let look = {
        let request = request.clone();
        move || {
            can_be_told.set(crate::browser::notifications::can_be_asked_for());
            is_wanted.set(crate::browser::notifications::is_wanted(&request));
        }
    };
    #[cfg(feature = "hydrate")]
    Effect::new({
        let look = look.clone();
        // Again when it goes on after an end: the wish was forgotten when that was told.
        move |_| {
            is_coming.track();
            look();
        }
    });
    let toggle = move |_| {
        #[cfg(feature = "hydrate")]
        {
            use crate::browser::notifications;
            let (request, look) = (request.clone(), look.clone());
            if is_wanted.get_untracked() {
                notifications::forget(&request);
                look();
            } else {
                leptos::task::spawn_local(async move {
                    notifications::want(&request).await;
                    look();
                });
            }
        }
        #[cfg(not(feature = "hydrate"))]
        let _unused = &request;
    };
    let is_hidden = move || !viewer.is_here() || !can_be_told.get() || !is_coming.get();
    view! {
        <button
            type="button"
            class="button tell-me"
            hidden=is_hidden
            aria-pressed=move || if is_wanted.get() { "true" } else { "false" }
            on:click=toggle
        >
            <svg class="tell-me-sign" viewBox="0 0 24 24" aria-hidden="true">
                <path d="M6.5 16.5V11a5.5 5.5 0 0 1 11 0v5.5l1.5 1.5H5zM10.3 20.5h3.4"/>
            </svg>
            {move || if is_wanted.get() { words.will_tell() } else { words.tell_me() }}
        </button>
    }
}
