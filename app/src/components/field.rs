//! One field of a form.

use leptos::{html, prelude::*};

/// A labelled text field with its limits beside it and what is wrong with it below.
#[component]
pub(crate) fn Field(
    /// Its name, also its id.
    name: &'static str,
    /// Its label.
    label: &'static str,
    /// What may be typed.
    #[prop(into)]
    hint: Signal<String>,
    /// What was typed.
    value: RwSignal<String>,
    /// What is wrong with it, if anything.
    error: Option<String>,
    /// What is said of it while it is typed; empty for nothing.
    #[prop(optional)]
    remark: Option<Signal<String>>,
    /// Whether it holds a number.
    #[prop(optional)]
    is_number: bool,
    /// Whether it must be filled.
    #[prop(optional)]
    is_required: bool,
    /// The most characters that it takes.
    #[prop(default = 80)]
    max_chars: u32,
) -> impl IntoView {
    let has_error = error.is_some();
    let described_by =
        if has_error { format!("{name}-error {name}-hint") } else { format!("{name}-hint") };
    let kind = if is_number { "number" } else { "text" };
    let input = NodeRef::<html::Input>::new();
    // What was typed before the page was hydrated counts; from then on both follow each other.
    Effect::new(move |is_later: Option<()>| {
        let text = value.get();
        let Some(input) = input.get() else { return };
        if input.value() != text {
            match is_later {
                Some(()) => input.set_value(&text),
                None => value.set(input.value()),
            }
        }
    });
    view! {
        <div class="field" data-kind=kind>
            <label for=name>{label}</label>
            // A text field also for numbers: what was typed must come back as it was typed, and a
            // wheel turned by accident must not change it.
            <input
                type="text"
                id=name
                name=name
                inputmode=is_number.then_some("numeric")
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                maxlength=max_chars
                aria-required=is_required.then_some("true")
                aria-invalid=has_error.then_some("true")
                aria-describedby=described_by
                value=value.get_untracked()
                on:input:target=move |event| value.set(event.target().value())
                node_ref=input
            />
            {error.map(|error| view! { <p class="field-error" id=format!("{name}-error")>{error}</p> })}
            // Always there, since a region that comes with its content is not announced.
            {remark.map(|remark| view! {
                <p class="field-remark" id=format!("{name}-remark") role="status">{move || remark.get()}</p>
            })}
            <p class="field-hint" id=format!("{name}-hint")>{move || hint.get()}</p>
        </div>
    }
}
