use chrono::TimeDelta;
use proptest::prelude::*;
use uuid::Uuid;

use super::tests_support::{any_command, any_journal, journal, obey, requested, spec};
use super::*;
use crate::domain::ids::RequestId;
use crate::domain::ports::vsphere::VmProvisioningResult;

fn given(events: &[VmEvent]) -> VmAggregate {
    VmAggregate::replay(&journal(events))
}

fn start() -> Command {
    Command::Start { vcenter: VcenterId("vc".to_owned()), worker: "w".to_owned() }
}

fn enter(stage: Stage) -> Command {
    Command::UpdateProgress { stage, details: None }
}

fn fail() -> Command {
    Command::Fail { code: "no_address".to_owned(), reason: "none".to_owned(), retryable: true }
}

/// Carries commands out one after the other and returns the names of the events.
fn run(commands: impl IntoIterator<Item = Command>) -> Result<Vec<&'static str>, DecideError> {
    let mut events = vec![requested()];
    for command in commands {
        let more = decide(&given(&events), command)?;
        events.extend(more);
    }
    Ok(events.iter().map(VmEvent::type_name).collect())
}

#[test]
fn a_request_is_accepted_once() {
    let command = Command::Request { spec: spec(), owner: Owner::local(), slow_after_ms: 600_000 };
    assert_eq!(decide(&VmAggregate::NotRequested, command.clone()), Ok(vec![requested()]));
    assert_eq!(decide(&given(&[requested()]), command), Err(DecideError::AlreadyRequested));
    assert_eq!(decide(&VmAggregate::NotRequested, start()), Err(DecideError::NotRequested));
}

#[test]
fn stages_only_go_forward_and_repeating_one_says_nothing() {
    let told = [
        Stage::Cloning,
        Stage::Cloning,
        Stage::Created,
        Stage::Configuring,
        Stage::Cloning,
        Stage::PoweringOn,
        Stage::WaitingForNetwork,
    ];
    let names = run([start()].into_iter().chain(told.map(enter))).expect("possible");
    assert_eq!(names.len(), 2 + 4, "{names:?}");
}

#[test]
fn a_failure_is_undone_before_it_is_told_as_the_end() {
    let undone = |step| Command::RecordUndone { step };
    let names = run([
        start(),
        enter(Stage::Cloning),
        fail(),
        undone(UndoneStep::PoweredOff),
        undone(UndoneStep::Destroyed),
        Command::FinishUndo,
    ]);
    let tail = [
        "VmProvisioningUndoStarted",
        "VmProvisioningStepUndone",
        "VmProvisioningStepUndone",
        "VmProvisioningFailed",
    ];
    assert_eq!(names.expect("possible")[3..], tail);
}

#[test]
fn before_the_clone_there_is_nothing_to_undo() {
    assert_eq!(run([fail()]), Ok(vec!["VmRequested", "VmProvisioningFailed"]));
    let started = run([start(), fail()]).expect("possible");
    assert_eq!(started[1..], ["VmProvisioningStarted", "VmProvisioningFailed"]);
}

#[test]
fn nothing_happens_after_the_end() {
    for command in [start(), enter(Stage::Cloning), fail(), Command::FinishUndo] {
        let result = run([fail(), command]);
        assert_eq!(result, Err(DecideError::WrongStatus(VmStatus::Failed)));
    }
}

#[test]
fn tries_are_counted_and_remembered_until_something_is_achieved() {
    let next_at = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(9);
    let failed = || Command::FailTry { reason: "away".to_owned(), next_at };
    let mut events = vec![requested()];
    for command in [start(), failed(), failed()] {
        events.extend(decide(&given(&events), command).expect("possible"));
    }
    let VmAggregate::Requested(vm) = given(&events) else { panic!("requested") };
    assert_eq!((vm.failed_tries, vm.failed_in_a_row), (2, 2));
    assert!(vm.failing_since.is_some());
    events.extend(decide(&given(&events), enter(Stage::Cloning)).expect("possible"));
    let VmAggregate::Requested(vm) = given(&events) else { panic!("requested") };
    assert_eq!((vm.failed_tries, vm.failed_in_a_row, vm.failing_since), (2, 0, None));
}

#[test]
fn what_the_journal_calls_for() {
    use crate::domain::saga::{Action, Worker, next_action};
    let events = |commands: Vec<Command>| {
        let mut events = vec![requested()];
        for command in commands {
            events.extend(decide(&given(&events), command).expect("possible"));
        }
        given(&events)
    };
    let next_at = DateTime::<Utc>::UNIX_EPOCH;
    let cloning = || enter(Stage::Cloning);
    let failed_try = Command::FailTry { reason: String::new(), next_at };
    let undoing = || events(vec![start(), cloning(), fail()]);
    for (state, taking_over, working) in [
        (VmAggregate::NotRequested, Action::Nothing, Action::Nothing),
        (events(vec![]), Action::Start, Action::Start),
        (events(vec![start()]), Action::Resume, Action::CreateVm),
        (events(vec![start(), failed_try]), Action::Resume, Action::CreateVm),
        (undoing(), Action::Resume, Action::RemoveVm),
        (
            events(vec![start(), cloning(), fail(), Command::FinishUndo]),
            Action::Nothing,
            Action::Nothing,
        ),
    ] {
        assert_eq!(next_action(&state, Worker::TakingOver), taking_over);
        assert_eq!(next_action(&state, Worker::Working), working);
    }
}

fn cancel() -> Command {
    Command::Cancel { by: Owner::local() }
}

fn retry() -> Command {
    Command::Retry { by: Owner::local() }
}

fn give_up() -> Command {
    Command::GiveUpUndo { reason: "no".to_owned(), left: vec!["VM vm-1".to_owned()] }
}

/// How a request came to each status, and what a person's two wishes say then: the events that follow,
/// or a refusal.
#[test]
fn what_a_person_may_wish_depends_on_where_the_request_stands() {
    const CANCEL: &str = "VmProvisioningCancelRequested";
    const CANCELLED: &str = "VmProvisioningCancelled";
    const RETRY: &str = "VmProvisioningRetryRequested";
    let cloning = || vec![start(), enter(Stage::Cloning)];
    let after = |more: Vec<Command>| [cloning(), more].concat();
    let vm = VmProvisioningResult {
        moref: crate::domain::ids::MoRef("vm-1".to_owned()),
        instance_uuid: Uuid::nil(),
        hostname: "h".to_owned(),
        ip_address: std::net::Ipv4Addr::LOCALHOST.into(),
    };
    type Said = Option<&'static [&'static str]>;
    let table: [(VmStatus, Vec<Command>, Said, Said); 9] = [
        (VmStatus::Queued, vec![], Some(&[CANCEL, CANCELLED]), None),
        (VmStatus::Provisioning, cloning(), Some(&[CANCEL]), None),
        (VmStatus::Undoing, after(vec![fail()]), Some(&[]), None),
        (VmStatus::Undoing, after(vec![cancel()]), Some(&[]), None),
        (VmStatus::Ready, after(vec![Command::Complete { vm }]), None, None),
        (VmStatus::Failed, after(vec![fail(), Command::FinishUndo]), None, Some(&[RETRY])),
        (
            VmStatus::Cancelled,
            after(vec![cancel(), Command::FinishUndo]),
            Some(&[]),
            Some(&[RETRY]),
        ),
        (VmStatus::NeedsAttention, after(vec![fail(), give_up()]), Some(&[CANCEL]), Some(&[RETRY])),
        // Something is left of the attempt before: it must go too.
        (VmStatus::Queued, after(vec![fail(), give_up(), retry()]), Some(&[CANCEL]), None),
    ];
    for (status, commands, on_cancel, on_retry) in table {
        let state = VmAggregate::replay(&journal(&obey(commands)));
        let VmAggregate::Requested(vm) = &state else { panic!("requested") };
        assert_eq!(vm.status, status);
        for (wish, expected) in [(cancel(), on_cancel), (retry(), on_retry)] {
            let names = decide(&state, wish.clone())
                .map(|events| events.iter().map(VmEvent::type_name).collect::<Vec<_>>());
            let expected = expected.map(<[_]>::to_vec).ok_or(DecideError::WrongStatus(status));
            assert_eq!(names, expected, "{status:?}: {wish:?}");
        }
    }
}

#[test]
fn what_an_earlier_attempt_left_is_undone_whatever_the_next_one_comes_to() {
    let left = || vec![start(), enter(Stage::Cloning), fail(), give_up(), retry()];
    for (more, last) in [
        (vec![fail()], "VmProvisioningUndoStarted"),
        (vec![start(), fail()], "VmProvisioningUndoStarted"),
        (vec![cancel()], "VmProvisioningCancelRequested"),
        (vec![cancel(), Command::FinishUndo, retry(), cancel()], "VmProvisioningCancelled"),
    ] {
        let events = obey([left(), more].concat());
        assert_eq!(events.last().map(VmEvent::type_name), Some(last));
    }
}

#[test]
fn a_step_is_told_as_undone_once_in_an_undo() {
    let undone = || Command::RecordUndone { step: UndoneStep::Destroyed };
    let once = run([start(), enter(Stage::Cloning), cancel(), undone(), undone()]);
    assert_eq!(once.expect("possible").len(), 5);
    let again = [start(), enter(Stage::Cloning), cancel(), undone(), give_up(), cancel(), undone()];
    assert_eq!(run(again).expect("possible").len(), 8, "another undo tells it again");
}

proptest! {
    #[test]
    fn whatever_is_wished_the_end_is_true(commands in prop::collection::vec(any_command(), 0..40)) {
        let events = obey(commands);
        let (mut left, mut undoing, mut attempt) = (false, false, 1);
        for event in &events {
            match event {
                VmEvent::VmProvisioningUndoStarted { .. }
                | VmEvent::VmProvisioningCancelRequested { .. } => undoing = true,
                VmEvent::VmProvisioningNeedsAttention { .. } => (left, undoing) = (true, false),
                // The end that says that nothing was left behind.
                VmEvent::VmProvisioningFailed { .. } | VmEvent::VmProvisioningCancelled => {
                    prop_assert!(undoing || !left, "{events:#?}");
                    (left, undoing) = (false, false);
                }
                VmEvent::VmProvisioned { .. } => prop_assert!(!undoing, "{events:#?}"),
                VmEvent::VmProvisioningRetryRequested { attempt: next, .. } => {
                    prop_assert_eq!(*next, attempt + 1);
                    attempt = *next;
                }
                VmEvent::VmRequested { .. }
                | VmEvent::VmProvisioningStarted { .. }
                | VmEvent::VmProvisioningProgressUpdated { .. }
                | VmEvent::VmProvisioningTryFailed { .. }
                | VmEvent::VmProvisioningResumed { .. }
                | VmEvent::VmProvisioningStepUndone { .. } => {}
            }
        }
    }

    #[test]
    fn evolve_takes_any_journal_and_the_stage_never_goes_back(events in any_journal()) {
        let mut state = VmAggregate::default();
        let mut reached = Stage::Created;
        for recorded in journal(&events) {
            state = evolve(state, &recorded);
            if matches!(recorded.event, VmEvent::VmProvisioningRetryRequested { .. }) {
                // Another attempt begins anew.
                reached = Stage::Created;
            }
            if let VmAggregate::Requested(vm) = &state {
                prop_assert!(vm.stage >= reached);
                reached = vm.stage;
            }
        }
        prop_assert!(RequestId(Uuid::nil()).instance_uuid() != Uuid::nil());
    }
}
