use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::domain::ids::Owner;
use crate::domain::vm::VmAggregate;
use crate::domain::vm::tests_support::{any_command, any_journal, journal, obey, requested};

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

#[test]
fn a_cancelled_attempt_is_drawn_as_far_as_it_came() {
    use StageState::{Done, Skipped, Undone};
    let cancelled = |steps: &[UndoneStep]| {
        let mut events = vec![
            requested(),
            started(),
            progress(Stage::Cloning),
            VmEvent::VmProvisioningCancelRequested { by: Owner::local() },
        ];
        events.extend(steps.iter().map(|step| VmEvent::VmProvisioningStepUndone { step: *step }));
        events.push(VmEvent::VmProvisioningCancelled);
        replay(&events)
    };
    let timeline = cancelled(&[]);
    assert_eq!(states(&timeline), [Done, Skipped, Skipped, Skipped, Skipped, Skipped]);
    assert_eq!((timeline.status, timeline.ended_at), (VmStatus::Cancelled, Some(timeline.at)));
    for step in [UndoneStep::CloneCancelled, UndoneStep::Destroyed] {
        let timeline = cancelled(&[step]);
        assert_eq!(states(&timeline), [Done, Undone, Skipped, Skipped, Skipped, Skipped]);
        assert_eq!((timeline.undo.len(), timeline.position(timeline.at)), (1, Position::Ended));
    }
}

#[test]
fn another_attempt_begins_anew_and_the_earlier_one_keeps_its_times() {
    use StageState::{Active, Pending};
    let failed = [
        requested(),
        started(),
        progress(Stage::Cloning),
        VmEvent::VmProvisioningUndoStarted { failure: failure(Stage::Cloning) },
        VmEvent::VmProvisioningFailed { failure: failure(Stage::Cloning) },
    ];
    let before = replay(&failed);
    let retried = VmEvent::VmProvisioningRetryRequested { by: Owner::local(), attempt: 2 };
    let after = replay(&[&failed[..], &[retried]].concat());
    assert_eq!(states(&after), [Active, Pending, Pending, Pending, Pending, Pending]);
    assert_eq!((after.status, after.attempt, after.failure.clone()), (VmStatus::Queued, 2, None));
    assert_eq!((after.started_at, after.elapsed_ms(after.at)), (None, 0));
    assert!(after.undo.is_empty() && after.left.is_empty());
    let earlier = Attempt {
        number: 1,
        started_at: before.started_at,
        ended_at: before.ended_at,
        outcome: VmStatus::Failed,
        stages: before.stages,
        tries: before.tries,
        undo: before.undo,
        left: before.left,
        failure: before.failure,
    };
    assert_eq!(after.attempts, [earlier]);
}

#[test]
fn every_try_that_failed_is_kept_with_its_attempt_within_bounds() {
    let failed_try = |number: u32| VmEvent::VmProvisioningTryFailed {
        stage: Stage::Cloning,
        failed_try: number,
        reason: format!("reason {number}"),
        next_at: DateTime::UNIX_EPOCH,
    };
    let numbers = |tries: &FailedTries| -> Vec<u32> {
        tries.newest.iter().map(|failed| failed.number).collect()
    };
    let begun = [requested(), started(), progress(Stage::Cloning)];
    let twice =
        [&begun[..], &[failed_try(1), failed_try(2), progress(Stage::Configuring)]].concat();
    let timeline = replay(&twice);
    assert_eq!(timeline.failed_try, None, "nobody waits for it any more");
    assert_eq!((numbers(&timeline.tries), timeline.tries.before), (vec![1, 2], 0));
    let first = &timeline.tries.newest[0];
    assert_eq!((first.stage, first.reason.as_str()), (Stage::Cloning, "reason 1"));

    let ended = [
        VmEvent::VmProvisioningFailed { failure: failure(Stage::Configuring) },
        VmEvent::VmProvisioningRetryRequested { by: Owner::local(), attempt: 2 },
    ];
    let again = replay(&[&twice[..], &ended[..]].concat());
    assert_eq!(again.attempts[0].tries, timeline.tries, "they stay with their attempt");
    assert_eq!(again.tries, FailedTries::default());

    let many: Vec<_> = (1..=20).map(failed_try).collect();
    let timeline = replay(&[&begun[..], &many[..]].concat());
    assert_eq!(numbers(&timeline.tries), (5..=20).collect::<Vec<_>>());
    assert_eq!((timeline.tries.newest.len(), timeline.tries.before), (TRIES_MAX, 4));
}

#[test]
fn a_resumption_says_who_went_on_and_with_what_until_something_else_happens() {
    let resumed = |worker: &str, task: Option<&str>| VmEvent::VmProvisioningResumed {
        stage: Stage::PoweringOn,
        worker: worker.to_owned(),
        task: task.map(str::to_owned),
    };
    let words = |more: &[VmEvent]| {
        let begun = [requested(), started(), progress(Stage::PoweringOn)];
        replay(&[&begun[..], more].concat()).resumption.map(Resumption::words)
    };
    let cancel = || VmEvent::VmProvisioningCancelRequested { by: Owner::local() };
    let said = |text: &str| Some(text.to_owned());
    for (more, expected) in [
        (vec![], None),
        (
            vec![resumed("other", Some("task-7"))],
            said("the service restarted, resumed at Start VM, same vCenter task"),
        ),
        (vec![resumed("w", None)], said("the work was interrupted, resumed at Start VM")),
        (
            vec![resumed("other", None), resumed("w", None)],
            said("the service restarted, resumed at Start VM"),
        ),
        (vec![cancel(), resumed("w", None)], said("the work was interrupted, the undo goes on")),
        (vec![resumed("other", None), progress(Stage::WaitingForNetwork)], None),
    ] {
        assert_eq!(words(&more), expected);
    }
}

#[test]
fn interruptions_are_remembered_until_the_next_attempt_and_never_without_end() {
    let resumed = |task: u32| VmEvent::VmProvisioningResumed {
        stage: Stage::PoweringOn,
        worker: format!("w{task}"),
        task: None,
    };
    let begun = [requested(), started(), progress(Stage::PoweringOn)];
    let on = |more: &[VmEvent]| replay(&[&begun[..], more].concat()).interruptions;
    let one = on(&[resumed(1), progress(Stage::WaitingForNetwork)]);
    let [only] = &one[..] else { panic!("{one:?}") };
    assert_eq!(only.how.words(), "the service restarted, resumed at Start VM");
    let many: Vec<_> = (0..20).map(resumed).collect();
    assert_eq!(on(&many).len(), INTERRUPTIONS_MAX);
    assert_eq!(
        on(&many).last().map(|last| last.at),
        Some(replay(&[&begun[..], &many].concat()).at)
    );
    let retried = VmEvent::VmProvisioningRetryRequested { attempt: 2, by: Owner::local() };
    assert_eq!(on(&[resumed(1), retried]), []);
}

proptest! {
    #[test]
    fn the_timeline_says_what_the_aggregate_decides_on(
        commands in prop::collection::vec(any_command(), 0..40),
    ) {
        let journal = journal(&obey(commands));
        let request = RequestId(uuid::Uuid::nil());
        let mut timeline = Timeline::begin(request, &journal[0]).unwrap();
        for (upto, event) in journal.iter().enumerate().skip(1) {
            let before = timeline.attempts.clone();
            timeline.apply(event);
            let VmAggregate::Requested(vm) = VmAggregate::replay(&journal[..=upto]) else {
                panic!("requested");
            };
            prop_assert_eq!((timeline.status, timeline.attempt), (vm.status, vm.attempt));
            prop_assert_eq!(timeline.status.has_ended(), timeline.ended_at.is_some());
            prop_assert_eq!(timeline.attempts.len() + 1, vm.attempt as usize);
            prop_assert!(timeline.attempts.starts_with(&before), "earlier attempts do not change");
            prop_assert_eq!(timeline.left.is_empty(), vm.status != VmStatus::NeedsAttention);
            if timeline.status.has_ended() {
                prop_assert!(timeline.stages.iter().all(|times| times.state != StageState::Active));
            }
        }
    }

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
