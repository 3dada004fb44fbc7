//! One request in one line of the list.

use super::{Tone, brief, headline::waits_for, tone};
use crate::{
    api::{Progress, Request, Status},
    measure,
};

/// What a request is doing or what became of it, in a few words, and their tone.
pub(crate) fn summary(request: &Request, progress: &Progress, now_ms: i64) -> (String, Tone) {
    let tone = tone(progress.status);
    let text = match progress.status {
        Status::Queued => queued(progress),
        Status::Provisioning => {
            let doing = doing(progress);
            if measure::is_slow(progress, now_ms) {
                return (format!("{doing}, slow"), Tone::Slow);
            }
            doing
        }
        Status::Undoing => "Undoing".to_owned(),
        Status::Ready => match &request.vm {
            Some(vm) => format!("Ready, {}", vm.ip_address),
            None => "Ready".to_owned(),
        },
        Status::Failed => match &progress.failure {
            Some(failure) => format!("Failed: {}", brief(failure)),
            None => "Failed".to_owned(),
        },
        Status::Cancelled => "Cancelled".to_owned(),
        Status::NeedsAttention => "Needs attention".to_owned(),
    };
    (text, tone)
}

fn queued(progress: &Progress) -> String {
    match (waits_for(progress), progress.waiting.as_ref().and_then(|waiting| waiting.ahead)) {
        (Some(_), _) => doing(progress),
        (None, Some(ahead)) if ahead > 0 => format!("Queued, {ahead} ahead"),
        (None, Some(_) | None) => "Queued".to_owned(),
    }
}

fn doing(progress: &Progress) -> String {
    let Some(waits_for) = waits_for(progress) else {
        let active = measure::active(progress);
        return active.map_or_else(|| "Provisioning".to_owned(), |stage| stage.label.clone());
    };
    match progress.waiting.as_ref().and_then(|waiting| waiting.next_try) {
        Some(number) => format!("{waits_for}, try {number}"),
        None => waits_for.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sample;

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
        let of = |progress: &Progress, now| summary(&request, progress, now);
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
        let (text, _) = summary(&request(), &progress, sample::NOW_MS);
        assert_eq!(text, "Waiting for vCenter, try 3");
    }
}
