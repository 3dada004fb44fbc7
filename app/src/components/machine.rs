//! The VM, once it is there.

use leptos::prelude::*;

use super::Copy;
use crate::{api::Status, backend::Finished, live::Watch, words::Words};

/// The finished VM, its address and how to go to it. Nothing before.
#[component]
pub(crate) fn Machine(
    /// The request.
    watch: Watch,
) -> impl IntoView {
    let words = watch.words;
    let is_ready = watch.memo(|progress| progress.status == Status::Ready);
    move || {
        is_ready.get().then(|| {
            let finished = watch.finished.get();
            view! {
                <section class="machine" aria-label=words.the_vm()>
                    {match finished {
                        Some(finished) => machine(finished, words).into_any(),
                        None => view! { <p>{words.asking_for_its_address()}</p> }.into_any(),
                    }}
                </section>
            }
        })
    }
}

fn machine(finished: Finished, words: Words) -> impl IntoView {
    let Finished { vm, ssh, vcenter, rank } = finished;
    let in_vcenter = match vcenter {
        Some(address) => view! {
            <a href=address rel="noreferrer" target="_blank">{vm.moref}{words.in_vcenter()}</a>
        }
        .into_any(),
        None => vm.moref.into_any(),
    };
    view! {
        <p class="machine-address">
            <code class="address">{vm.ip_address.clone()}</code>
            <Copy text=vm.ip_address what=words.the_address()/>
        </p>
        <p class="machine-address">
            <code class="ssh">{ssh.clone()}</code>
            <Copy text=ssh what=words.the_ssh_line()/>
        </p>
        <dl class="facts-list">
            <div><dt>{words.host_name()}</dt><dd>{vm.hostname}</dd></div>
            <div><dt>{words.what_in_vcenter()}</dt><dd>{in_vcenter}</dd></div>
        </dl>
        {rank.map(|rank| view! { <p class="machine-rank">{words.compared(rank)}</p> })}
    }
}
