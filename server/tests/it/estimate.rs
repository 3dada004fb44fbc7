//! How long it will still take: learned from what ended before, the same everywhere.

use std::time::Duration;

use app::api::{self, HistoryItem, Progress, Stage};
use server::domain::estimate::{Basis, Estimate, History, Learned, Position, Run, Spent, TIMED};
use server::domain::stage::VmProvisioningStage;
use server::infrastructure::vsphere::simulated::Operation;
use uuid::Uuid;

use crate::support::client::events;
use crate::support::server::{Site, TEMPLATE};
use crate::support::sse::numbered;
use crate::support::{Api, TestServer, World, in_time};

/// What one finished request took for each stage, from its journal.
fn durations(history: &[HistoryItem]) -> [u64; TIMED] {
    let at = |index: usize| history[index].recorded_at.0;
    // The start completes CREATED; each later stage is completed by the event after its own.
    let spans = [(0, 1), (2, 3), (3, 4), (4, 5), (5, 6)];
    spans.map(|(from, to)| {
        u64::try_from((at(to) - at(from)).num_milliseconds()).expect("not negative")
    })
}

fn medians(runs: &[[u64; TIMED]]) -> [u64; TIMED] {
    assert_eq!(runs.len() % 2, 1, "then the median is one of them");
    std::array::from_fn(|stage| {
        let mut of_stage: Vec<u64> = runs.iter().map(|run| run[stage]).collect();
        of_stage.sort_unstable();
        of_stage[runs.len() / 2]
    })
}

/// What these runs teach, newest last, with nothing between journal and arithmetic.
fn learned(runs: &[[u64; TIMED]], template: u32) -> Learned {
    let run = |stages_ms: &[u64; TIMED]| Run {
        template,
        size: Run::ASKED,
        ready: true,
        stages: stages_ms.map(|ms| Some(Spent { ms, censored: false })),
    };
    Learned::from_history(&History { runs: runs.iter().rev().map(run).collect() })
}

/// Asserts that exactly this is told of the future.
fn assert_estimate(told: Option<&api::Estimate>, learned: &Learned, position: Position) {
    let told = told.expect("an estimate");
    let expected: Estimate = learned.tell(position).estimate.expect("an estimate");
    assert_eq!(told.remaining_ms, expected.remaining_ms, "{told:?} instead of {expected:?}");
    assert_eq!((told.low_ms, told.high_ms), (expected.low_ms, expected.high_ms));
    assert_eq!(told.samples, expected.samples);
    let basis = match expected.basis {
        Basis::TemplateAndSize => api::Basis::TemplateAndSize,
        Basis::Template => api::Basis::Template,
        Basis::All => api::Basis::All,
    };
    assert_eq!(told.basis, basis);
    let late = told.late.as_ref().map(|late| (late.elapsed_ms, late.up_to_ms, late.slower_than));
    assert_eq!(late, expected.late.map(|late| (late.elapsed_ms, late.up_to_ms, late.slower_than)));
    let (low, high) = (told.low_ms.expect("a range"), told.high_ms.expect("a range"));
    assert!(low <= told.remaining_ms && told.remaining_ms <= high, "{told:?}");
}

async fn five_runs(server: &TestServer) -> Vec<[u64; TIMED]> {
    let mut runs = Vec::new();
    for number in 0..5 {
        let id = server.ask(&format!("vm-{number}"), TEMPLATE).await.id;
        server.ended(id).await;
        runs.push(durations(&server.history(id).await));
    }
    runs
}

#[tokio::test]
async fn with_nothing_to_learn_from_nothing_is_told() {
    let world = World::with_delay(Duration::from_millis(30)).await;
    let server = world.server().await;
    let id = server.ask("a", TEMPLATE).await.id;
    let frames = server.stream(id).await.rest().await;
    let told = frames.iter().filter(|frame| frame.id.is_some()).map(|frame| {
        let data = frame.json();
        let progress = data.get("progress").unwrap_or(&data).clone();
        serde_json::from_value::<Progress>(progress).expect("a progress")
    });
    for progress in told {
        assert_eq!(progress.estimate, None, "{progress:?}");
        assert!(progress.stages.iter().all(|stage| stage.typical_ms.is_none()), "{progress:?}");
    }
}

/// A failed attempt is no run, but it says of the stage in which it failed that it would have taken
/// longer.
#[tokio::test]
async fn what_was_broken_off_is_kept_as_that() {
    let world = World::with_delay(Duration::from_millis(10)).await;
    let server = world.server().await;
    let failed = server.ask("b", "demo-fails-configuring").await.id;
    let progress = server.ended(failed).await;
    let kept: Vec<(String, i64, bool, bool)> = sqlx::query_as(
        "select stage, duration_ms, censored, ready from stage_durations order by finished_at",
    )
    .fetch_all(&world.database.pool)
    .await
    .expect("the durations");
    let duration = |stage: usize| {
        let ms = progress.stages[stage].duration_ms.expect("it was left");
        i64::try_from(ms).expect("some milliseconds")
    };
    let expected = [("CREATED", false), ("CLONING", false), ("CONFIGURING", true)];
    let expected: Vec<_> = expected
        .into_iter()
        .enumerate()
        .map(|(index, (stage, censored))| (stage.to_owned(), duration(index), censored, false))
        .collect();
    assert_eq!(kept, expected);
    let id = server.ask("c", TEMPLATE).await.id;
    server.ended(id).await;
    let _pause = world.script().pause_at(Operation::Clone);
    let third = server.ask("d", TEMPLATE).await.id;
    let told = server.progress(third).await.estimate.expect("an estimate");
    assert_eq!((told.samples, told.basis), (1, api::Basis::Template));
}

#[tokio::test]
async fn after_five_runs_the_sixth_is_told_what_they_teach_everywhere() {
    let world = World::with_delay(Duration::from_millis(40)).await;
    let server = world.server().await;
    let runs = five_runs(&server).await;
    let learned = learned(&runs, Run::ASKED);

    let mut pause = world.script().pause_at(Operation::Clone);
    let id = server.ask("sixth", TEMPLATE).await.id;
    in_time("the clone", pause.reached()).await;
    assert_now(&server, id, &learned).await;
    let mut stream = server.stream(id).await;
    let snapshot = stream.until_event("snapshot").await;
    assert_current_stage(&snapshot.progress(), &learned);
    assert_eq!(ranges(&snapshot.progress()), learned.usual_ms(), "what is usual for each stage");
    let epoch = snapshot.id.expect("an id").rsplit_once('.').expect("a number").0.to_owned();
    pause.release();
    stream.rest().await;

    let frames = numbered(&server.stream_after(id, &format!("{epoch}.0")).await.rest().await);
    // In the order of the journal: asked for, started, and the stages as they are entered.
    use VmProvisioningStage::{Cloning, Configuring, Created, PoweringOn, WaitingForNetwork};
    let entered = |stage| Position::In(stage, 0);
    let expected = [
        entered(Created),
        Position::Before(Cloning),
        entered(Cloning),
        entered(Configuring),
        entered(PoweringOn),
        entered(WaitingForNetwork),
    ];
    for (frame, position) in frames.iter().zip(expected) {
        let progress = frame.stage_event().progress;
        assert_estimate(progress.estimate.as_ref(), &learned, position);
    }
    assert_eq!(frames[6].stage_event().progress.estimate, None, "it has ended");
    let medians = medians(&runs);
    for frame in &frames {
        let progress = frame.stage_event().progress;
        let typical: Vec<_> = progress.stages.iter().map(|stage| stage.typical_ms).collect();
        assert_eq!(typical[..TIMED], medians.map(Some), "{frame:?}");
        assert_eq!(typical[TIMED], None, "READY takes no time");
        assert_eq!(ranges(&progress), [None; TIMED], "what is numbered does not speak of now");
    }
    // Its own run is not among those that it is compared with.
    let ended = server.ended(id).await;
    assert_eq!(ranges(&ended), learned.usual_ms());
    let typical: Vec<_> = ended.stages.iter().map(|stage| stage.typical_ms).collect();
    assert_eq!(typical[..TIMED], medians.map(Some));
}

/// From where to where each stage usually ends.
fn ranges(progress: &Progress) -> [Option<(u64, u64)>; TIMED] {
    std::array::from_fn(|index| {
        let stage = &progress.stages[index];
        stage.low_ms.zip(stage.high_ms)
    })
}

/// The estimate as JSON, at a moment in the middle of the clone.
async fn assert_now(api: &Api, id: Uuid, learned: &Learned) {
    let progress = api.progress(id).await;
    assert_eq!(progress.current_stage, Stage::Cloning);
    assert_current_stage(&progress, learned);
}

/// What is left of the current stage, given how long it has taken, and the stages to come.
fn assert_current_stage(progress: &Progress, learned: &Learned) {
    let entered = progress.stages[1].started_at.expect("it was entered");
    let now = progress.server_time.expect("now");
    let elapsed_ms = u64::try_from((now.0 - entered.0).num_milliseconds()).expect("time passes");
    let position = Position::In(VmProvisioningStage::Cloning, elapsed_ms);
    assert_estimate(progress.estimate.as_ref(), learned, position);
}

#[tokio::test]
async fn another_template_is_told_what_all_teach() {
    let world = World::with_delay(Duration::from_millis(20)).await;
    let server = world.server().await;
    let runs = five_runs(&server).await;
    let _pause = world.script().pause_at(Operation::Clone);
    let id = server.ask("sixth", "debian-12").await.id;
    let epoch = server.epoch(id).await;
    let mut stream = server.stream_after(id, &format!("{epoch}.0")).await;
    let first = stream.until_seq(1).await.pop().expect("the first event");
    let progress = first.stage_event().progress;
    let position = Position::In(VmProvisioningStage::Created, 0);
    assert_estimate(progress.estimate.as_ref(), &learned(&runs, 1), position);
    assert_eq!(progress.estimate.map(|told| told.basis), Some(api::Basis::All));
}

/// A stage that hangs is told to be late, live and in every form, without a percentage and without
/// being called slow before the limit.
#[tokio::test]
async fn a_stage_that_outlives_all_earlier_ones_is_told_to_everybody() {
    let world = World::with_delay(Duration::from_millis(10)).await;
    let server = world.server().await;
    five_runs(&server).await;
    let mut pause = world.script().pause_at(Operation::Clone);
    let id = server.ask("sixth", TEMPLATE).await.id;
    in_time("the clone", pause.reached()).await;
    let mut stream = server.stream(id).await;
    let mut text = server.stream_at(&format!("{}?format=text", events(id)), &[]).await;

    let estimate_of = |frame: &crate::support::Frame| {
        serde_json::from_value::<api::Estimate>(frame.json()).expect("the data of estimate")
    };
    let is_beyond =
        |told: &api::Estimate| told.late.as_ref().is_some_and(|late| late.slower_than == Some(5));
    let frames =
        stream.until(|frame| frame.name() == "estimate" && is_beyond(&estimate_of(frame))).await;
    let told = frames.last().expect("the one waited for");
    assert_eq!(told.id, None, "it is true now and not repeated");
    let told = estimate_of(told);
    let late = told.late.expect("it is late");
    assert_eq!(late.stage, Stage::Cloning);
    assert!(late.elapsed_ms > late.up_to_ms, "{late:?}");
    let beyond = "slower than all 5 earlier runs";
    assert!(late.message.ends_with(beyond), "{late:?}");
    assert!(told.remaining_ms > 0, "it still has something before it");

    let now = server.progress(id).await;
    assert!(is_beyond(now.estimate.as_ref().expect("an estimate")) && !now.slow, "{now:?}");
    assert_eq!(now.message, None, "the limit has not passed");
    let page = server.get(&format!("/requests/{id}")).await;
    assert!(page.body.contains(beyond), "the page says so too");
    let mut lines = String::new();
    while !lines.contains(beyond) {
        lines.push_str(&text.chunk().await.expect("more lines"));
    }
    // Who comes back without a snapshot is told as well.
    let back = format!("{}.3", server.epoch(id).await);
    let back = server.stream_after(id, &back).await.until_event("estimate").await;
    assert!(is_beyond(&estimate_of(&back)), "{back:?}");
    pause.release();
    let end = stream.rest().await;
    assert_eq!(end.last().map(crate::support::Frame::name), Some("ready"));
}

/// What another vCenter took says nothing about this one.
#[tokio::test]
async fn another_vcenter_begins_to_learn_anew() {
    let world = World::new().await;
    let server = world.server().await;
    let id = server.ask("a", TEMPLATE).await.id;
    server.ended(id).await;
    server.stop().await;
    let elsewhere = Site::new(Duration::ZERO);
    let server = elsewhere.server_at(&world.database.url(), &[]).await;
    server.ready().await;
    let _pause = elsewhere.script().pause_at(Operation::Clone);
    let id = server.ask("b", TEMPLATE).await.id;
    let progress = server.progress(id).await;
    assert_eq!(progress.estimate, None);
}
