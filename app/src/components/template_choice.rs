//! Which template the VM is made from.

use leptos::prelude::*;

use crate::{
    api::{Estimate, Template},
    words::Words,
};

/// The templates that vCenter has, each with what it needs.
#[component]
pub(crate) fn TemplateChoice(
    /// The templates.
    templates: Vec<Template>,
    /// The name of the chosen one.
    chosen: String,
    /// Why there are none, when vCenter could not be asked.
    problem: Option<String>,
    /// What is wrong with the choice, if anything.
    error: Option<String>,
    /// How long VMs of each template usually take, by its name, where that is known.
    usual: Vec<(String, Option<Estimate>)>,
    /// Called with the template that is chosen.
    #[prop(into)]
    on_choose: Callback<Template>,
) -> impl IntoView {
    let words = Words::of_page();
    let has_error = error.is_some();
    let is_offered = templates.iter().any(|template| template.name == chosen);
    // A name that was typed into the address and is not offered must not be lost silently.
    let stranger = (!is_offered && !chosen.is_empty()).then(|| chosen.clone());
    let row = {
        let chosen = chosen.clone();
        move |(index, template): (usize, Template)| {
            // The first has the id that the list of errors leads to.
            let id = if index == 0 { "template".to_owned() } else { format!("template-{index}") };
            let facts = [
                words.cpus(template.cpus),
                words.memory(template.memory_mib),
                words.disk(template.disk_gib),
            ];
            let (name, guest) = (template.name.clone(), template.guest.clone());
            let known = usual.iter().find(|(of, _)| *of == name);
            let known = known.and_then(|(_, estimate)| estimate.as_ref());
            let usually = known.map(|estimate| words.usually_takes(estimate));
            view! {
                <label class="choice">
                    <input
                        type="radio"
                        name="template"
                        id=id
                        value=name.clone()
                        checked=template.name == chosen
                        aria-describedby=has_error.then_some("template-error")
                        on:change=move |_| on_choose.run(template.clone())
                    />
                    <span class="choice-name">{name}</span>
                    <span class="choice-guest">{guest}</span>
                    <span class="choice-facts">{facts.join(" · ")}</span>
                    {usually.map(|usually| view! { <span class="choice-usual">{usually}</span> })}
                </label>
            }
        }
    };
    let problem = problem
        .map(|problem| words.told(&problem))
        .or_else(|| templates.is_empty().then(|| words.no_templates().to_owned()));
    view! {
        <fieldset class="choices" data-invalid=has_error.then_some("")>
            <legend>{words.template()}</legend>
            {error.map(|error| view! { <p class="field-error" id="template-error">{error}</p> })}
            {problem.map(|problem| view! { <p class="choices-problem" id="template">{problem}</p> })}
            {stranger.map(|name| view! {
                <label class="choice">
                    <input type="radio" name="template" value=name.clone() checked=true/>
                    <span class="choice-name">{name}</span>
                    <span class="choice-guest">{words.not_among_templates()}</span>
                </label>
            })}
            <div class="choices-list">
                {templates.into_iter().enumerate().map(row).collect_view()}
            </div>
        </fieldset>
    }
}
