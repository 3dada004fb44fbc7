//! The page that asks for a VM.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::{set_status, with_data};
use crate::{
    backend::{Draft, NewRequestForm},
    islands::RequestForm,
};

/// The form for a new request, with the values of the address in its fields.
#[component]
pub(crate) fn NewRequestPage() -> impl IntoView {
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
        |form: NewRequestForm| {
            if !form.errors.is_empty() {
                set_status(422);
            }
            view! {
                <Title text="New request · Stagewatch"/>
                <div class="new-request"><h1>"New request"</h1><RequestForm form/></div>
            }
        },
    )
}
