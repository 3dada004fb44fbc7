//! How long it will still take: learned from what finished before, the same everywhere.

use std::time::Duration;

use app::api::{Basis, Estimate, HistoryItem, Progress, Stage};
use server::infrastructure::vsphere::simulated::Operation;
use uuid::Uuid;

use crate::support::server::{Site, TEMPLATE};
use crate::support::sse::numbered;
use crate::support::{Api, TestServer, World, in_time};

const TIMED: usize = 5;

/// What one finished request took for each stage, from its journal.
fn durations(history: &[HistoryItem]) -> [i64; TIMED] {
    let at = |index: usize| history[index].recorded_at.0;
    // The start completes CREATED; each later stage is completed by the event after its own.
    let spans = [(0, 1), (2, 3), (3, 4), (4, 5), (5, 6)];
    spans.map(|(from, to)| (at(to) - at(from)).num_milliseconds())
}

/// The test's own average of each stage.
#[expect(clippy::cast_precision_loss, reason = "some milliseconds")]
fn means(runs: &[[i64; TIMED]]) -> [f64; TIMED] {
    std::array::from_fn(|stage| {
        runs.iter().map(|run| run[stage] as f64).sum::<f64>() / runs.len() as f64
    })
}

fn medians(runs: &[[i64; TIMED]]) -> [u64; TIMED] {
    assert_eq!(runs.len() % 2, 1, "then the median is one of them");
    std::array::from_fn(|stage| {
        let mut of_stage: Vec<i64> = runs.iter().map(|run| run[stage]).collect();
        of_stage.sort_unstable();
        u64::try_from(of_stage[runs.len() / 2]).expect("not negative")
    })
}

/// Asserts that this is told of the future: the sum of averages, within the rounding.
#[expect(clippy::cast_precision_loss, reason = "some milliseconds")]
fn assert_estimate(told: Option<Estimate>, remaining_ms: f64, samples: u32, basis: Basis) {
    let told = told.expect("an estimate");
    assert_eq!((told.samples, told.basis), (samples, basis));
    assert_eq!((told.low_ms, told.high_ms), (None, None), "there are no ranges yet");
    let off = (told.remaining_ms as f64 - remaining_ms).abs();
    assert!(off <= 1.0, "{told:?} instead of {remaining_ms}");
}

async fn five_runs(server: &TestServer) -> Vec<[i64; TIMED]> {
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
    // Neither is a failed one anything to learn from, even of itself.
    let failed = server.ask("b", "demo-fails-configuring").await.id;
    server.ended(failed).await;
    let count: i64 = sqlx::query_scalar("select count(distinct request_id) from stage_durations")
        .fetch_one(&world.database.pool)
        .await
        .unwrap();
    assert_eq!(count, 1);
}

#[tokio::test]
async fn after_five_runs_the_sixth_is_told_their_average_everywhere() {
    let world = World::with_delay(Duration::from_millis(40)).await;
    let server = world.server().await;
    let runs = five_runs(&server).await;
    let (means, medians) = (means(&runs), medians(&runs));
    let from = |stage: usize| means[stage..].iter().sum::<f64>();

    let mut pause = world.script().pause_at(Operation::Clone);
    let id = server.ask("sixth", TEMPLATE).await.id;
    in_time("the clone", pause.reached()).await;
    assert_now(&server, id, &means).await;
    let mut stream = server.stream(id).await;
    let snapshot = stream.until_event("snapshot").await;
    assert_current_stage(&snapshot.progress(), &means);
    let epoch = snapshot.id.expect("an id").rsplit_once('.').expect("a number").0.to_owned();
    pause.release();
    stream.rest().await;

    let frames = numbered(&server.stream_after(id, &format!("{epoch}.0")).await.rest().await);
    // In the order of the journal: asked for, started, and the stages as they are entered.
    let expected = [from(0), from(1), from(1), from(2), from(3), from(4)];
    for (frame, remaining_ms) in frames.iter().zip(expected) {
        let progress = frame.stage_event().progress;
        assert_estimate(progress.estimate, remaining_ms, 5, Basis::Template);
    }
    assert_eq!(frames[6].stage_event().progress.estimate, None, "it has ended");
    for frame in &frames {
        let progress = frame.stage_event().progress;
        let typical: Vec<_> = progress.stages.iter().map(|stage| stage.typical_ms).collect();
        assert_eq!(typical[..TIMED], medians.map(Some), "{frame:?}");
        assert_eq!(typical[TIMED], None, "READY takes no time");
    }
}

/// The estimate as JSON, at a moment in the middle of the clone.
async fn assert_now(api: &Api, id: Uuid, means: &[f64; TIMED]) {
    let progress = api.progress(id).await;
    assert_eq!(progress.current_stage, Stage::Cloning);
    assert_current_stage(&progress, means);
}

/// What is left of the current stage's average, and the averages of those to come.
#[expect(clippy::cast_precision_loss, reason = "some milliseconds")]
fn assert_current_stage(progress: &Progress, means: &[f64; TIMED]) {
    let entered = progress.stages[1].started_at.expect("it was entered");
    let now = progress.server_time.expect("now");
    let elapsed_ms = (now.0 - entered.0).num_milliseconds() as f64;
    let left = (means[1] - elapsed_ms).max(0.0);
    let remaining = left + means[2..].iter().sum::<f64>();
    assert_estimate(progress.estimate, remaining, 5, Basis::Template);
}

#[tokio::test]
async fn another_template_is_told_the_average_of_all() {
    let world = World::with_delay(Duration::from_millis(20)).await;
    let server = world.server().await;
    let runs = five_runs(&server).await;
    let _pause = world.script().pause_at(Operation::Clone);
    let id = server.ask("sixth", "debian-12").await.id;
    let epoch = server.epoch(id).await;
    let mut stream = server.stream_after(id, &format!("{epoch}.0")).await;
    let first = stream.until_seq(1).await.pop().expect("the first event");
    let progress = first.stage_event().progress;
    assert_estimate(progress.estimate, means(&runs).iter().sum(), 5, Basis::All);
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
