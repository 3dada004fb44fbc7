//! What a person can do about a request: cancel it, try it again. Plain forms, so that they work
//! without JavaScript; the server sends the browser back to the page.

use leptos::prelude::*;

use crate::{api::Status, live::Watch};

/// The buttons that fit where the request stands; none while nothing can be done.
#[component]
pub(crate) fn Actions(
    /// The request.
    watch: Watch,
    /// The path of its page.
    page: String,
) -> impl IntoView {
    let status = watch.memo(|progress| {
        let retryable = progress.failure.as_ref().is_none_or(|failure| failure.retryable);
        (progress.status, retryable)
    });
    move || {
        let (status, retryable) = status.get();
        let buttons = buttons(status, retryable);
        (!buttons.is_empty()).then(|| {
            let forms = buttons.iter().map(|button| form(button, &page)).collect_view();
            view! { <div class="actions" role="group" aria-label="Actions">{forms}</div> }
        })
    }
}

/// A button, and the wish that it sends.
struct Button {
    wish: &'static str,
    label: &'static str,
    kind: &'static str,
}

fn buttons(status: Status, retryable: bool) -> Vec<Button> {
    let cancel = |label| Button { wish: "cancel", label, kind: "quiet" };
    let retry = Button { wish: "retry", label: "Try again", kind: "main" };
    match status {
        Status::Queued | Status::Provisioning => vec![cancel("Cancel")],
        Status::Failed if retryable => vec![retry],
        Status::Cancelled => vec![retry],
        Status::NeedsAttention => vec![retry, cancel("Remove what is left")],
        Status::Failed | Status::Undoing | Status::Ready => Vec::new(),
    }
}

fn form(button: &Button, page: &str) -> impl IntoView + use<> {
    let action = format!("{page}/{}", button.wish);
    let (label, kind) = (button.label, button.kind);
    view! {
        <form method="post" action=action>
            <button type="submit" class="button" data-kind=kind>{label}</button>
        </form>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_done_depends_on_where_it_stands() {
        let wishes = |status, retryable| {
            buttons(status, retryable).iter().map(|button| button.wish).collect::<Vec<_>>()
        };
        assert_eq!(wishes(Status::Queued, true), ["cancel"]);
        assert_eq!(wishes(Status::Provisioning, true), ["cancel"]);
        assert_eq!(wishes(Status::Undoing, true), [""; 0]);
        assert_eq!(wishes(Status::Ready, true), [""; 0]);
        assert_eq!(wishes(Status::Failed, true), ["retry"]);
        assert_eq!(wishes(Status::Failed, false), [""; 0]);
        assert_eq!(wishes(Status::Cancelled, true), ["retry"]);
        assert_eq!(wishes(Status::NeedsAttention, true), ["retry", "cancel"]);
    }
}
