//! What the read models become with new events.
//!
//! Pure. The store keeps the result in the transaction of the events, so that the progress row is there
//! exactly while a VM is being built, and what is learned is learned once.

use chrono::{DateTime, Utc};

use crate::domain::event::{RecordedEvent, VmEvent};
use crate::domain::ports::event_store::Projection;
use crate::domain::timeline::Timeline;

/// The timeline as it will be, with events that are about to be recorded at about `now`.
pub fn foresee(timeline: &Timeline, events: &[VmEvent], now: DateTime<Utc>) -> Timeline {
    let mut foreseen = timeline.clone();
    for event in events {
        let (seq, event, told) = (foreseen.seq + 1, event.clone(), foreseen.told);
        foreseen.apply(&RecordedEvent { seq, recorded_at: now, event, told });
    }
    foreseen
}

/// What the read models become when a request's timeline becomes this one.
pub fn project(foreseen: &Timeline) -> Projection {
    // An attempt that broke off teaches, too: how long its stages took at least.
    let learn = if foreseen.status.has_ended() { foreseen.spans() } else { Vec::new() };
    Projection {
        status: foreseen.status,
        vcenter: foreseen.vcenter.clone(),
        progress: (!foreseen.status.has_ended()).then_some(foreseen.current_stage),
        vm: foreseen.vm.clone(),
        learn,
    }
}
