//! One request in one line of the list.

use super::{Tone, Words, headline::waits_for, tone};
use crate::{
    api::{Progress, Request, Status},
    measure,
};

impl Words {
    /// What a request is doing or what became of it, in a few words, and their tone.
    pub(crate) fn summary(
        self,
        request: &Request,
        progress: &Progress,
        now_ms: i64,
    ) -> (String, Tone) {
        let tone = tone(progress.status);
        let status = self.status(progress.status);
        let text = match progress.status {
            Status::Queued => self.queued_briefly(progress),
            Status::Provisioning => {
                let doing = self.doing(progress);
                if measure::is_slow(progress, now_ms) {
                    return (say!(self, "{doing}, slow", "{doing}, langsam"), Tone::Slow);
                }
                doing
            }
            Status::Ready => match &request.vm {
                Some(vm) => format!("{status}, {}", vm.ip_address),
                None => status.to_owned(),
            },
            Status::Failed => match &progress.failure {
                Some(failure) => format!("{status}: {}", self.brief(failure)),
                None => status.to_owned(),
            },
            Status::Undoing | Status::Cancelled | Status::NeedsAttention => status.to_owned(),
        };
        (text, tone)
    }

    fn queued_briefly(self, progress: &Progress) -> String {
        let ahead = progress.waiting.as_ref().and_then(|waiting| waiting.ahead);
        match (waits_for(progress), ahead) {
            (Some(_), _) => self.doing(progress),
            (None, Some(ahead)) if ahead > 0 => {
                say!(self, "Queued, {ahead} ahead", "Wartet, {ahead} davor")
            }
            (None, Some(_) | None) => self.status(Status::Queued).to_owned(),
        }
    }

    fn doing(self, progress: &Progress) -> String {
        let Some(waits_for) = waits_for(progress) else {
            let active = measure::active(progress);
            let provisioning = || self.status(Status::Provisioning);
            return active
                .map_or_else(provisioning, |stage| self.stage_label(stage.stage))
                .to_owned();
        };
        let waits_for = self.waiting_for(waits_for);
        match progress.waiting.as_ref().and_then(|waiting| waiting.next_try) {
            Some(number) => {
                say!(self, "{waits_for}, try {number}", "{waits_for}, Anlauf {number}")
            }
            None => waits_for.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sample;

    const EN: Words = Words::ENGLISH;

    fn request() -> Request {
        serde_json::from_value(json!({
            "id": "019ab000-0000-7000-8000-000000000001", "name": "metrics-eu",
            "template": "ubuntu-24.04", "cpus": 2, "memoryMib": 4096, "network": null,
            "status": "provisioning", "requestedBy": "local", "createdAt": sample::at(-812),
            "vm": { "moref": "vm-42", "instanceUuid": "019ab000-0000-7000-8000-000000000002",
                    "hostname": "metrics-eu", "ipAddress": "10.20.30.9" },
            "links": { "self": "", "progress": "", "events": "", "page": "" }
        }))
        .unwrap()
    }

    #[test]
    fn a_row_says_what_moves_or_what_became_of_it() {
        let (request, mut progress) = (request(), sample::progress());
        let now = sample::NOW_MS;
        let of = |progress: &Progress, now| EN.summary(&request, progress, now);
        assert_eq!(of(&progress, now), ("Apply configuration".to_owned(), Tone::Go));
        let late = now + 600_000;
        assert_eq!(of(&progress, late), ("Apply configuration, slow".to_owned(), Tone::Slow));
        progress.status = Status::Ready;
        assert_eq!(of(&progress, late), ("Ready, 10.20.30.9".to_owned(), Tone::Done));
        progress.status = Status::Failed;
        assert_eq!(of(&progress, now), ("Failed".to_owned(), Tone::Bad));
    }

    #[test]
    fn a_row_that_waits_for_vcenter_says_which_try_comes_next() {
        let mut progress = sample::progress();
        progress.waiting = serde_json::from_value(json!({ "for": "vcenter", "try": 3 })).unwrap();
        let (text, _) = EN.summary(&request(), &progress, sample::NOW_MS);
        assert_eq!(text, "Waiting for vCenter, try 3");
    }
}
