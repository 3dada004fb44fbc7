//! The live stream of all requests that the viewer may see (Server-Sent Events).
//!
//! It begins now: a reader that brings no id reads the list after the first `ping`, or brings the id that
//! came with its list, and drops what it has by `(requestId, seq)`. Delivery is at least once. An id says
//! where to go on from, for every server and after every restart.

use app::api;
use async_stream::stream;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_core::Stream;
use rand::RngExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::AppState;
use super::error::ApiError;
use super::frames::sse;
use super::guard::Asking;
use super::leaving::Leaving;
use super::query::Params;
use super::stream::{Chunk, Format, PING_INTERVAL, RETRY_MS, stream_headers, too_many};
use crate::application::feed::{BoardNews, BoardReader, Taken};
use crate::application::progress_query::Missed;
use crate::domain::ids::Viewer;
use crate::domain::ports::journal_tail::Horizon;

/// `GET /api/requests/events`
pub(super) async fn events(
    State(state): State<AppState>,
    Asking(viewer): Asking,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let params = Params::parse(query.as_deref(), &["last_event_id"]);
    let by_query = params.text("last_event_id");
    params.finish()?;
    let by_header = headers
        .get("last-event-id")
        .map(|id| id.to_str().unwrap_or("unreadable").to_owned())
        .filter(|id| !id.is_empty());
    let permit = state.streams.clone().try_acquire_owned().map_err(|_| too_many())?;
    let mut reader = state.query.board(&viewer).await;
    let begin = begin(&state, &viewer, &mut reader, by_header.or(by_query)).await?;
    let body = Body::from_stream(sse_stream(state, viewer, reader, begin, permit));
    Ok((stream_headers(Format::Sse), body).into_response())
}

/// Where a reader begins.
#[derive(Debug)]
enum Begin {
    /// Now.
    Now,
    /// With these frames, which it may have missed.
    After(Vec<Bytes>),
    /// Now: what it knows is not to be gone on from, for this reason, and it must read the list anew.
    Reset(&'static str),
}

/// Finds the place that a reader's last id names.
async fn begin(
    state: &AppState,
    viewer: &Viewer,
    reader: &mut BoardReader,
    last_event_id: Option<String>,
) -> Result<Begin, ApiError> {
    let Some(id) = last_event_id else { return Ok(Begin::Now) };
    let parsed =
        id.rsplit_once('.').and_then(|(epoch, horizon)| Some((epoch, Horizon::parse(horizon)?)));
    let Some((epoch, horizon)) = parsed else {
        return Ok(Begin::Reset("the last event id cannot be read"));
    };
    if !state.epoch.is(epoch) {
        return Ok(Begin::Reset("the last event id is of another journal"));
    }
    Ok(missed(state, viewer, reader, &horizon).await?)
}

/// What a reader has missed since a horizon.
async fn missed(
    state: &AppState,
    viewer: &Viewer,
    reader: &mut BoardReader,
    horizon: &Horizon,
) -> Result<Begin, crate::domain::ports::event_store::StoreError> {
    Ok(match state.query.missed(viewer, reader, horizon).await? {
        Missed::Frames(frames) => Begin::After(frames),
        Missed::TooMuch => Begin::Reset("too much has happened since the last event id"),
        Missed::Unknown => Begin::Reset("the last event id is beyond the journal"),
    })
}

/// What ends a wait for news.
enum Wake {
    News(BoardNews),
    Quiet,
    Leave,
}

async fn wait(leaving: &mut Leaving, reader: &mut BoardReader, quiet_since: Instant) -> Wake {
    tokio::select! {
        biased;
        () = leaving.wait() => Wake::Leave,
        news = reader.news() => Wake::News(news),
        () = tokio::time::sleep_until(quiet_since + PING_INTERVAL) => Wake::Quiet,
    }
}

fn sse_stream(
    state: AppState,
    viewer: Viewer,
    mut reader: BoardReader,
    begin: Begin,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Chunk> + Send {
    stream! {
        // The place among the open streams is given back when the body is dropped.
        let _permit = permit;
        let retry = rand::rng().random_range(RETRY_MS);
        yield Ok(Bytes::from(format!("retry: {retry}\n: stagewatch\n\n")));
        for chunk in opening(&state, &reader, begin) {
            yield Ok(chunk);
        }
        let mut quiet_since = Instant::now();
        let mut leaving = Leaving::new(state.shutdown.clone());
        loop {
            match reader.take() {
                Taken::Frames(frames) if frames.is_empty() => {}
                Taken::Frames(frames) => {
                    yield Ok(joined(&frames));
                    quiet_since = Instant::now();
                }
                Taken::OtherJournal => {
                    reader.go_to_end();
                    let begin = Begin::Reset("the journal was restored to another state");
                    for chunk in opening(&state, &reader, begin) {
                        yield Ok(chunk);
                    }
                    quiet_since = Instant::now();
                    continue;
                }
                Taken::Missed => {
                    // It was slower than the log: the journal has what it missed.
                    let horizon = reader.horizon().clone();
                    let Ok(begin) = missed(&state, &viewer, &mut reader, &horizon).await else {
                        // It comes back with its id.
                        break;
                    };
                    for chunk in opening(&state, &reader, begin) {
                        yield Ok(chunk);
                    }
                    quiet_since = Instant::now();
                    continue;
                }
            }
            match wait(&mut leaving, &mut reader, quiet_since).await {
                Wake::Leave => break,
                Wake::News(BoardNews::Frames) => continue,
                // While it lasts it is said again instead of a ping, which would say that all is well.
                Wake::News(BoardNews::Degraded) | Wake::Quiet => {
                    let outage = reader.outage().map(|outage| outage.to_string());
                    yield Ok(match outage {
                        Some(reason) => sse("degraded", None, &api::Degraded { reason }),
                        None => ping(&state, &reader),
                    });
                }
            }
            quiet_since = Instant::now();
        }
    }
}

/// What a reader is told first, and what it is told when it was too slow: what it missed, or that it must
/// read the list anew, then where to go on from.
fn opening(state: &AppState, reader: &BoardReader, begin: Begin) -> Vec<Bytes> {
    let before = match begin {
        Begin::Now => None,
        Begin::After(frames) => Some(joined(&frames)).filter(|frames| !frames.is_empty()),
        Begin::Reset(reason) => Some(sse("reset", None, &api::Reset { reason: reason.to_owned() })),
    };
    before.into_iter().chain([ping(state, reader)]).collect()
}

/// Unlike on a request's own stream it has an id, so that a reader of a quiet board comes back to little.
fn ping(state: &AppState, reader: &BoardReader) -> Bytes {
    let id = state.epoch.board_id(reader.horizon());
    sse("ping", Some(&id), &api::BoardPing { server_time: state.query.clock().into() })
}

/// The frames as one chunk; a single one without a copy.
fn joined(frames: &[Bytes]) -> Bytes {
    match frames {
        [only] => only.clone(),
        many => many.iter().flat_map(|frame| frame.iter().copied()).collect(),
    }
}
