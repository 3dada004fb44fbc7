//! What happens when the work ends in the middle: one VM in the end, and as it was wished.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use futures_util::future::join_all;
use server::domain::ports::vsphere::{Checkpoint, Stop, VsphereError, VspherePort as _};
use server::domain::stage::VmProvisioningStage as Stage;

use super::{Bench, Target};
use crate::vsphere::observed::Loss;
use crate::vsphere::recorder::Recorder;

/// More than the calls of a sink in one run, so that the last runs are not stopped at all.
const STOPS: u8 = 24;
/// More than a run has awaits that are not ready at once.
const CUTS: u8 = 80;
/// How often a step that was lost is asked for again: once for each loss, and once to succeed.
const ASKS_MAX: usize = 4;

pub(crate) async fn stopped_at_any_call_of_the_sink_it_goes_on<T: Target>() {
    stop_and_resume::<T>(Recorder::checkpoint).await;
}

pub(crate) async fn stopped_at_any_call_of_the_sink_it_goes_on_without_a_checkpoint<T: Target>() {
    stop_and_resume::<T>(|_| Checkpoint::default()).await;
}

async fn stop_and_resume<T: Target>(checkpoint: impl Fn(&Recorder) -> Checkpoint) {
    let bench = &Bench::<T>::fresh().await;
    let checkpoint = &checkpoint;
    let stopped = join_all((0..STOPS).map(async |n| {
        let spec = bench.spec(n + 1);
        let sink = Recorder::stopping_at(usize::from(n));
        let first = bench.adapter.create_vm(&spec, &Checkpoint::default(), &sink).await;
        let stopped = match first {
            Ok(_) => false,
            Err(VsphereError::Stopped(Stop::Fenced)) => true,
            Err(error) => panic!("stopped at {n}: {error:?}"),
        };
        let resumed = bench.adapter.create_vm(&spec, &checkpoint(&sink), &()).await;
        resumed.unwrap_or_else(|error| panic!("resumed after {n}: {error:?}"));
        bench.assert_made(&spec).await;
        stopped
    }))
    .await;
    assert!(stopped[..10].iter().all(|stopped| *stopped), "{stopped:?}");
    assert!(!stopped[usize::from(STOPS) - 1], "every call of the sink must have been tried");
}

/// The nearest to `kill -9`: the work is dropped wherever it waits.
pub(crate) async fn cut_off_at_any_await_it_goes_on<T: Target>() {
    let bench = &Bench::<T>::fresh().await;
    let cut = join_all((0..CUTS).map(async |n| {
        let spec = bench.spec(n + 1);
        let sink = Recorder::new();
        let resume = Checkpoint::default();
        let work = bench.adapter.create_vm(&spec, &resume, &sink);
        let cut = CutOff { work, polls_left: n }.await.is_none();
        let resumed = bench.adapter.create_vm(&spec, &sink.checkpoint(), &()).await;
        resumed.unwrap_or_else(|error| panic!("resumed after {n} polls: {error:?}"));
        bench.assert_made(&spec).await;
        cut
    }))
    .await;
    assert!(cut[..3].iter().all(|cut| *cut), "{cut:?}");
}

/// Polls a piece of work so many times, and then lets it go.
struct CutOff<F> {
    work: F,
    polls_left: u8,
}

impl<F: Future + Unpin> Future for CutOff<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls_left == 0 {
            return Poll::Ready(None);
        }
        self.polls_left -= 1;
        pin!(&mut self.work).poll(context).map(Some)
    }
}

pub(crate) async fn any_lost_request_or_reply_is_made_good_later<T: Target>() {
    const METHODS: [&str; 9] = [
        "find_by_instance_uuid",
        "find_by_name",
        "vm",
        "clone_vm",
        "reconfigure_vm",
        "customize_vm",
        "power_on",
        "wait_for_task",
        "wait_for_guest",
    ];
    let losses = [Loss::Request, Loss::Reply];
    let bench = Bench::<T>::fresh().await;
    let cases = METHODS.into_iter().flat_map(|method| losses.map(|loss| (method, loss)));
    for ((method, loss), number) in cases.zip(1..) {
        let spec = bench.spec(number);
        bench.observed.lose(method, loss);
        let mut checkpoint = Checkpoint::default();
        let mut asked = 0;
        loop {
            asked += 1;
            let sink = Recorder::resuming(checkpoint.clone());
            match bench.adapter.create_vm(&spec, &checkpoint, &sink).await {
                Ok(_) => break,
                Err(error) if error.is_transient() && asked < ASKS_MAX => {}
                Err(error) => panic!("{method} with its {loss:?} lost, {asked}: {error:?}"),
            }
            checkpoint = sink.checkpoint();
        }
        let reported = asked == 2;
        // Only a clone is looked for at once, since a second one would be a second VM.
        assert_eq!(reported, (method, loss) != ("clone_vm", Loss::Reply), "{method} {loss:?}");
        bench.assert_made(&spec).await;
    }
}

pub(crate) async fn a_lost_clone_reply_is_no_error<T: Target>() {
    let bench = Bench::<T>::fresh().await;
    let spec = bench.spec(1);
    bench.observed.lose("clone_vm", Loss::Reply);
    let sink = Recorder::new();

    let made = bench.adapter.create_vm(&spec, &Checkpoint::default(), &sink).await.unwrap();

    bench.assert_made(&spec).await;
    assert_eq!(sink.checkpoint().vm, Some(made.moref));
    assert_eq!(bench.observed.changes().iter().filter(|method| **method == "clone_vm").count(), 1);
}

pub(crate) async fn a_vm_that_vanished_between_two_runs_is_cloned_again<T: Target>() {
    let bench = Bench::<T>::fresh().await;
    let spec = bench.spec(1);
    let sink = Recorder::new();
    bench.adapter.create_vm(&spec, &Checkpoint::default(), &sink).await.unwrap();
    let checkpoint = sink.checkpoint();
    assert!(checkpoint.vm.is_some());
    bench.remove_behind_our_back(&spec.name).await;

    let sink = Recorder::resuming(checkpoint.clone());
    let made = bench.adapter.create_vm(&spec, &checkpoint, &sink).await.unwrap();

    assert_eq!(sink.checkpoint().vm, Some(made.moref));
    assert_eq!(sink.stages().first(), Some(&Stage::Cloning));
    bench.assert_made(&spec).await;
}

pub(crate) async fn a_vm_that_vanishes_during_a_run_is_cloned_again<T: Target>() {
    let bench = Bench::<T>::fresh().await;
    let spec = bench.dhcp_spec(1);
    let sink = Recorder::new();
    let address = "10.30.0.77".parse().unwrap();
    let resume = Checkpoint::default();

    let made = bench.adapter.create_vm(&spec, &resume, &sink);
    let meanwhile = async {
        sink.until_stage(Stage::WaitingForNetwork, 1).await;
        bench.remove_behind_our_back(&spec.name).await;
        sink.until_stage(Stage::WaitingForNetwork, 2).await;
        bench.target.give_addresses(&spec.name, &[address]).await;
    };
    let (made, ()) = tokio::join!(made, meanwhile);

    assert_eq!(made.unwrap().ip_address, address);
    bench.assert_made(&spec).await;
}
