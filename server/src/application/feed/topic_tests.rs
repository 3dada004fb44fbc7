use chrono::{DateTime, Utc};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::estimate::Estimate;
use crate::domain::event::VmEvent;
use crate::domain::vm::tests_support::{journal, requested};

#[derive(Debug)]
struct Numbers;

impl FrameRenderer for Numbers {
    fn frame(&self, timeline: &Timeline, event: &RecordedEvent) -> Frame {
        assert_eq!(timeline.seq, event.seq, "the timeline is as of the event");
        Frame { seq: event.seq, sse: Bytes::from(event.seq.to_string()), text: Bytes::new() }
    }

    fn board(&self, _: &Timeline, event: &RecordedEvent, _: &Horizon) -> Bytes {
        Bytes::from(event.seq.to_string())
    }

    fn live(&self, _: VmProvisioningStage, _: Option<u8>, _: Option<&str>) -> Unnumbered {
        Unnumbered { sse: Bytes::new(), text: Bytes::new() }
    }

    fn outage(&self, _: &Timeline, _: Option<&VcenterOutage>, _: DateTime<Utc>) -> Unnumbered {
        Unnumbered { sse: Bytes::new(), text: Bytes::new() }
    }

    fn estimate(&self, _: &Estimate, _: bool, _: DateTime<Utc>) -> Unnumbered {
        Unnumbered { sse: Bytes::new(), text: Bytes::new() }
    }
}

fn events(count: u32) -> Vec<RecordedEvent> {
    let resumed = VmEvent::VmProvisioningResumed {
        stage: VmProvisioningStage::Created,
        worker: "w".to_owned(),
        task: None,
    };
    let events: Vec<_> =
        std::iter::once(requested()).chain((1..count).map(|_| resumed.clone())).collect();
    journal(&events)
}

#[test]
fn only_the_next_event_is_taken() {
    let events = events(3);
    let mut topic = Topic::new(RequestId(Uuid::nil()));
    assert_eq!(topic.accept(&events[1], &Numbers), Accepted::Gap);
    assert_eq!((topic.head(), topic.wanted()), (0, 2));
    assert_eq!(topic.accept(&events[0], &Numbers), Accepted::Appended);
    assert_eq!(topic.accept(&events[0], &Numbers), Accepted::Known);
    assert_eq!(topic.accept(&events[2], &Numbers), Accepted::Gap);
    assert_eq!(topic.accept(&events[1], &Numbers), Accepted::Appended);
    assert_eq!(topic.head(), 2);
    assert_eq!(topic.frames_after(1).len(), 1);
    assert_eq!(topic.frames_after(2).len(), 0);
    assert_eq!(topic.frames_after(u32::MAX).len(), 0);
}

/// What may happen to a topic that one event after the other is committed to.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The writer commits the next event and publishes it.
    CommitAndPublish,
    /// The writer commits the next event, and its publish is lost.
    CommitOnly,
    /// A published event arrives again, or late.
    Repeat(u32),
    /// Somebody loads the journal from the head.
    Load,
    /// The reader takes what is there.
    Read,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::CommitAndPublish),
        Just(Step::CommitOnly),
        (1_u32..12).prop_map(Step::Repeat),
        Just(Step::Load),
        Just(Step::Read),
    ]
}

proptest! {
    #[test]
    fn whatever_the_order_a_reader_sees_each_event_once_and_in_order(
        steps in prop::collection::vec(step(), 0..60)
    ) {
        let all = events(12);
        let mut topic = Topic::new(RequestId(Uuid::nil()));
        let (mut committed, mut cursor, mut seen) = (0_usize, 0, Vec::new());
        for step in steps.into_iter().chain([Step::Load, Step::Read]) {
            match step {
                Step::CommitAndPublish | Step::CommitOnly => {
                    let Some(event) = all.get(committed) else { continue };
                    committed += 1;
                    if matches!(step, Step::CommitAndPublish) {
                        topic.accept(event, &Numbers);
                    }
                }
                Step::Repeat(seq) => {
                    if let Some(event) = all[..committed].iter().find(|event| event.seq == seq) {
                        topic.accept(event, &Numbers);
                    }
                }
                Step::Load => {
                    let head = topic.head();
                    for event in all[..committed].iter().filter(|event| event.seq > head) {
                        prop_assert_eq!(topic.accept(event, &Numbers), Accepted::Appended);
                    }
                }
                Step::Read => {
                    seen.extend(topic.frames_after(cursor).iter().map(|frame| frame.seq));
                    cursor = topic.head();
                }
            }
        }
        let expected: Vec<u32> = all[..committed].iter().map(|event| event.seq).collect();
        prop_assert_eq!(seen, expected);
    }
}
