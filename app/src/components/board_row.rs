//! One request in the list.

use leptos::prelude::*;
use uuid::Uuid;

use crate::{
    board::{LiveBoard, RowView, When},
    viewer::Viewer,
};

/// A request in one line: its name, how far it is, what it does, and when.
///
/// It reads one signal, so that of thousands of rows only those are drawn again that have changed.
#[component]
pub(crate) fn BoardRow(
    /// The list.
    board: LiveBoard,
    /// The request.
    id: Uuid,
) -> impl IntoView {
    let viewer = Viewer::of_island();
    let fixed = board.with_row(id, |listed| {
        let request = &listed.request;
        (request.links.page.clone(), request.name.clone(), request.template.clone())
    });
    let (page, name, template) = fixed.unwrap_or_default();
    let view = board.view(id);
    let now_ms = board.now_ms.get_untracked();
    view.map(|view| {
        view! {
            <li class="row">
                {move || {
                    let RowView { status, doing, tone, bar, when } = view.get();
                    let when = match when {
                        When::Span(span) => span.into_any(),
                        When::At(at) => {
                            let at_ms = at.epoch_ms();
                            view! {
                                <time datetime=at.to_string() title=viewer.moment_full(at_ms)>
                                    {viewer.moment(at_ms, now_ms)}
                                </time>
                            }
                            .into_any()
                        }
                    };
                    view! {
                        <a href=page.clone() data-status=status.as_str()>
                            <span class="row-what">
                                <span class="row-name">{name.clone()}</span>
                                " "
                                <span class="row-from">{template.clone()}</span>
                            </span>
                            " "
                            <span class="row-bar" aria-hidden="true" style=bar></span>
                            <span class="row-doing" data-tone=tone.as_str()>{doing}</span>
                            " "
                            <span class="row-when">{when}</span>
                        </a>
                    }
                }}
            </li>
        }
    })
}
