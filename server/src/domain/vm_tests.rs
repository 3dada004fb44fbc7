use chrono::TimeDelta;
use proptest::prelude::*;
use uuid::Uuid;

use super::tests_support::{any_journal, journal, requested, spec};
use super::*;
use crate::domain::ids::RequestId;
use crate::domain::ports::vsphere::UndoneStep;

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
    assert_eq!((vm.failed_tries, vm.awaits_retry), (2, true));
    assert!(vm.failing_since.is_some());
    events.extend(decide(&given(&events), enter(Stage::Cloning)).expect("possible"));
    let VmAggregate::Requested(vm) = given(&events) else { panic!("requested") };
    assert_eq!((vm.failed_tries, vm.awaits_retry, vm.failing_since), (2, false, None));
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
    for (state, arriving, working) in [
        (VmAggregate::NotRequested, Action::Nothing, Action::Nothing),
        (events(vec![]), Action::Start, Action::Start),
        (events(vec![start()]), Action::Resume, Action::CreateVm),
        (events(vec![start(), failed_try]), Action::CreateVm, Action::CreateVm),
        (events(vec![start(), cloning(), fail()]), Action::Resume, Action::RemoveVm),
        (
            events(vec![start(), cloning(), fail(), Command::FinishUndo]),
            Action::Nothing,
            Action::Nothing,
        ),
    ] {
        assert_eq!(next_action(&state, Worker::Arriving), arriving);
        assert_eq!(next_action(&state, Worker::Working), working);
    }
}

proptest! {
    #[test]
    fn evolve_takes_any_journal_and_the_stage_never_goes_back(events in any_journal()) {
        let mut state = VmAggregate::default();
        let mut reached = Stage::Created;
        for recorded in journal(&events) {
            state = evolve(state, &recorded);
            if let VmAggregate::Requested(vm) = &state {
                prop_assert!(vm.stage >= reached);
                reached = vm.stage;
            }
        }
        prop_assert!(RequestId(Uuid::nil()).instance_uuid() != Uuid::nil());
    }
}
