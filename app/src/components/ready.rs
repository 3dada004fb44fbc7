//! The VM, once it is there.

use leptos::prelude::*;

use super::{Copy, Note};
use crate::{
    api::{Status, VirtualMachine},
    live::Watch,
    measure,
    words::{self, Tone},
};

/// The finished VM and its address to copy. Nothing before.
#[component]
pub(crate) fn ReadyNote(
    /// The request.
    watch: Watch,
) -> impl IntoView {
    let took = watch.memo(|progress| {
        let is_ready = progress.status == Status::Ready;
        let ended = progress.ended_at?.epoch_ms();
        is_ready.then(|| measure::elapsed_ms(progress, ended)).flatten().map(words::duration)
    });
    move || {
        took.get().map(|took| {
            let vm = watch.vm.get();
            view! {
                <section class="ready" aria-label="The VM">
                    <Note tone=Tone::Done title=Signal::stored(format!("Ready in {took}"))>
                        {match vm {
                            Some(vm) => machine(vm).into_any(),
                            None => view! { <p>"Asking for its address..."</p> }.into_any(),
                        }}
                    </Note>
                </section>
            }
        })
    }
}

fn machine(vm: VirtualMachine) -> impl IntoView {
    view! {
        <p class="ready-address">
            <code class="address">{vm.ip_address.clone()}</code>
            <Copy text=vm.ip_address what="the address"/>
        </p>
        <dl class="facts-list">
            <div><dt>"Host name"</dt><dd>{vm.hostname}</dd></div>
            <div><dt>"In vCenter"</dt><dd>{vm.moref}</dd></div>
        </dl>
    }
}
