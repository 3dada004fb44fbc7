//! The form that asks for a VM: a plain HTML form, which works without JavaScript. With it, the size
//! follows the template and a second click does nothing.

#[cfg(feature = "hydrate")]
use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;

#[cfg(feature = "hydrate")]
use crate::backend::NameCheck;

use crate::{
    api::{FieldError, Template},
    backend::{Foresight, NewRequestForm, Site},
    components::{Field, SummaryOfErrors, TemplateChoice},
    viewer::Viewer,
    words::Words,
};

/// A label.
type Label = fn(Words) -> &'static str;

/// The form's fields: name in the form, name in the API, label.
const FIELDS: [(&str, &str, Label); 7] = [
    ("name", "name", Words::name),
    ("template", "template", Words::template),
    ("cpus", "cpus", Words::cpus_title),
    ("memoryMib", "memoryMib", Words::memory_in_mib),
    ("networkName", "network.name", Words::network),
    ("ipAddress", "network.ipAddress", Words::fixed_address),
    ("gateway", "network.gateway", Words::gateway),
];

/// The form, with what was typed and what is wrong with it.
#[island]
pub(crate) fn RequestForm(
    /// What the server knows about it.
    form: NewRequestForm,
) -> impl IntoView {
    let NewRequestForm { draft, errors, problem, templates, templates_problem, .. } = form;
    let NewRequestForm { foresight: Foresight { ahead, usual }, site, .. } = form;
    let (viewer, words, is_sent) = (Viewer::of_island(), Words::of_page(), RwSignal::new(false));
    // A browser may show the page again as it was left, with the button as it was.
    #[cfg(feature = "hydrate")]
    on_cleanup({
        let shown = window_event_listener_untyped("pageshow", move |_| is_sent.set(false));
        move || shown.remove()
    });
    let (cpus, memory) = (RwSignal::new(draft.cpus), RwSignal::new(draft.memory_mib));
    let chosen = RwSignal::new(draft.template.clone());
    let propose = propose_size(cpus, memory, &templates, &draft.template);
    let on_choose = Callback::new(move |template: Template| {
        chosen.set(template.name.clone());
        propose.run(template);
    });
    let (name, taken) = (RwSignal::new(draft.name), RwSignal::new(None));
    check_while_typing(name, taken);
    let foreseen = {
        let usual = usual.clone();
        move || {
            let known = usual.iter().find(|(of, _)| *of == chosen.get());
            words.foreseen(known.map(|(_, estimate)| estimate.as_ref()), ahead)
        }
    };
    let limits = Limits::of(words, &site);
    let error = |field: &str| message(words, &errors, field);
    let memory_hint = Signal::derive(move || {
        let typed = memory.get().trim().parse::<u32>().ok().filter(|mib| *mib > 0);
        typed.map_or_else(
            || limits.memory.clone(),
            |mib| format!("{} · {}", words.memory(mib), limits.memory),
        )
    });
    view! {
        <div class="new-request-form">
            <SummaryOfErrors wrong=wrong(words, &errors) problem/>
            // The server checks, so that all that is wrong is said at once, with or without JavaScript.
            <form
                method="post"
                action="/requests"
                novalidate
                data-hydrated=move || viewer.is_here().then_some("")
                on:submit=move |_| is_sent.set(true)
            >
                <input type="hidden" name="key" value=draft.key autocomplete="off"/>
                <div class="card form">
                    <Field name="name" label=words.name() hint=words.name_hint() value=name error=error("name") remark=remark(words, taken) is_required=true max_chars=63/>
                    <TemplateChoice
                        templates
                        chosen=draft.template
                        problem=templates_problem
                        error=error("template")
                        usual
                        on_choose
                    />
                    <div class="form-pair">
                        <Field name="cpus" label=words.cpus_title() hint=limits.cpus value=cpus error=error("cpus") is_number=true is_required=true max_chars=8/>
                        <Field name="memoryMib" label=words.memory_in_mib() hint=memory_hint value=memory error=error("memoryMib") is_number=true is_required=true max_chars=12/>
                    </div>
                    <Network draft=(draft.network_name, draft.ip_address, draft.gateway) errors/>
                </div>
                <p class="foresight" role="status">{foreseen}</p>
                <p class="actions">
                    <button class="button" data-kind="main" disabled=move || is_sent.get()>
                        {move || if is_sent.get() { words.asking() } else { words.ask_for_it() }}
                    </button>
                    <a class="button" data-kind="quiet" href="/">{words.back_to_the_list()}</a>
                </p>
            </form>
        </div>
    }
}

/// What is said of a name that is taken.
fn remark(words: Words, taken: RwSignal<Option<String>>) -> Signal<String> {
    Signal::derive(move || taken.get().map(|by| words.taken(&by)).unwrap_or_default())
}

/// The pause in typing after which a name is looked up.
#[cfg(feature = "hydrate")]
const TYPING_PAUSE: std::time::Duration = std::time::Duration::from_millis(300);

/// Looks up whether a name is free, while it is typed. Only help: nothing waits for it, and the server
/// checks again what is sent.
#[cfg_attr(not(feature = "hydrate"), expect(unused_variables, reason = "nobody types on a server"))]
fn check_while_typing(name: RwSignal<String>, taken: RwSignal<Option<String>>) {
    #[cfg(feature = "hydrate")]
    {
        let asked = StoredValue::new_local(None::<(TimeoutHandle, crate::browser::Question)>);
        Effect::new(move |is_later: Option<()>| {
            let typed = name.get().trim().to_owned();
            // What was asked before is not of this name.
            asked.update_value(|asked| {
                if let Some((pause, question)) = asked.take() {
                    pause.clear();
                    question.give_up();
                }
            });
            taken.set(None);
            // What came with the page was checked by the server.
            if is_later.is_none() || typed.is_empty() {
                return;
            }
            let question = crate::browser::Question::new();
            let asking = question.clone();
            let address = format!("/ui/name?name={}", crate::words::in_query(&typed));
            let look = move || {
                leptos::task::spawn_local(async move {
                    let answer: Option<NameCheck> = asking.read_json(&address).await;
                    if let Some(check) = answer {
                        taken.set(check.taken);
                    }
                });
            };
            let pause = set_timeout_with_handle(look, TYPING_PAUSE).ok();
            asked.set_value(pause.map(|pause| (pause, question)));
        });
    }
}

/// The network, which most people leave alone.
#[component]
fn Network(draft: (String, String, String), errors: Vec<FieldError>) -> impl IntoView {
    let words = Words::of_page();
    let is_open = !(draft.0.is_empty() && draft.1.is_empty() && draft.2.is_empty())
        || errors.iter().any(|error| error.field.starts_with("network"));
    let error = |field: &str| message(words, &errors, field);
    let (name, address, gateway) =
        (RwSignal::new(draft.0), RwSignal::new(draft.1), RwSignal::new(draft.2));
    view! {
        <details class="network" open=is_open>
            <summary>{words.network()}<span class="network-hint">{words.network_hint()}</span></summary>
            <Field name="networkName" label=words.network() hint=words.network_name_hint() value=name error=error("network.name")/>
            <div class="form-pair">
                <Field name="ipAddress" label=words.fixed_address() hint=words.fixed_address_hint() value=address error=error("network.ipAddress") max_chars=18/>
                <Field name="gateway" label=words.gateway() hint=words.gateway_hint() value=gateway error=error("network.gateway") max_chars=15/>
            </div>
        </details>
    }
}

/// The limits beside the fields, in words.
#[derive(Clone)]
struct Limits {
    cpus: String,
    memory: String,
}

impl Limits {
    fn of(words: Words, site: &Site) -> Self {
        Self {
            cpus: words.cpu_limits(site.cpus),
            memory: words.memory_limits(site.memory_mib, site.memory_step_mib),
        }
    }
}

/// Proposes the chosen template's own size, for as long as the person has not typed another.
fn propose_size(
    cpus: RwSignal<String>,
    memory: RwSignal<String>,
    templates: &[Template],
    chosen: &str,
) -> Callback<Template> {
    let size = |template: &Template| (template.cpus.to_string(), template.memory_mib.to_string());
    let first = templates.iter().find(|template| template.name == chosen).map(size);
    let proposed = StoredValue::new(first);
    Callback::new(move |template: Template| {
        let typed = (cpus.get_untracked(), memory.get_untracked());
        let is_own = typed != (String::new(), String::new())
            && proposed.with_value(|proposed| proposed.as_ref() != Some(&typed));
        if !is_own {
            let (own_cpus, own_memory) = size(&template);
            cpus.set(own_cpus);
            memory.set(own_memory);
            proposed.set_value(Some(size(&template)));
        }
    })
}

/// What is wrong with one field.
fn message(words: Words, errors: &[FieldError], field: &str) -> Option<String> {
    errors.iter().find(|error| error.field == field).map(|error| words.told(&error.message))
}

/// What is wrong, in the order of the fields, then what belongs to no field that we know.
fn wrong(words: Words, errors: &[FieldError]) -> Vec<(&'static str, &'static str, String)> {
    let known = FIELDS
        .into_iter()
        .filter_map(|(id, field, label)| Some((id, label(words), message(words, errors, field)?)));
    let others = errors
        .iter()
        .filter(|error| FIELDS.iter().all(|(_, field, _)| *field != error.field))
        .map(|error| {
            ("content", words.request(), format!("{}: {}", error.field, words.told(&error.message)))
        });
    known.chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_listed_in_the_order_of_the_fields() {
        let error = |field: &str| FieldError { field: field.to_owned(), message: "no".to_owned() };
        let errors = [error("network.ipAddress"), error("extra"), error("name")];
        let listed: Vec<_> =
            wrong(Words::ENGLISH, &errors).into_iter().map(|(id, _, text)| (id, text)).collect();
        let no = || "no".to_owned();
        let expected = [("name", no()), ("ipAddress", no()), ("content", "extra: no".to_owned())];
        assert_eq!(listed, expected);
    }
}
