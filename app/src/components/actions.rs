//! What a person can do about a request: cancel it, try it again. Plain forms, so that they work
//! without JavaScript; the server sends the browser back to the page.

use leptos::prelude::*;

use crate::{
    api::{Progress, Status},
    live::Watch,
    words,
};

/// The buttons that fit where the request stands; none while nothing can be done.
#[component]
pub(crate) fn Actions(
    /// The request.
    watch: Watch,
    /// The path of its page.
    page: String,
) -> impl IntoView {
    // Drawn anew only when they change, so that a question stays open while the request goes on.
    let buttons = watch.memo(buttons);
    move || {
        buttons.with(|buttons| {
            (!buttons.is_empty()).then(|| {
                let forms = buttons.iter().map(|button| form(*button, &page)).collect_view();
                view! { <div class="actions" role="group" aria-label=words::ACTIONS>{forms}</div> }
            })
        })
    }
}

/// A button, and the wish that it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Button {
    wish: &'static str,
    label: &'static str,
    /// What is asked before it is sent, when it cannot be taken back, and the button that says yes.
    question: Option<(&'static str, &'static str)>,
}

const RETRY: Button = Button { wish: "retry", label: words::TRY_AGAIN, question: None };

const CANCEL: Button = Button {
    wish: "cancel",
    label: words::CANCEL,
    question: Some((words::CANCEL_QUESTION, words::CANCEL_YES)),
};

const REMOVE: Button = Button {
    wish: "cancel",
    label: words::REMOVE,
    question: Some((words::REMOVE_QUESTION, words::REMOVE_YES)),
};

fn buttons(progress: &Progress) -> Vec<Button> {
    match progress.status {
        Status::Queued | Status::Provisioning => vec![CANCEL],
        Status::Failed if progress.failure.as_ref().is_none_or(|failure| failure.retryable) => {
            vec![RETRY]
        }
        Status::Cancelled => vec![RETRY],
        Status::NeedsAttention => vec![RETRY, REMOVE],
        Status::Failed | Status::Undoing | Status::Ready => Vec::new(),
    }
}

fn form(button: Button, page: &str) -> impl IntoView + use<> {
    let Button { wish, label, question } = button;
    let action = format!("{page}/{wish}");
    match question {
        None => view! {
            <form method="post" action=action>
                <button type="submit" class="button" data-kind="main">{label}</button>
            </form>
        }
        .into_any(),
        Some((question, yes)) => view! {
            <details class="confirm">
                <summary class="button" data-kind="quiet">{label}"..."</summary>
                <form class="confirm-form" method="post" action=action>
                    <p>{question}</p>
                    <button type="submit" class="button" data-kind="bad">{yes}</button>
                </form>
            </details>
        }
        .into_any(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{Failure, Stage},
        sample,
    };

    fn wishes(status: Status, retryable: bool) -> Vec<&'static str> {
        let mut progress = sample::progress();
        progress.status = status;
        progress.failure = (status == Status::Failed).then(|| Failure {
            stage: Stage::Cloning,
            code: "name_taken".to_owned(),
            reason: "another VM has it".to_owned(),
            retryable,
        });
        buttons(&progress).iter().map(|button| button.wish).collect()
    }

    #[test]
    fn what_can_be_done_depends_on_where_it_stands() {
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
