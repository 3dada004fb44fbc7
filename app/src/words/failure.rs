//! Failures in words: what happened, what was undone, what to do next, in that order.
//!
//! By the failure's stable code. A code that this version of the page does not know still gives a
//! true sentence: the stage's own, with vCenter's reason beside it.

use super::{Words, capitalised};
use crate::{
    api::{Attempt, Failure, Progress, Stage, Status, UndoState},
    language::Language,
};

/// What is known about a failure's code.
struct Known {
    /// What happened, as a headline.
    title: &'static str,
    /// The same in a list row, after "Failed: ".
    brief: &'static str,
    /// What to do next.
    advice: &'static str,
}

fn known(words: Words, failure: &Failure) -> Known {
    let known = told(words, &failure.code);
    let Some((title, brief, advice)) = known else { return unknown(words, failure.stage) };
    Known { title, brief, advice }
}

fn told(words: Words, code: &str) -> Told {
    match words.language() {
        Language::English => in_english(code),
        Language::German => in_german(code),
    }
}

/// Title, brief and advice; none for a code that is not known.
type Told = Option<(&'static str, &'static str, &'static str)>;

fn in_english(code: &str) -> Told {
    Some(match code {
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
        _ => return None,
    })
}

fn in_german(code: &str) -> Told {
    Some(match code {
        "no_address" => (
            "Die VM hat keine Adresse bekommen",
            "keine Adresse",
            "Prüfen Sie, ob DHCP das Netzwerk der VM bedient und ihr Adapter verbunden ist, und fordern \
             Sie sie erneut an. Eine feste Adresse können Sie unter Netzwerk angeben.",
        ),
        "template_not_found" => (
            "Die Vorlage gibt es nicht",
            "Vorlage nicht gefunden",
            "Sie wurde in vCenter vielleicht umbenannt oder entfernt. Wählen Sie eine andere Vorlage.",
        ),
        "name_taken" => (
            "Der Name ist vergeben",
            "Name vergeben",
            "Eine fremde VM in diesem Ordner heißt schon so. Wählen Sie einen anderen Namen.",
        ),
        "clone_timeout" => (
            "Das Klonen hat zu lange gedauert",
            "Klonen dauerte zu lange",
            "Vielleicht ist der Datenspeicher ausgelastet. Versuchen Sie es später erneut, oder lassen Sie \
             die Klon-Aufgabe in vCenter von einem Administrator prüfen.",
        ),
        "customize_timeout" => (
            "Das Gastsystem wurde nicht rechtzeitig konfiguriert",
            "Konfiguration dauerte zu lange",
            "Die Gastanpassung braucht VMware Tools in der Vorlage. Prüfen Sie sie, und versuchen Sie es \
             erneut.",
        ),
        "task_timeout" => (
            "vCenter hat zu lange gebraucht",
            "vCenter brauchte zu lange",
            "Versuchen Sie es später erneut, oder lassen Sie die Aufgabe in vCenter von einem \
             Administrator prüfen.",
        ),
        "vcenter_login_failed" | "vcenter_no_permission" | "vcenter_certificate_not_trusted" => (
            "vCenter hat uns nicht eingelassen",
            "von vCenter nicht erlaubt",
            "Ein Administrator muss das Konto von Stagewatch, dessen Rechte in vCenter und das Zertifikat \
             von vCenter prüfen.",
        ),
        "placement_not_found" => (
            "Dafür gibt es keinen Platz",
            "kein Platz dafür",
            "Ein Administrator muss Rechenzentrum, Ordner, Pool und Datenspeicher in den Einstellungen von \
             Stagewatch prüfen.",
        ),
        "vcenter_rejected" => (
            "vCenter hat es abgelehnt",
            "von vCenter abgelehnt",
            "Ändern Sie, was vCenter beanstandet, und versuchen Sie es erneut, oder zeigen Sie den Grund \
             einem Administrator.",
        ),
        _ => return None,
    })
}

/// A code of a later version: the stage still says what failed.
fn unknown(words: Words, stage: Stage) -> Known {
    let (title, brief) = match stage {
        Stage::Created => (
            words.pick("It could not be started", "Es konnte nicht begonnen werden"),
            words.pick("not started", "nicht begonnen"),
        ),
        Stage::Cloning => (
            words.pick("The clone failed", "Das Klonen ist fehlgeschlagen"),
            words.pick("cloning", "beim Klonen"),
        ),
        Stage::Configuring => (
            words.pick("The configuration failed", "Die Konfiguration ist fehlgeschlagen"),
            words.pick("configuration", "bei der Konfiguration"),
        ),
        Stage::PoweringOn => (
            words.pick("The VM did not start", "Die VM ist nicht gestartet"),
            words.pick("start", "beim Start"),
        ),
        Stage::WaitingForNetwork => (
            words.pick("The network failed", "Das Netzwerk hat versagt"),
            words.pick("network", "beim Netzwerk"),
        ),
        Stage::Ready => (
            words.pick("It failed at the end", "Am Ende fehlgeschlagen"),
            words.pick("at the end", "am Ende"),
        ),
    };
    let advice = words.pick(
        "Ask again; should it fail the same way, show the reason to an administrator.",
        "Versuchen Sie es erneut; schlägt es wieder so fehl, zeigen Sie den Grund einem Administrator.",
    );
    Known { title, brief, advice }
}

impl Words {
    /// What happened, as a headline.
    pub(crate) fn what_happened(self, failure: &Failure) -> String {
        known(self, failure).title.to_owned()
    }

    /// What happened, in a list row.
    pub(crate) fn brief(self, failure: &Failure) -> &'static str {
        known(self, failure).brief
    }

    /// A code in words, for a table; none for a code that is not known.
    pub(crate) fn failure_code(self, code: &str) -> Option<String> {
        told(self, code).map(|(_, brief, _)| capitalised(brief))
    }

    /// What to do next.
    pub(crate) fn advice(self, failure: &Failure) -> &'static str {
        known(self, failure).advice
    }

    /// Whether anything was left behind; `None` while it is still being undone.
    pub(crate) fn what_was_undone(self, progress: &Progress) -> Option<String> {
        if !progress.status.has_ended() || progress.status == Status::Ready {
            return None;
        }
        if !progress.left.is_empty() {
            let left = progress.left.join(", ");
            return Some(say!(
                self,
                "Left behind in vCenter: {left}.",
                "In vCenter zurückgeblieben: {left}."
            ));
        }
        let nothing = self.pick("Nothing was left behind.", "Es ist nichts zurückgeblieben.");
        Some(nothing.to_owned())
    }

    /// How an undo ended: whether nothing is left, in words. `None` while it goes on.
    pub(crate) fn end_of_undo(self, progress: &Progress) -> Option<(bool, String)> {
        progress.status.has_ended().then(|| self.what_is_left(&progress.left))
    }

    /// The same of an earlier attempt, after what was undone in it: whether nothing was left, in words.
    /// `None` when there was nothing to undo.
    pub(crate) fn end_of_attempt(self, attempt: &Attempt) -> Option<(bool, String)> {
        let steps = |wanted: UndoState| {
            let steps = attempt.undo.iter().filter(|step| step.state == wanted);
            let steps: Vec<_> = steps.map(|step| self.told(&step.step)).collect();
            (!steps.is_empty()).then(|| steps.join(", "))
        };
        let (is_clean, end) = self.what_is_left(&attempt.left);
        let done = steps(UndoState::Done).map(|steps| format!("{}: {steps}", self.undone()));
        let failed =
            steps(UndoState::Failed).map(|steps| format!("{}: {steps}", self.not_undone()));
        if done.is_none() && failed.is_none() {
            return None;
        }
        let parts: Vec<_> = [done, failed, Some(end)].into_iter().flatten().collect();
        Some((is_clean, parts.join(" · ")))
    }

    fn what_is_left(self, left: &[String]) -> (bool, String) {
        if left.is_empty() {
            return (true, self.pick("Nothing left behind", "Nichts zurückgeblieben").to_owned());
        }
        let left = left.join(", ");
        (false, say!(self, "Left behind: {left}", "Zurückgeblieben: {left}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    const EN: Words = Words::ENGLISH;

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
        assert_eq!(EN.what_happened(&failure("no_address")), "The VM got no address");
        assert!(EN.advice(&failure("no_address")).contains("DHCP"));
        assert_eq!(EN.brief(&failure("template_not_found")), "template not found");
        assert_eq!(EN.failure_code("name_taken").as_deref(), Some("Name taken"));
        assert_eq!(EN.failure_code("something_new"), None);
    }

    #[test]
    fn an_unknown_code_falls_back_to_its_stage() {
        assert_eq!(EN.what_happened(&failure("something_new")), "The VM did not start");
        assert_eq!(EN.brief(&failure("something_new")), "start");
    }

    #[test]
    fn what_was_undone_is_said_only_at_the_end() {
        let mut progress = sample::progress();
        assert_eq!(EN.what_was_undone(&progress), None);
        progress.status = Status::Failed;
        assert_eq!(EN.what_was_undone(&progress).as_deref(), Some("Nothing was left behind."));
        progress.left = vec!["vm-123".to_owned()];
        let said = EN.what_was_undone(&progress);
        assert_eq!(said.as_deref(), Some("Left behind in vCenter: vm-123."));
        assert_eq!(EN.end_of_undo(&progress), Some((false, "Left behind: vm-123".to_owned())));
        progress.left.clear();
        assert_eq!(EN.end_of_undo(&progress), Some((true, "Nothing left behind".to_owned())));
        progress.status = Status::Undoing;
        assert_eq!(EN.end_of_undo(&progress), None);
    }
}
