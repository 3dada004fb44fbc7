//! The VM, once it is there.

use leptos::prelude::*;

use super::Copy;
use crate::{
    api::{Status, VirtualMachine},
    live::Watch,
};

/// The finished VM and its address to copy. Nothing before.
#[component]
pub(crate) fn Machine(
    /// The request.
    watch: Watch,
) -> impl IntoView {
    let is_ready = watch.memo(|progress| progress.status == Status::Ready);
    move || {
        is_ready.get().then(|| {
            let vm = watch.vm.get();
            view! {
                <section class="machine" aria-label="The VM">
                    {match vm {
                        Some(vm) => machine(vm).into_any(),
                        None => view! { <p>"Asking for its address..."</p> }.into_any(),
                    }}
                </section>
            }
        })
    }
}

fn machine(vm: VirtualMachine) -> impl IntoView {
    view! {
        <p class="machine-address">
            <code class="address">{vm.ip_address.clone()}</code>
            <Copy text=vm.ip_address what="the address"/>
        </p>
        <dl class="facts-list">
            <div><dt>"Host name"</dt><dd>{vm.hostname}</dd></div>
            <div><dt>"In vCenter"</dt><dd>{vm.moref}</dd></div>
        </dl>
    }
}
