//! The board's stream: everything that the viewer may see, at least once, from any server.

use std::collections::{BTreeMap, BTreeSet};

use app::api::{BoardEvent, BoardPing, Problem, Stage, Status};
use reqwest::Method;
use server::infrastructure::vsphere::simulated::Operation;
use uuid::Uuid;

use super::{CLONING_SEQ, LAST_SEQ, held_at_clone};
use crate::http::missing::foreign_request;
use crate::support::server::TEMPLATE;
use crate::support::{EventStream, Frame, TestServer, World, eventually, in_time};

const BOARD: &str = "/api/requests/events";

async fn board(server: &TestServer) -> EventStream {
    server.stream_at(BOARD, &[]).await
}

async fn board_after(server: &TestServer, last: &str) -> EventStream {
    server.stream_at(BOARD, &[("last-event-id", last)]).await
}

/// The event of a frame, if it is one of the journal.
fn event(frame: &Frame) -> Option<BoardEvent> {
    let is_one = !matches!(frame.name(), "" | "ping" | "reset" | "degraded");
    is_one.then(|| serde_json::from_value(frame.json()).expect("an event of the board"))
}

/// What a reader has seen of each request, and the id to go on from.
#[derive(Debug, Default)]
struct Seen {
    events: BTreeMap<Uuid, BTreeSet<u32>>,
    newest: BTreeMap<Uuid, u32>,
    last_id: String,
}

impl Seen {
    fn take(&mut self, frame: &Frame) {
        if let Some(id) = &frame.id {
            self.last_id.clone_from(id);
        }
        let Some(event) = event(frame) else { return };
        assert_eq!(event.request_id, event.request.id);
        assert_eq!((event.request_id, event.seq), (event.progress.request_id, event.progress.seq));
        let newest = self.newest.entry(event.request_id).or_default();
        // What is known already is dropped; the rest comes in order, with no hole.
        if event.seq > *newest {
            assert_eq!(event.seq, *newest + 1, "a hole in {event:?}");
            *newest = event.seq;
        }
        self.events.entry(event.request_id).or_default().insert(event.seq);
    }

    /// Reads until everything of these requests was seen.
    async fn read_all(&mut self, stream: &mut EventStream, requests: &[Uuid]) {
        let mut is_complete = |frame: &Frame| {
            self.take(frame);
            requests.iter().all(|id| self.newest.get(id) == Some(&LAST_SEQ))
        };
        stream.until(&mut is_complete).await;
    }
}

#[tokio::test]
async fn it_begins_at_once_with_where_to_go_on_from_and_tells_of_every_request() {
    let world = World::new().await;
    let server = world.server().await;
    let mut stream = board(&server).await;
    assert_eq!(stream.status, 200);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(stream.headers[name], value, "{name}");
    }
    assert!(!stream.headers.contains_key("content-encoding"));
    let first = stream.next().await.expect("the first block");
    assert!(first.retry.is_some() && first.comments.len() == 1, "{first:?}");
    let ping = stream.next().await.expect("where it begins");
    assert_eq!(ping.name(), "ping");
    let _: BoardPing = serde_json::from_value(ping.json()).expect("the time");
    let (epoch, _) = ping.id.as_ref().and_then(|id| id.rsplit_once('.')).expect("an id");

    let (a, b) = (server.ask("a", TEMPLATE).await.id, server.ask("b", TEMPLATE).await.id);
    assert_eq!(epoch, server.epoch(a).await, "of the same journal");
    let mut seen = Seen::default();
    seen.read_all(&mut stream, &[a, b]).await;
    assert!(seen.last_id.starts_with(epoch), "{}", seen.last_id);
}

/// The same facts as on the request's own stream, and the request beside them.
#[tokio::test]
async fn an_event_says_what_the_requests_own_stream_says_and_which_request_it_is() {
    let world = World::new().await;
    let (server, id, pause) = held_at_clone(&world, &[]).await;
    let mut stream = board(&server).await;
    stream.until_event("ping").await;
    pause.release();
    let frames = stream.until(|frame| frame.name() == "ready").await;
    let last = event(frames.last().expect("the end")).expect("an event");
    assert_eq!((last.stage, last.request.status), (Stage::Ready, Status::Ready));
    let shown = server.request(id).await;
    assert_eq!((last.request.name, last.request.vm), (shown.name, shown.vm));
    assert_eq!(last.request.links, shown.links);
    for own in server.all_events(id).await {
        let own = own.stage_event();
        let Some(told) = frames.iter().filter_map(event).find(|told| told.seq == own.seq) else {
            continue;
        };
        assert_eq!((told.kind, told.state, told.at), (own.kind, own.state, own.at));
        assert_eq!((told.details, told.progress), (own.details, own.progress));
    }
}

#[tokio::test]
async fn who_comes_back_misses_nothing_on_another_server_and_after_a_restart() {
    let world = World::new().await;
    let server = world.server().await;
    let mut seen = Seen::default();
    let mut stream = board(&server).await;
    seen.take(&stream.until_event("ping").await);
    let mut requests = Vec::new();
    for number in 0..3 {
        requests.push(server.ask(&format!("live-{number}"), TEMPLATE).await.id);
    }
    seen.read_all(&mut stream, &requests).await;
    let mut pause = world.script().pause_at(Operation::Clone);
    let held = server.ask("held", TEMPLATE).await.id;
    requests.push(held);
    in_time("the clone", pause.reached()).await;
    let is_held = |frame: &Frame| {
        seen.take(frame);
        seen.newest.get(&held) == Some(&CLONING_SEQ)
    };
    stream.until(is_held).await;

    // It is away while this one goes on, and another is made, on a server that is gone afterwards.
    drop(stream);
    let away = server.ask("away", TEMPLATE).await.id;
    requests.push(away);
    let other = world.server().await;
    pause.release();
    server.ended(held).await;
    server.ended(away).await;
    server.kill();
    let mut stream = board_after(&other, &seen.last_id).await;
    seen.read_all(&mut stream, &requests).await;

    drop(stream);
    let last = other.ask("last", TEMPLATE).await.id;
    other.ended(last).await;
    requests.push(last);
    other.stop().await;
    let restarted = world.server().await;
    let by_query = format!("{BOARD}?last_event_id={}", seen.last_id);
    let mut stream = restarted.stream_at(&by_query, &[]).await;
    seen.read_all(&mut stream, &requests).await;
}

/// Also what another server commits, with nobody watching it there.
#[tokio::test]
async fn what_another_server_commits_is_told() {
    let world = World::new().await;
    let (writer, reader) = (world.server().await, world.server().await);
    let mut stream = board(&reader).await;
    stream.until_event("ping").await;
    let mut requests = Vec::new();
    for number in 0..5 {
        requests.push(writer.ask(&format!("vm-{number}"), TEMPLATE).await.id);
    }
    Seen::default().read_all(&mut stream, &requests).await;
}

#[tokio::test]
async fn what_belongs_to_somebody_else_is_never_told() {
    let world = World::new().await;
    let server = world.server().await;
    let mut stream = board(&server).await;
    let begin = stream.until_event("ping").await.id.expect("an id");
    let theirs = foreign_request(&world).await;
    // The saga does not ask who wishes it: it is made, and everybody else hears nothing of it.
    let ours = server.ask("ours", TEMPLATE).await.id;
    let mut seen = Seen::default();
    seen.read_all(&mut stream, &[ours]).await;
    world.ended_in_journal(theirs).await;
    let later = server.ask("later", TEMPLATE).await.id;
    seen.read_all(&mut stream, &[ours, later]).await;
    assert_eq!(seen.events.keys().copied().collect::<BTreeSet<_>>(), [ours, later].into());

    let mut again = Seen::default();
    let mut stream = board_after(&server, &begin).await;
    again.read_all(&mut stream, &[ours, later]).await;
    assert_eq!(again.events.keys().copied().collect::<BTreeSet<_>>(), [ours, later].into());
}

/// More ended requests like this one, all at once.
async fn copies(world: &World, of: Uuid, count: i32) {
    let statement = "
        with copies as materialized (
            select gen_random_uuid() as id, n from generate_series(1, $2) n
        ), requests as (
            insert into vm_requests (id, owner, name, template, cpus, memory_mib, status,
                                     created_at, last_seq, due_at)
            select copies.id, r.owner, r.name || '-' || n, r.template, r.cpus, r.memory_mib,
                   r.status, r.created_at, r.last_seq, r.due_at
            from vm_requests r, copies where r.id = $1
        )
        insert into events (request_id, seq, type, schema_version, payload)
        select copies.id, e.seq, e.type, e.schema_version, e.payload
        from events e, copies where e.request_id = $1";
    let done = sqlx::query(statement).bind(of).bind(count).execute(&world.database.pool).await;
    done.expect("copies");
}

#[tokio::test]
async fn an_id_that_cannot_be_gone_on_from_is_reset_and_goes_on_from_now() {
    let world = World::new().await;
    let server = world.server().await;
    let id = server.ask("a", TEMPLATE).await.id;
    server.ended(id).await;
    let begin = board(&server).await.until_event("ping").await.id.expect("an id");
    let epoch = server.epoch(id).await;
    let mut wrong = vec![
        format!("{epoch}.18446744073709551615"),
        format!("{epoch}.99999999999999999999"),
        format!("{epoch}.-1"),
        format!("{epoch}.+1"),
        format!("{epoch}."),
        format!("{epoch}. 1"),
        epoch.clone(),
        "other.1".to_owned(),
        ".1".to_owned(),
        "3".to_owned(),
        "é.1".to_owned(),
        "'; drop table events; --".to_owned(),
        "x".repeat(2_000),
    ];
    // More than is told again.
    copies(&world, id, 150).await;
    wrong.push(begin);
    for last in &wrong {
        let mut stream = board_after(&server, last).await;
        assert_eq!(stream.status, 200, "{last:.60}");
        let frames = stream.until(|frame| frame.name() == "ping").await;
        let names: Vec<&str> = frames.iter().map(Frame::name).collect();
        assert_eq!(names, ["", "reset", "ping"], "{last:.60}");
        assert_eq!(frames[1].id, None);
        assert!(frames[1].json()["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
        assert!(frames[2].id.is_some(), "where to go on from");
    }
    // Once the tail has passed what was too much, everybody can come back to where it is.
    eventually("an id to go on from", async || {
        let ping = board(&server).await.until_event("ping").await;
        let mut stream = board_after(&server, &ping.id.expect("an id")).await;
        let frames = stream.until(|frame| frame.name() == "ping").await;
        frames.iter().all(|frame| frame.name() != "reset").then_some(())
    })
    .await;
    for path in [BOARD.to_owned(), format!("{BOARD}?last_event_id=")] {
        let mut stream = server.stream_at(&path, &[("last-event-id", "")]).await;
        let frames = stream.until(|frame| frame.name() == "ping").await;
        assert_eq!(frames.len(), 2, "no reset: {frames:?}");
    }
}

#[tokio::test]
async fn it_counts_among_the_streams_and_ends_with_the_server() {
    let world = World::new().await;
    let server = world.server_with(&["--max-streams", "1"]).await;
    let mut stream = board(&server).await;
    stream.until_event("ping").await;
    let refused = server.get(BOARD).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    let Problem { kind, .. } = refused.problem();
    assert_eq!(kind, "urn:stagewatch:problem:too-many-streams");
    for (method, path, status) in [
        (Method::GET, format!("{BOARD}?status=ready"), 422),
        (Method::GET, format!("{BOARD}?last_event_id=a&last_event_id=b"), 422),
        (Method::POST, BOARD.to_owned(), 405),
        (Method::GET, format!("{BOARD}/"), 404),
    ] {
        let reply = server.send(method, &path, &[], "").await;
        assert_eq!(reply.status, status, "{path}: {reply:?}");
        reply.problem();
    }
    server.stop().await;
    // The end of a whole answer, not a broken connection.
    in_time("the stream's end", async { while stream.chunk().await.is_some() {} }).await;
}
