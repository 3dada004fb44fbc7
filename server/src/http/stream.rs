//! The live stream of one request (Server-Sent Events), and the same as plain text.
//!
//! A reader is a cursor into its topic. It gets the snapshot, or exactly the frames after the id that it
//! brings; then every numbered frame as it is committed, and what is true only now in between.

use std::time::Duration;

use app::api;
use async_stream::stream;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_core::Stream;
use rand::RngExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::AppState;
use super::convert::{self, SLOW_MESSAGE};
use super::error::ApiError;
use super::frames::{outage_frame, sse};
use super::guard::Asking;
use super::leaving::Leaving;
use super::query::Params;
use super::requests::request_id;
use super::text;
use crate::application::feed::{Frame, News, Subscription, Unnumbered};
use crate::application::patience::answered;
use crate::domain::ids::Viewer;
use crate::domain::timeline::Timeline;

mod timers;

pub(super) use timers::PING_INTERVAL;
use timers::{Timers, Wake};

/// When a reader that lost its stream comes back, in milliseconds: at random, so that not all who
/// watched a server that restarted come in the same instant, and soon enough for a page to be live
/// again within 3 s.
pub(super) const RETRY_MS: std::ops::Range<u32> = 800..1_800;

/// The pause before a journal that turned out to be another one, and cannot be read, is read again.
const ANEW_PAUSE: Duration = Duration::from_millis(500);

/// How a reader wants to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Sse,
    Text,
}

/// Where a reader begins.
#[derive(Debug)]
enum Begin {
    /// With the progress as of now.
    Snapshot,
    /// After the event that its id names.
    After,
    /// With the progress as of now, since its id is not of this journal, for this reason.
    Reset(&'static str),
}

/// How long is looked whether an ended request goes on.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// The id of the newest event that an answer knows: who has asked can go on from there with the stream.
const LAST_EVENT_ID: header::HeaderName = header::HeaderName::from_static("last-event-id");

/// `GET /api/requests/{id}/provisioning-progress`
pub(super) async fn progress(
    State(state): State<AppState>,
    Asking(viewer): Asking,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let progress = state.query.progress(&viewer, request_id(&id)?).await?;
    let progress = progress.ok_or_else(ApiError::no_such_request)?;
    let last = [(LAST_EVENT_ID, state.epoch.id(progress.timeline.seq))];
    Ok((last, axum::Json(convert::progress_now(&progress))))
}

/// `GET /api/requests/{id}/provisioning-progress/events`
pub(super) async fn events(
    State(state): State<AppState>,
    Asking(viewer): Asking,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = request_id(&id)?;
    let mut params = Params::parse(query.as_deref(), &["format", "last_event_id"]);
    let format = params.word("format", |word| match word {
        "text" => Some(Format::Text),
        "sse" => Some(Format::Sse),
        _ => None,
    });
    let format = format.unwrap_or(Format::Sse);
    let by_query = params.text("last_event_id");
    params.finish()?;
    let by_header = headers
        .get("last-event-id")
        .map(|id| id.to_str().unwrap_or("unreadable").to_owned())
        .filter(|id| !id.is_empty());
    let permit = state.streams.clone().try_acquire_owned().map_err(|_| too_many())?;
    let watch = state.query.watch(&viewer, id).await?;
    let mut reader = watch.ok_or_else(ApiError::no_such_request)?;
    let begin = begin(&state, &mut reader, by_header.or(by_query)).await?;
    if matches!(begin, Begin::After) && has_ended_at_cursor(&reader) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let watched = Watched { state, viewer, reader };
    let body = match format {
        Format::Sse => Body::from_stream(sse_stream(watched, begin, permit)),
        Format::Text => Body::from_stream(text_stream(watched, begin, permit)),
    };
    Ok((stream_headers(format), body).into_response())
}

pub(super) fn too_many() -> ApiError {
    let detail = "too many live streams are open on this server; try again in a moment";
    let status = StatusCode::SERVICE_UNAVAILABLE;
    ApiError::new(status, "too-many-streams", "Too many streams", detail)
}

pub(super) fn stream_headers(format: Format) -> HeaderMap {
    let kind = match format {
        Format::Sse => "text/event-stream",
        Format::Text => "text/plain; charset=utf-8",
    };
    [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache, no-transform"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ]
    .into_iter()
    .map(|(name, value)| (name, HeaderValue::from_static(value)))
    .collect()
}

/// Finds the place that a reader's last id names.
async fn begin(
    state: &AppState,
    reader: &mut Subscription,
    last_event_id: Option<String>,
) -> Result<Begin, ApiError> {
    let Some(id) = last_event_id else {
        look_on_after_end(state, reader).await;
        return Ok(Begin::Snapshot);
    };
    let parsed = id.rsplit_once('.').and_then(|(epoch, seq)| {
        let number = seq.parse::<u32>().ok();
        // Only as it was sent: no sign, no zeros before it.
        Some((epoch, number.filter(|number| number.to_string() == seq)?))
    });
    let Some((epoch, seq)) = parsed else {
        return Ok(Begin::Reset("the last event id cannot be read"));
    };
    if !state.epoch.is(epoch) {
        return Ok(Begin::Reset("the last event id is of another journal"));
    }
    if seq > reader.head() {
        // Another server may have written what this one has not seen yet.
        state.query.look_for(reader, seq).await?;
    } else {
        look_on_after_end(state, reader).await;
    }
    if seq > reader.head() {
        return Ok(Begin::Reset("the last event id is beyond the journal"));
    }
    reader.seek(seq);
    reader.miss_estimate();
    Ok(Begin::After)
}

/// Looks whether a request that has ended goes on: another server may have begun a new attempt a moment
/// ago, and who is told of the end does not ask again. While the journal cannot be read it stays ended.
async fn look_on_after_end(state: &AppState, reader: &Subscription) {
    if reader.peek().is_some_and(|timeline| timeline.status.has_ended()) {
        let looked = state.query.look_for(reader, reader.head() + 1);
        match tokio::time::timeout(LOOK_MAX, looked).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "what follows an end could not be seen"),
            Err(_) => tracing::debug!("what follows an end could not be seen in time"),
        }
    }
}

fn has_ended_at_cursor(reader: &Subscription) -> bool {
    let timeline = reader.peek();
    timeline.is_some_and(|timeline| timeline.status.has_ended() && timeline.seq == reader.cursor())
}

/// What one stream is made of.
struct Watched {
    state: AppState,
    viewer: Viewer,
    reader: Subscription,
}

impl Watched {
    /// Begins anew, once the journal can be read; whether the request is in it. For a reader whose
    /// journal turned out to be another one. It ends with its server all the same.
    async fn begin_anew(&mut self, leaving: &mut Leaving) -> bool {
        let query = &self.state.query;
        let watch = async {
            loop {
                match query.watch(&self.viewer, self.reader.request()).await {
                    Ok(found) => return found,
                    Err(_) => tokio::time::sleep(ANEW_PAUSE).await,
                }
            }
        };
        let found = tokio::select! {
            biased;
            () = leaving.wait() => None,
            found = watch => found,
        };
        let Some(reader) = found else { return false };
        self.reader = reader;
        true
    }
}

pub(super) type Chunk = Result<Bytes, std::convert::Infallible>;

/// What is waited for seldom is boxed, in both streams: an idle reader would else keep room for it.
fn sse_stream(
    watched: Watched,
    begin: Begin,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Chunk> + Send {
    let mut watched = watched;
    stream! {
        // The place among the open streams is given back when the body is dropped.
        let _permit = permit;
        let retry = rand::rng().random_range(RETRY_MS);
        yield Ok(Bytes::from(format!("retry: {retry}\n: stagewatch\n\n")));
        let mut timers = Timers::new(&watched.state);
        let (mut slow_was_told, mut vcenter_was_told) = (false, false);
        let mut begin = Some(begin);
        // Who comes while a task runs need not wait for its next report. Of an event that is sent
        // below it is not: an event puts the report of its stage aside.
        let mut hint = watched.state.query.hint(watched.reader.request());
        loop {
            if watched.reader.is_stale() {
                begin = Some(Begin::Reset("the journal was restored to another state"));
                if !Box::pin(watched.begin_anew(&mut timers.leaving)).await {
                    break;
                }
            }
            if let Some(begin) = begin.take() {
                if let Begin::Reset(reason) = &begin {
                    yield Ok(sse("reset", None, &api::Reset { reason: (*reason).to_owned() }));
                }
                if !matches!(begin, Begin::After) && let Some(timeline) = watched.reader.snapshot() {
                    let (snapshot, is_slow) = Box::pin(snapshot(&watched.state, timeline)).await;
                    slow_was_told = is_slow;
                    yield Ok(snapshot);
                }
            }
            let (frames, ended) = watched.reader.take();
            if !frames.is_empty() {
                yield Ok(joined(&frames, |frame| &frame.sse));
                timers.quiet_since = Instant::now();
            }
            if ended {
                break;
            }
            if let Some(hint) = hint.take() {
                yield Ok(hint.sse.clone());
            }
            if !std::mem::replace(&mut vcenter_was_told, true)
                && let Some(frame) = Box::pin(outage(&watched.state, &watched.reader)).await
            {
                yield Ok(frame.sse);
            }
            if !slow_was_told && let Some(timeline) = watched.reader.peek() {
                timers.expect_slow(&timeline, watched.state.query.clock());
            }
            match timers.wait(&mut watched.reader).await {
                Wake::Leave => break,
                Wake::News(News::Frames) => continue,
                Wake::News(News::Unnumbered(frame)) => yield Ok(frame.sse.clone()),
                // While it lasts it is said again instead of a ping, which would say that all is well.
                Wake::News(News::Degraded(_)) | Wake::Quiet => {
                    yield Ok(state_of_journal(&watched.state, &watched.reader));
                }
                Wake::Slow => {
                    let now = watched.state.query.clock();
                    let Some(timeline) = is_slow(&watched.reader, now) else { continue };
                    slow_was_told = true;
                    timers.slow_at = None;
                    let elapsed_ms = timeline.elapsed_ms(now);
                    let message = SLOW_MESSAGE.to_owned();
                    yield Ok(sse("slow", None, &api::Slow { message, elapsed_ms }));
                }
            }
            timers.quiet_since = Instant::now();
        }
    }
}

/// The progress as of now, and whether it says that the request is slow.
async fn snapshot(state: &AppState, timeline: Timeline) -> (Bytes, bool) {
    let progress = state.query.now_or_recorded(timeline).await;
    let wire = convert::progress_now(&progress);
    (sse("snapshot", Some(&state.epoch.id(wire.seq)), &wire), wire.slow)
}

/// That the reader has all there is, or why nobody can know.
fn state_of_journal(state: &AppState, reader: &Subscription) -> Bytes {
    if let Some(outage) = reader.outage() {
        return sse("degraded", None, &api::Degraded { reason: outage.to_string() });
    }
    let server_time = state.query.clock().into();
    sse("ping", None, &api::Ping { server_time, seq: reader.cursor() })
}

/// What a reader that comes must be told of an outage of vCenter: a snapshot is not sent to each, and
/// what vCenter reported before it says nothing of it.
async fn outage(state: &AppState, reader: &Subscription) -> Option<Unnumbered> {
    let timeline = reader.peek()?;
    let outage = answered(state.query.outage(&timeline)).await.ok()??;
    Some(outage_frame(&timeline, Some(&outage), state.query.clock()))
}

/// The request, if it takes longer than usual at `now`. When the time has come by our own clock,
/// PostgreSQL's may be a moment behind.
fn is_slow(reader: &Subscription, now: DateTime<Utc>) -> Option<Timeline> {
    reader.peek().filter(|timeline| timeline.is_slow(now))
}

fn text_stream(
    watched: Watched,
    begin: Begin,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Chunk> + Send {
    let mut watched = watched;
    stream! {
        let _permit = permit;
        let mut timers = Timers::new(&watched.state);
        let (mut slow_was_told, mut outage_was_told, mut vcenter_was_told) = (false, false, false);
        let mut begin = Some(begin);
        loop {
            if watched.reader.is_stale() {
                begin = Some(Begin::Reset(""));
                if !Box::pin(watched.begin_anew(&mut timers.leaving)).await {
                    break;
                }
            }
            match begin.take() {
                None | Some(Begin::After) => {}
                // A person wants to see how it came to be here: all lines so far, then the live ones.
                Some(Begin::Snapshot) => watched.reader.seek(0),
                Some(Begin::Reset(_)) => {
                    watched.reader.seek(0);
                    yield Ok(Bytes::from(text::reset_line(watched.state.query.clock())));
                }
            }
            let (frames, ended) = watched.reader.take();
            if !frames.is_empty() {
                yield Ok(joined(&frames, |frame| &frame.text));
            }
            if ended {
                break;
            }
            if !std::mem::replace(&mut vcenter_was_told, true)
                && let Some(frame) = Box::pin(outage(&watched.state, &watched.reader)).await
            {
                yield Ok(frame.text);
            }
            if !slow_was_told && let Some(timeline) = watched.reader.peek() {
                timers.expect_slow(&timeline, watched.state.query.clock());
            }
            match timers.wait(&mut watched.reader).await {
                Wake::Leave => break,
                Wake::News(News::Degraded(outage)) => {
                    if outage.is_some() || outage_was_told {
                        let now = watched.state.query.clock();
                        yield Ok(Bytes::from(text::outage_line(now, outage)));
                    }
                    outage_was_told = outage.is_some();
                }
                Wake::News(News::Unnumbered(frame)) if !frame.text.is_empty() => {
                    yield Ok(frame.text.clone());
                }
                Wake::News(News::Frames | News::Unnumbered(_)) => {}
                Wake::Quiet => timers.quiet_since = Instant::now(),
                Wake::Slow => {
                    let now = watched.state.query.clock();
                    if is_slow(&watched.reader, now).is_none() {
                        continue;
                    }
                    slow_was_told = true;
                    timers.slow_at = None;
                    yield Ok(Bytes::from(text::slow_line(now)));
                }
            }
        }
    }
}

/// The frames as one chunk; a single one without a copy.
fn joined(frames: &[Frame], part: impl Fn(&Frame) -> &Bytes) -> Bytes {
    match frames {
        [only] => part(only).clone(),
        many => many.iter().flat_map(|frame| part(frame).iter().copied()).collect(),
    }
}
