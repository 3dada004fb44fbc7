use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::application::breaker::VcenterOutage;
use crate::application::feed::topic::{Frame, Unnumbered};
use crate::domain::estimate::Estimate;
use crate::domain::event::VmEvent;
use crate::domain::stage::VmProvisioningStage;
use crate::domain::vm::tests_support::{journal, requested};

/// Draws what it is given, so that a test reads it again: `request seq horizon`.
#[derive(Debug)]
struct Plain;

impl FrameRenderer for Plain {
    fn frame(&self, _: &Timeline, event: &RecordedEvent) -> Frame {
        Frame { seq: event.seq, sse: Bytes::new(), text: Bytes::new() }
    }

    fn board(&self, timeline: &Timeline, event: &RecordedEvent, horizon: &Horizon) -> Bytes {
        assert_eq!(timeline.seq, event.seq, "the timeline is as of the event");
        Bytes::from(format!("{} {} {}", timeline.request.0.as_u128(), event.seq, horizon.0))
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

fn request(number: u32) -> RequestId {
    RequestId(Uuid::from_u128(u128::from(number)))
}

fn events(count: usize) -> Vec<RecordedEvent> {
    let resumed = VmEvent::VmProvisioningResumed {
        stage: VmProvisioningStage::Created,
        worker: "w".to_owned(),
        task: None,
    };
    let events: Vec<_> = std::iter::once(requested())
        .chain(std::iter::repeat_n(resumed, count.saturating_sub(1)))
        .collect();
    journal(&events)
}

fn horizon(number: usize) -> Horizon {
    Horizon(number.to_string())
}

#[test]
fn only_the_next_event_of_a_request_is_taken() {
    let events = events(3);
    let mut log = BoardLog::new(horizon(1));
    assert_eq!(log.accept(request(1), &events[1], &Plain), Accepted::Gap);
    assert_eq!(log.accept(request(1), &events[0], &Plain), Accepted::Appended);
    assert_eq!(log.accept(request(1), &events[0], &Plain), Accepted::Known);
    assert_eq!(log.accept(request(2), &events[0], &Plain), Accepted::Appended);
    assert_eq!(log.accept(request(1), &events[2], &Plain), Accepted::Gap);
    assert_eq!((log.head(request(1)), log.head(request(2)), log.head(request(3))), (1, 1, 0));
    assert_eq!(log.end(), 2);
}

#[test]
fn a_reader_that_was_too_slow_is_told_so_and_never_given_a_hole() {
    let events = events(1);
    let mut log = BoardLog::new(horizon(1));
    let begin = log.end();
    for number in 0..=u32::try_from(LOG_FRAMES_MAX).unwrap() {
        log.accept(request(number), &events[0], &Plain);
    }
    assert_eq!(log.after(begin), After::Missed);
    let After::Frames(frames, end) = log.after(begin + 1) else { panic!("they are kept") };
    assert_eq!((frames.len(), end), (LOG_FRAMES_MAX, log.end()));
    log.clear();
    assert_eq!(log.after(begin + 1), After::Missed, "a cursor of before is none of now");
    assert_eq!(log.after(end), After::Frames(Vec::new(), end));
}

#[test]
fn large_frames_are_kept_up_to_a_size_and_the_newest_always() {
    #[derive(Debug)]
    struct Large;
    impl FrameRenderer for Large {
        fn frame(&self, timeline: &Timeline, event: &RecordedEvent) -> Frame {
            Plain.frame(timeline, event)
        }
        fn board(&self, _: &Timeline, _: &RecordedEvent, _: &Horizon) -> Bytes {
            Bytes::from(vec![b'x'; LOG_BYTES_MAX / 2 + 1])
        }
        fn live(
            &self,
            stage: VmProvisioningStage,
            percent: Option<u8>,
            details: Option<&str>,
        ) -> Unnumbered {
            Plain.live(stage, percent, details)
        }
        fn outage(
            &self,
            timeline: &Timeline,
            outage: Option<&VcenterOutage>,
            now: DateTime<Utc>,
        ) -> Unnumbered {
            Plain.outage(timeline, outage, now)
        }
        fn estimate(&self, told: &Estimate, late: bool, now: DateTime<Utc>) -> Unnumbered {
            Plain.estimate(told, late, now)
        }
    }
    let events = events(1);
    let mut log = BoardLog::new(horizon(1));
    for number in 0..3 {
        log.accept(request(number), &events[0], &Large);
    }
    let After::Frames(frames, _) = log.after(log.end() - 1) else { panic!("the newest is kept") };
    assert_eq!(frames.len(), 1);
    assert_eq!(log.after(log.end() - 2), After::Missed);
}

#[test]
fn what_is_followed_has_a_limit() {
    let events = events(1);
    let mut log = BoardLog::new(horizon(1));
    for number in 0..=u32::try_from(FOLLOWED_MAX).unwrap() {
        log.accept(request(number), &events[0], &Plain);
        assert!(log.followed.len() <= FOLLOWED_MAX);
    }
    assert_eq!(log.head(request(u32::try_from(FOLLOWED_MAX).unwrap())), 1);
}

/// What may happen while requests go on, on this server and on others.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A transaction with a request's next event begins.
    Begin(u32),
    /// The oldest open transaction, or a later one, is committed; it is published here, or not.
    Commit { which: usize, published: bool },
    /// The tail looks: what it found is given to the log, then the horizon moves.
    Look,
    /// The reader takes what is there.
    Read,
    /// The reader loses its connection, and with it what it takes next, and comes back with its id.
    ComeBack,
    /// Everything is forgotten, as when the log is full.
    Forget,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u32..4).prop_map(Step::Begin),
        4 => (0_usize..3, any::<bool>())
            .prop_map(|(which, published)| Step::Commit { which, published }),
        3 => Just(Step::Look),
        3 => Just(Step::Read),
        2 => Just(Step::ComeBack),
        1 => Just(Step::Forget),
    ]
}

/// PostgreSQL as far as it matters: transactions have numbers, and commit in another order.
#[derive(Debug, Default)]
struct Database {
    newest_xid: usize,
    /// Number and request of those that are open. One request has one at a time: its row is locked.
    open: Vec<(usize, u32)>,
    /// Number, request and seq of what is committed.
    committed: Vec<(usize, u32, u32)>,
}

impl Database {
    fn xmin(&self) -> usize {
        self.open.iter().map(|(xid, _)| *xid).min().unwrap_or(self.newest_xid + 1)
    }

    fn count(&self, request: u32) -> usize {
        self.committed.iter().filter(|(_, of, _)| *of == request).count()
    }

    fn since(&self, horizon: usize) -> impl Iterator<Item = (u32, u32)> {
        let rows = self.committed.iter().filter(move |(xid, _, _)| *xid >= horizon);
        rows.map(|(_, request, seq)| (*request, *seq))
    }
}

/// A reader: what it has seen, where it is in the log, and the last id that it was told.
#[derive(Debug)]
struct Reader {
    seen: BTreeMap<u32, BTreeSet<u32>>,
    newest: BTreeMap<u32, u32>,
    cursor: u64,
    id: usize,
}

impl Reader {
    fn see(&mut self, request: u32, seq: u32) -> Result<(), TestCaseError> {
        // What is new to it is the next of its request: it never has to wait for one in between.
        let newest = self.newest.entry(request).or_insert(0);
        if seq > *newest {
            let known = self.seen.get(&request).is_some_and(|seen| !seen.is_empty());
            prop_assert!(!known || seq == *newest + 1, "a hole before {} of {}", seq, request);
            *newest = seq;
        }
        self.seen.entry(request).or_default().insert(seq);
        Ok(())
    }

    fn take(&mut self, log: &BoardLog, database: &Database) -> Result<(), TestCaseError> {
        match log.after(self.cursor) {
            After::Missed => self.come_back(log, database),
            After::Frames(frames, cursor) => {
                for frame in frames {
                    let text = std::str::from_utf8(&frame.sse).unwrap();
                    let parts: Vec<usize> =
                        text.split(' ').map(|part| part.parse().unwrap()).collect();
                    self.see(u32::try_from(parts[0]).unwrap(), frame.seq)?;
                    self.id = parts[2];
                }
                self.cursor = cursor;
                Ok(())
            }
        }
    }

    fn come_back(&mut self, log: &BoardLog, database: &Database) -> Result<(), TestCaseError> {
        // First the place in the log, then the question.
        self.cursor = log.end();
        let missed: BTreeSet<(u32, u32)> = database.since(self.id).collect();
        for (request, seq) in missed {
            self.see(request, seq)?;
        }
        self.id = log.horizon().0.parse().unwrap();
        Ok(())
    }
}

proptest! {
    #[test]
    fn whatever_the_order_a_reader_sees_each_event_at_least_once_and_in_order(
        steps in prop::collection::vec(step(), 0..80)
    ) {
        let all = events(80);
        let mut database = Database::default();
        let mut log = BoardLog::new(horizon(1));
        let mut reader = Reader {
            seen: BTreeMap::new(), newest: BTreeMap::new(), cursor: log.end(), id: 1,
        };
        let mut looked_from = 1;
        let end = [Step::Look, Step::Read];
        for step in steps.into_iter().chain(end) {
            match step {
                Step::Begin(number) => {
                    if database.open.iter().all(|(_, request)| *request != number) {
                        database.newest_xid += 1;
                        database.open.push((database.newest_xid, number));
                    }
                }
                Step::Commit { which, published } => {
                    if database.open.is_empty() {
                        continue;
                    }
                    let (xid, number) = database.open.remove(which % database.open.len());
                    let event = &all[database.count(number)];
                    database.committed.push((xid, number, event.seq));
                    if published {
                        log.accept(request(number), event, &Plain);
                    }
                }
                Step::Look => {
                    let found: BTreeMap<u32, u32> = database.since(looked_from).collect();
                    for number in found.into_keys() {
                        let head = usize::try_from(log.head(request(number))).unwrap();
                        for event in &all[head..database.count(number)] {
                            log.accept(request(number), event, &Plain);
                        }
                    }
                    looked_from = database.xmin();
                    log.reached(&horizon(looked_from));
                }
                Step::Read => reader.take(&log, &database)?,
                Step::ComeBack => reader.come_back(&log, &database)?,
                Step::Forget => log.followed.clear(),
            }
        }
        for number in 0..4 {
            let expected: BTreeSet<u32> = (1..).take(database.count(number)).collect();
            prop_assert_eq!(reader.seen.remove(&number).unwrap_or_default(), expected);
        }
    }
}
