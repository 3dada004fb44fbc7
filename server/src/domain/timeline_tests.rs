use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::domain::vm::tests_support::{any_journal, journal, requested};

fn states(timeline: &Timeline) -> [StageState; 6] {
    timeline.stages.map(|times| times.state)
}

fn replay(events: &[VmEvent]) -> Timeline {
    let journal = journal(events);
    Timeline::replay(RequestId(uuid::Uuid::nil()), &journal).expect("begins with a request")
}

fn progress(stage: Stage) -> VmEvent {
    VmEvent::VmProvisioningProgressUpdated { current_stage: stage, details: None }
}

fn started() -> VmEvent {
    VmEvent::VmProvisioningStarted {
        attempt: 1,
        vcenter: crate::domain::ids::VcenterId("vc".to_owned()),
        worker: "w".to_owned(),
    }
}

fn failure(stage: Stage) -> Failure {
    Failure { stage, code: "no_address".to_owned(), reason: "none".to_owned(), retryable: true }
}

#[test]
fn entering_a_stage_completes_the_one_before() {
    use StageState::{Active, Done, Pending};
    // The journal of the tests records one event every 100 ms.
    let timeline =
        replay(&[requested(), started(), progress(Stage::Cloning), progress(Stage::Configuring)]);
    assert_eq!(states(&timeline), [Done, Done, Active, Pending, Pending, Pending]);
    assert_eq!(timeline.stages[0].duration_ms(), Some(100));
    assert_eq!(timeline.stages[1].duration_ms(), Some(100));
    assert_eq!(timeline.stages[2].duration_ms(), None);
    let now = timeline.at + TimeDelta::milliseconds(40);
    assert_eq!(timeline.elapsed_ms(now), 240);
    assert_eq!(timeline.position(now), Position::In(Stage::Configuring, 40));
}

#[test]
fn between_the_start_and_the_clone_no_stage_is_active() {
    let timeline = replay(&[requested(), started()]);
    assert_eq!(timeline.position(timeline.at), Position::Before(Stage::Cloning));
}

#[test]
fn a_failure_is_drawn_where_it_happened_and_what_was_made_is_undone() {
    use StageState::{Done, Failed, Skipped, Undone};
    let timeline = replay(&[
        requested(),
        started(),
        progress(Stage::Cloning),
        progress(Stage::Configuring),
        progress(Stage::PoweringOn),
        progress(Stage::WaitingForNetwork),
        VmEvent::VmProvisioningUndoStarted { failure: failure(Stage::WaitingForNetwork) },
        VmEvent::VmProvisioningStepUndone { step: UndoneStep::PoweredOff },
        VmEvent::VmProvisioningStepUndone { step: UndoneStep::Destroyed },
        VmEvent::VmProvisioningFailed { failure: failure(Stage::WaitingForNetwork) },
    ]);
    assert_eq!(states(&timeline), [Done, Undone, Undone, Undone, Failed, Skipped]);
    assert_eq!(timeline.stages[4].duration_ms(), Some(100));
    assert_eq!(timeline.status, VmStatus::Failed);
    assert_eq!(
        timeline.undo.iter().map(|undo| undo.step.as_str()).collect::<Vec<_>>(),
        ["power off", "delete VM"]
    );
    assert!(!timeline.is_slow(timeline.at + TimeDelta::days(9)));
}

#[test]
fn a_request_that_never_started_fails_at_created() {
    use StageState::{Failed, Skipped};
    let timeline =
        replay(&[requested(), VmEvent::VmProvisioningFailed { failure: failure(Stage::Created) }]);
    assert_eq!(states(&timeline), [Failed, Skipped, Skipped, Skipped, Skipped, Skipped]);
    assert_eq!(timeline.elapsed_ms(timeline.at), 0);
}

#[test]
fn it_is_slow_from_the_limit_on_and_not_before() {
    let timeline = replay(&[requested(), started(), progress(Stage::Cloning)]);
    let limit = timeline.started_at.expect("started") + TimeDelta::milliseconds(600_000);
    assert!(!timeline.is_slow(limit - TimeDelta::milliseconds(1)));
    assert!(timeline.is_slow(limit));
}

proptest! {
    #[test]
    fn replaying_is_folding_and_never_leaves_a_mess(events in any_journal()) {
        let journal = journal(&events);
        let Some(timeline) = Timeline::replay(RequestId(uuid::Uuid::nil()), &journal) else {
            return Ok(());
        };
        let mut folded = Timeline::begin(timeline.request, &journal[0]).unwrap();
        journal[1..].iter().for_each(|event| folded.apply(event));
        prop_assert_eq!(&folded, &timeline);
        let active = timeline.stages.iter().filter(|times| times.state == StageState::Active).count();
        prop_assert!(active <= 1, "{} stages are active at once", active);
    }
}
