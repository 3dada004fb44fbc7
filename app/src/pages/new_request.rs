//! The page that asks for a VM.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::{set_status, with_data};
use crate::{
    api::Template,
    backend::{Draft, NewRequestForm},
    islands::RequestForm,
    words::Words,
};

/// Proposed where no template says more: enough for most, and little.
const CPUS: u32 = 2;
/// The same for memory, in MiB.
const MEMORY_MIB: u32 = 4_096;

/// The form for a new request, with the values of the address in its fields.
#[component]
pub(crate) fn NewRequestPage() -> impl IntoView {
    let words = Words::of_page();
    let draft = use_query_map().with_untracked(|query| {
        let get = |name: &str| query.get(name).unwrap_or_default();
        Draft {
            name: get("name"),
            template: get("template"),
            cpus: get("cpus"),
            memory_mib: get("memoryMib"),
            network_name: get("networkName"),
            ip_address: get("ipAddress"),
            gateway: get("gateway"),
            key: get("key"),
            tried: get("tried") == "true",
        }
    });
    with_data(
        async move |backend| Ok(backend.new_request(draft).await),
        move |mut form: NewRequestForm| {
            propose(&mut form);
            if !form.errors.is_empty() {
                set_status(422);
            }
            view! {
                <Title text=words.page_title(words.new_request())/>
                <div class="new-request"><h1>{words.new_request()}</h1><RequestForm form/></div>
            }
        },
    )
}

/// Fills what nobody has filled yet: a template, and the size that it has itself, within the limits.
fn propose(form: &mut NewRequestForm) {
    let draft = &mut form.draft;
    if draft.tried {
        return;
    }
    if draft.template.is_empty()
        && let Some(first) = form.templates.first()
    {
        draft.template.clone_from(&first.name);
    }
    let template = form.templates.iter().find(|template| template.name == draft.template);
    let within = |value: u32, (least, most): (u32, u32)| value.max(least).min(most).to_string();
    let own = |size: fn(&Template) -> u32, otherwise| template.map_or(otherwise, size);
    if draft.cpus.is_empty() {
        draft.cpus = within(own(|template| template.cpus, CPUS), form.site.cpus);
    }
    if draft.memory_mib.is_empty() {
        let memory_mib = own(|template| template.memory_mib, MEMORY_MIB);
        draft.memory_mib = within(memory_mib, form.site.memory_mib);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Foresight, Site};

    fn form(draft: Draft) -> NewRequestForm {
        let template = |name: &str, cpus, memory_mib| Template {
            name: name.to_owned(),
            moref: "vm-1".to_owned(),
            guest: "Linux".to_owned(),
            cpus,
            memory_mib,
            disk_gib: 10,
        };
        NewRequestForm {
            draft,
            errors: Vec::new(),
            problem: None,
            templates: vec![template("small", 1, 1_024), template("big", 128, 8_192)],
            templates_problem: None,
            foresight: Foresight::default(),
            site: Site {
                vcenter: String::new(),
                simulated: true,
                cpus: (1, 64),
                memory_mib: (256, 1_048_576),
                memory_step_mib: 4,
            },
        }
    }

    fn proposed(draft: Draft) -> (String, String, String) {
        let mut form = form(draft);
        propose(&mut form);
        (form.draft.template, form.draft.cpus, form.draft.memory_mib)
    }

    fn owned(template: &str, cpus: &str, memory_mib: &str) -> (String, String, String) {
        (template.to_owned(), cpus.to_owned(), memory_mib.to_owned())
    }

    #[test]
    fn a_new_form_proposes_the_size_of_its_template_within_the_limits() {
        assert_eq!(proposed(Draft::default()), owned("small", "1", "1024"));
        let big = Draft { template: "big".to_owned(), ..Draft::default() };
        assert_eq!(proposed(big), owned("big", "64", "8192"));
        let unknown = Draft { template: "gone".to_owned(), ..Draft::default() };
        assert_eq!(proposed(unknown), owned("gone", "2", "4096"));
    }

    #[test]
    fn what_a_person_typed_stays() {
        let typed = Draft { cpus: "7".to_owned(), ..Draft::default() };
        assert_eq!(proposed(typed), owned("small", "7", "1024"));
        let tried = Draft { tried: true, ..Draft::default() };
        assert_eq!(proposed(tried), owned("", "", ""));
    }
}
