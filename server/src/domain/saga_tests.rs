//! What the journal calls for, over any journal that can come about, and followed to the end with a
//! vCenter that answers anything, workers that die and people who change their minds.

use chrono::{DateTime, Utc};
use proptest::prelude::*;

use super::*;
use crate::domain::event::VmEvent;
use crate::domain::ids::{Owner, VcenterId};
use crate::domain::ports::vsphere::UndoneStep;
use crate::domain::stage::VmProvisioningStage as Stage;
use crate::domain::vm::tests_support::{
    UNDONE_STEPS, any_command, any_vm, journal, obey, requested,
};
use crate::domain::vm::{Command, decide};

/// More turns than any end is away from when vCenter answers no more: at most a take-over, and two
/// tries each to start, to make and to remove.
const TURNS_MAX: usize = 8;

/// How one thing that the saga does comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// It is done.
    Done,
    /// vCenter refused.
    Refused,
    /// vCenter did not answer.
    Nothing,
    /// The worker died before it heard.
    Killed,
}

/// What happens in one turn.
#[derive(Debug, Clone)]
struct Turn {
    /// What is told while the VM is made, right or wrong.
    stages: Vec<Stage>,
    /// What is told while it is removed.
    steps: Vec<UndoneStep>,
    answer: Answer,
    /// A person cancels when this much was told.
    cancelled_after: Option<usize>,
}

impl Turn {
    /// vCenter is away, and stays it.
    fn in_vain() -> Self {
        Self { stages: vec![], steps: vec![], answer: Answer::Nothing, cancelled_after: None }
    }
}

fn any_turn() -> impl Strategy<Value = Turn> {
    let answers = vec![Answer::Done, Answer::Refused, Answer::Nothing, Answer::Killed];
    (
        prop::collection::vec(prop::sample::select(Stage::ALL.to_vec()), 0..5),
        prop::collection::vec(prop::sample::select(UNDONE_STEPS.to_vec()), 0..4),
        prop::sample::select(answers),
        prop::option::weighted(0.2, 0_usize..4),
    )
        .prop_map(|(stages, steps, answer, cancelled_after)| Turn {
            stages,
            steps,
            answer,
            cancelled_after,
        })
}

/// The journal takes another course than the one that was to be recorded.
#[derive(Debug)]
struct Superseded;

/// A request, the truth about its VM, and the worker who drives it.
#[derive(Debug)]
struct Driven {
    events: Vec<VmEvent>,
    /// Whether vCenter may have something of it.
    may_exist: bool,
    worker: Worker,
    /// Whether vCenter will never answer again, so that whoever has waited gives up.
    hopeless: bool,
    /// The person who cancels in this turn, and after how many further records.
    cancels: Option<usize>,
}

impl Driven {
    fn state(&self) -> VmAggregate {
        VmAggregate::replay(&journal(&self.events))
    }

    /// Records what a worker wants recorded, unless a person was quicker.
    fn record(&mut self, command: Command) -> Result<(), Superseded> {
        match self.cancels.as_mut() {
            Some(0) => {
                self.cancels = None;
                let cancel = Command::Cancel { by: Owner::local() };
                self.events.extend(decide(&self.state(), cancel).unwrap_or_default());
            }
            Some(left) => *left -= 1,
            None => {}
        }
        let events = decide(&self.state(), command).map_err(|_| Superseded)?;
        self.events.extend(events);
        Ok(())
    }

    /// One turn, as the saga takes it. False when there is nothing to do.
    fn turn(&mut self, turn: &Turn) -> bool {
        self.cancels = turn.cancelled_after;
        let action = next_action(&self.state(), self.worker);
        assert!(
            action != Action::CreateVm || !self.undo_began(),
            "made while it is undone: {:#?}",
            self.events
        );
        if action == Action::Nothing {
            return false;
        }
        self.worker = Worker::Working;
        // Whoever is superseded looks at the journal again.
        drop(self.act(action, turn));
        true
    }

    fn act(&mut self, action: Action, turn: &Turn) -> Result<(), Superseded> {
        if action == Action::CreateVm {
            for stage in &turn.stages {
                self.record(Command::UpdateProgress { stage: *stage, details: None })?;
                // The intent is recorded, so now it may be done.
                self.may_exist |= *stage >= Stage::Cloning;
            }
        }
        if action == Action::RemoveVm {
            for step in &turn.steps {
                self.record(Command::RecordUndone { step: *step })?;
            }
        }
        let worker = "w".to_owned();
        let command = match (turn.answer, action) {
            (Answer::Killed, _) => {
                self.worker = Worker::TakingOver;
                return Ok(());
            }
            (_, Action::Resume) => Command::Resume { worker, task: None },
            (Answer::Done, Action::Start) => {
                Command::Start { vcenter: VcenterId("vc".to_owned()), worker }
            }
            (Answer::Done, Action::CreateVm) => {
                self.record(Command::UpdateProgress { stage: Stage::Cloning, details: None })?;
                self.may_exist = true;
                Command::Complete { vm: any_vm() }
            }
            (Answer::Done, Action::RemoveVm) => {
                self.may_exist = false;
                Command::FinishUndo
            }
            (Answer::Nothing, _) if !self.is_hopeless() => {
                Command::FailTry { reason: "away".to_owned(), next_at: DateTime::<Utc>::UNIX_EPOCH }
            }
            (Answer::Refused | Answer::Nothing, Action::RemoveVm) => {
                Command::GiveUpUndo { reason: "no".to_owned(), left: vec!["VM a".to_owned()] }
            }
            (Answer::Refused | Answer::Nothing, _) => Command::Fail {
                code: "vcenter_rejected".to_owned(),
                reason: "no".to_owned(),
                retryable: true,
            },
            (Answer::Done, Action::Nothing) => return Ok(()),
        };
        self.record(command)
    }

    fn is_hopeless(&self) -> bool {
        let VmAggregate::Requested(vm) = self.state() else { return false };
        self.hopeless && vm.failing_since.is_some()
    }

    /// Whether this attempt is being undone, or has been.
    fn undo_began(&self) -> bool {
        let is_retry =
            |event: &VmEvent| matches!(event, VmEvent::VmProvisioningRetryRequested { .. });
        self.events.iter().rev().take_while(|event| !is_retry(event)).any(|event| {
            matches!(
                event,
                VmEvent::VmProvisioningUndoStarted { .. }
                    | VmEvent::VmProvisioningCancelRequested { .. }
            )
        })
    }
}

/// Whether vCenter may have something of a request of which these events are known.
fn may_exist(events: &[VmEvent]) -> bool {
    events.iter().fold(false, |may_exist, event| match event {
        VmEvent::VmProvisioningProgressUpdated { .. } | VmEvent::VmProvisioned { .. } => true,
        VmEvent::VmProvisioningFailed { .. } | VmEvent::VmProvisioningCancelled => false,
        VmEvent::VmRequested { .. }
        | VmEvent::VmProvisioningStarted { .. }
        | VmEvent::VmProvisioningTryFailed { .. }
        | VmEvent::VmProvisioningResumed { .. }
        | VmEvent::VmProvisioningUndoStarted { .. }
        | VmEvent::VmProvisioningStepUndone { .. }
        | VmEvent::VmProvisioningNeedsAttention { .. }
        | VmEvent::VmProvisioningCancelRequested { .. }
        | VmEvent::VmProvisioningRetryRequested { .. } => may_exist,
    })
}

fn status(state: &VmAggregate) -> VmStatus {
    let VmAggregate::Requested(vm) = state else { panic!("requested") };
    vm.status
}

fn resumes(events: &[VmEvent]) -> usize {
    let is_resume = |event: &&VmEvent| matches!(event, VmEvent::VmProvisioningResumed { .. });
    events.iter().filter(is_resume).count()
}

fn any_journal_that_was_decided() -> impl Strategy<Value = Vec<VmEvent>> {
    prop::collection::vec(any_command(), 0..40).prop_map(obey)
}

#[test]
fn nothing_is_called_for_before_anything_was_asked() {
    for worker in [Worker::TakingOver, Worker::Working] {
        assert_eq!(next_action(&VmAggregate::NotRequested, worker), Action::Nothing);
    }
    assert_eq!(
        next_action(&VmAggregate::replay(&journal(&[requested()])), Worker::Working),
        Action::Start
    );
}

proptest! {
    #[test]
    fn there_is_something_to_do_exactly_until_the_end(events in any_journal_that_was_decided()) {
        for seen in 1..=events.len() {
            let state = VmAggregate::replay(&journal(&events[..seen]));
            for worker in [Worker::TakingOver, Worker::Working] {
                let nothing = next_action(&state, worker) == Action::Nothing;
                prop_assert_eq!(nothing, status(&state).has_ended(), "{:#?}", &events[..seen]);
            }
        }
    }

    #[test]
    fn whoever_takes_over_says_so_once(
        events in any_journal_that_was_decided(),
        turns in prop::collection::vec(any_turn(), 0..8),
    ) {
        let began = status(&VmAggregate::replay(&journal(&events)));
        let before = resumes(&events);
        let may_exist = may_exist(&events);
        let (worker, cancels) = (Worker::TakingOver, None);
        let mut driven = Driven { events, may_exist, worker, hopeless: false, cancels };
        // Nobody dies again, and nobody cancels before it is said.
        for turn in turns {
            let alive = if turn.answer == Answer::Killed { Answer::Nothing } else { turn.answer };
            driven.turn(&Turn { answer: alive, cancelled_after: None, ..turn });
            let said = resumes(&driven.events) - before;
            let to_be_said = matches!(began, VmStatus::Provisioning | VmStatus::Undoing);
            prop_assert_eq!(said, usize::from(to_be_said), "{:#?}", driven.events);
        }
    }

    #[test]
    fn whatever_vcenter_answers_it_comes_to_a_true_end(
        events in any_journal_that_was_decided(),
        turns in prop::collection::vec(any_turn(), 0..24),
        taking_over in any::<bool>(),
    ) {
        let worker = if taking_over { Worker::TakingOver } else { Worker::Working };
        let may_exist = may_exist(&events);
        let mut driven = Driven { events, may_exist, worker, hopeless: false, cancels: None };
        let had_ended = status(&driven.state()).has_ended();
        let goes_on = turns.iter().all(|turn| driven.turn(turn));
        driven.hopeless = true;
        let left = if goes_on { TURNS_MAX } else { 0 };
        for _ in 0..left {
            driven.turn(&Turn::in_vain());
        }
        let ended = status(&driven.state());
        prop_assert!(ended.has_ended(), "{ended:?}: {:#?}", driven.events);
        if had_ended {
            return Ok(());
        }
        match ended {
            VmStatus::Ready => prop_assert!(driven.may_exist && !driven.undo_began()),
            VmStatus::Failed | VmStatus::Cancelled => {
                prop_assert!(!driven.may_exist, "something is left: {:#?}", driven.events);
            }
            VmStatus::NeedsAttention => prop_assert!(driven.undo_began()),
            VmStatus::Queued | VmStatus::Provisioning | VmStatus::Undoing => unreachable!(),
        }
    }
}
