//! Failures in words: what happened, what was undone, what to do next, in that order.
//!
//! By the failure's stable code. A code that this version of the page does not know still gives a
//! true sentence: the stage's own, with vCenter's reason beside it.

use crate::api::{Failure, Progress, Stage, Status};

/// What is known about a failure's code.
struct Known {
    /// What happened, as a headline.
    title: &'static str,
    /// The same in a list row, after "Failed: ".
    brief: &'static str,
    /// What to do next.
    advice: &'static str,
}

fn known(failure: &Failure) -> Known {
    let (title, brief, advice) = match failure.code.as_str() {
        "no_address" => (
            "The VM got no address",
            "no address",
            "Check that DHCP serves the VM's network and that its adapter is connected, then ask again. \
             A fixed address can be given under Network.",
        ),
        "template_not_found" => (
            "The template is not there",
            "template not found",
            "It may have been renamed or removed in vCenter. Choose another template.",
        ),
        "name_taken" => (
            "The name is taken",
            "name taken",
            "A VM that is not ours has this name in the folder. Ask again under another name.",
        ),
        "clone_timeout" => (
            "Cloning took too long",
            "cloning took too long",
            "The datastore may be busy. Ask again later, or have an administrator look at the clone \
             task in vCenter.",
        ),
        "customize_timeout" => (
            "The guest was not configured in time",
            "configuration took too long",
            "Guest customisation needs VMware Tools in the template. Check them, then ask again.",
        ),
        "task_timeout" => (
            "vCenter took too long",
            "vCenter took too long",
            "Ask again later, or have an administrator look at the task in vCenter.",
        ),
        "vcenter_login_failed" | "vcenter_no_permission" | "vcenter_certificate_not_trusted" => (
            "vCenter did not let us in",
            "not allowed by vCenter",
            "An administrator must check the account that Stagewatch uses, its rights in vCenter and \
             vCenter's certificate.",
        ),
        "placement_not_found" => (
            "There is no place for it",
            "no place for it",
            "An administrator must check the datacenter, folder, pool and datastore in Stagewatch's \
             settings.",
        ),
        "vcenter_rejected" => (
            "vCenter refused it",
            "refused by vCenter",
            "Change what vCenter objects to and ask again, or show its reason to an administrator.",
        ),
        _ => return unknown(failure.stage),
    };
    Known { title, brief, advice }
}

/// A code of a later version: the stage still says what failed.
fn unknown(stage: Stage) -> Known {
    let (title, brief) = match stage {
        Stage::Created => ("It could not be started", "not started"),
        Stage::Cloning => ("The clone failed", "cloning"),
        Stage::Configuring => ("The configuration failed", "configuration"),
        Stage::PoweringOn => ("The VM did not start", "start"),
        Stage::WaitingForNetwork => ("The network failed", "network"),
        Stage::Ready => ("It failed at the end", "at the end"),
    };
    let advice = "Ask again; should it fail the same way, show the reason to an administrator.";
    Known { title, brief, advice }
}

/// What happened, as a headline.
pub(crate) fn what_happened(failure: &Failure) -> String {
    known(failure).title.to_owned()
}

/// What happened, in a list row.
pub(crate) fn brief(failure: &Failure) -> &'static str {
    known(failure).brief
}

/// What to do next.
pub(crate) fn advice(failure: &Failure) -> &'static str {
    known(failure).advice
}

/// Whether anything was left behind; `None` while it is still being undone.
pub(crate) fn what_was_undone(progress: &Progress) -> Option<String> {
    if !progress.status.has_ended() || progress.status == Status::Ready {
        return None;
    }
    if !progress.left.is_empty() {
        return Some(format!("Left behind in vCenter: {}.", progress.left.join(", ")));
    }
    Some("Nothing was left behind.".to_owned())
}

/// A step that was undone, and the list of them.
pub(crate) const UNDONE: &str = "Undone";
/// A step that could not be.
pub(crate) const NOT_UNDONE: &str = "Could not be undone";

/// How an undo ended: whether nothing is left, in words. `None` while it goes on.
pub(crate) fn end_of_undo(progress: &Progress) -> Option<(bool, String)> {
    if !progress.status.has_ended() {
        return None;
    }
    Some(match progress.left.as_slice() {
        [] => (true, "Nothing left behind".to_owned()),
        left => (false, format!("Left behind: {}", left.join(", "))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn failure(code: &str) -> Failure {
        Failure {
            stage: Stage::PoweringOn,
            code: code.to_owned(),
            reason: "out of memory".to_owned(),
            retryable: true,
        }
    }

    #[test]
    fn a_known_code_says_what_to_do_about_it() {
        assert_eq!(what_happened(&failure("no_address")), "The VM got no address");
        assert!(advice(&failure("no_address")).contains("DHCP"));
        assert_eq!(brief(&failure("template_not_found")), "template not found");
    }

    #[test]
    fn an_unknown_code_falls_back_to_its_stage() {
        assert_eq!(what_happened(&failure("something_new")), "The VM did not start");
        assert_eq!(brief(&failure("something_new")), "start");
    }

    #[test]
    fn what_was_undone_is_said_only_at_the_end() {
        let mut progress = sample::progress();
        assert_eq!(what_was_undone(&progress), None);
        progress.status = Status::Failed;
        assert_eq!(what_was_undone(&progress).as_deref(), Some("Nothing was left behind."));
        progress.left = vec!["vm-123".to_owned()];
        let said = what_was_undone(&progress);
        assert_eq!(said.as_deref(), Some("Left behind in vCenter: vm-123."));
        assert_eq!(end_of_undo(&progress), Some((false, "Left behind: vm-123".to_owned())));
        progress.left.clear();
        assert_eq!(end_of_undo(&progress), Some((true, "Nothing left behind".to_owned())));
        progress.status = Status::Undoing;
        assert_eq!(end_of_undo(&progress), None);
    }
}
