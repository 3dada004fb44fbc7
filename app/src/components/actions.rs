//! What a person can do about a request: cancel it, try it again. Plain forms, so that they work
//! without JavaScript; the server sends the browser back to the page.

use leptos::prelude::*;

use crate::{
    api::{Progress, Status},
    live::Watch,
    words::Words,
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
    let words = watch.words;
    move || {
        buttons.with(|buttons| {
            (!buttons.is_empty()).then(|| {
                let forms = buttons.iter().map(|button| form(*button, &page, words)).collect_view();
                view! { <div class="actions" role="group" aria-label=words.actions()>{forms}</div> }
            })
        })
    }
}

/// A button, and the wish that it sends.
#[derive(Debug, Clone, Copy)]
struct Button {
    wish: &'static str,
    label: fn(Words) -> &'static str,
    /// What is asked before it is sent, when it cannot be taken back, and the button that says yes.
    question: Option<Question>,
}

/// A question, and the answer that says yes.
type Question = (fn(Words) -> &'static str, fn(Words) -> &'static str);

/// Two are the same when they wish the same in the same words.
impl PartialEq for Button {
    fn eq(&self, other: &Self) -> bool {
        let said = |button: &Self| (button.wish, (button.label)(Words::ENGLISH));
        said(self) == said(other)
    }
}

const RETRY: Button = Button { wish: "retry", label: Words::try_again, question: None };

const CANCEL: Button = Button {
    wish: "cancel",
    label: Words::cancel,
    question: Some((Words::cancel_question, Words::cancel_yes)),
};

const REMOVE: Button = Button {
    wish: "cancel",
    label: Words::remove,
    question: Some((Words::remove_question, Words::remove_yes)),
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

fn form(button: Button, page: &str, words: Words) -> impl IntoView + use<> {
    let Button { wish, label, question } = button;
    let (label, action) = (label(words), format!("{page}/{wish}"));
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
                    <p>{question(words)}</p>
                    <button type="submit" class="button" data-kind="bad">{yes(words)}</button>
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
