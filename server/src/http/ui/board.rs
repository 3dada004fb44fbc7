//! The board's rows, for the page that is rendered and for the one that goes on.

use app::api;
use app::backend::{ASKED_ROWS_MAX, BoardPage, ListedRequest, Tally};
use axum::Json;
use axum::extract::{RawQuery, State};

use crate::application::progress_query::ProgressNow;
use crate::domain::ids::{RequestId, Viewer};
use crate::domain::ports::progress::{RequestFilter, RequestRow};
use crate::http::error::ApiError;
use crate::http::guard::Asking;
use crate::http::query::Params;
use crate::http::requests::{known_status, page};
use crate::http::{AppState, convert, in_time};

/// `GET /ui/board`: what the page of the list asks for while it is open: more rows, all of them again.
///
/// The page's own, and no promise to anybody else. Takes what `GET /api/requests` takes.
pub(super) async fn rows(
    State(state): State<AppState>,
    Asking(viewer): Asking,
    RawQuery(query): RawQuery,
) -> Result<Json<BoardPage>, ApiError> {
    state.ready_or_503()?;
    let known = ["status", "template", "owner", "q", "limit", "after"];
    let mut params = Params::parse(query.as_deref(), &known);
    let filter = RequestFilter {
        status: params.word("status", known_status),
        template: params.text("template"),
        owner: params.text("owner"),
        name_contains: params.text("q"),
        after: params.word("after", |after| after.parse().ok().map(RequestId)),
        limit: params.limit(),
    };
    params.finish()?;
    Ok(Json(in_time(board_page(&state, &viewer, filter)).await??))
}

/// `GET /ui/board/rows?ids=`: what is true now of rows that are shown, for what no event says: the queue
/// that moves, and all the rest where a stream cannot be had.
pub(super) async fn those(
    State(state): State<AppState>,
    Asking(viewer): Asking,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<ListedRequest>>, ApiError> {
    state.ready_or_503()?;
    let mut params = Params::parse(query.as_deref(), &["ids"]);
    let ids = params.word("ids", known_ids).unwrap_or_default();
    params.finish()?;
    let listed = async {
        let rows = state.query.those(&viewer, &ids).await?;
        listed(&state, &viewer, &rows).await
    };
    Ok(Json(in_time(listed).await??))
}

/// Ids with commas between, not too many.
fn known_ids(ids: &str) -> Option<Vec<RequestId>> {
    let ids: Option<Vec<_>> =
        ids.split(',').take(ASKED_ROWS_MAX + 1).map(|id| id.parse().ok().map(RequestId)).collect();
    ids.filter(|ids| ids.len() <= ASKED_ROWS_MAX)
}

/// A page of the board. Its place in the stream is taken before its rows are read, so nothing falls in
/// between.
pub(super) async fn board_page(
    state: &AppState,
    viewer: &Viewer,
    filter: RequestFilter,
) -> Result<BoardPage, ApiError> {
    let horizon = state.query.horizon().await;
    let tally = Some(tally(state, viewer, &filter).await?);
    let (rows, next) = page(state, viewer, filter).await?;
    let rows = listed(state, viewer, &rows).await?;
    let last_event_id = state.epoch.board_id(&horizon);
    let server_time = state.query.clock().into();
    let degraded = state.query.journal_outage().map(|outage| outage.to_string());
    Ok(BoardPage { rows, next, last_event_id, server_time, tally, degraded })
}

async fn listed(
    state: &AppState,
    viewer: &Viewer,
    rows: &[RequestRow],
) -> Result<Vec<ListedRequest>, ApiError> {
    let progress = state.query.progress_of(viewer, rows).await?;
    let listed = rows.iter().filter_map(|row| {
        let progress = progress.iter().find(|now| now.timeline.request == row.id)?;
        Some(ListedRequest { request: convert::request(row), progress: row_progress(progress) })
    });
    Ok(listed.collect())
}

/// What a row shows of a progress: how it came there is on the request's own page.
fn row_progress(progress: &ProgressNow) -> api::Progress {
    api::Progress {
        attempts: Vec::new(),
        tries: Vec::new(),
        undo: Vec::new(),
        details: None,
        message: None,
        ..convert::progress_now(progress)
    }
}

async fn tally(
    state: &AppState,
    viewer: &Viewer,
    filter: &RequestFilter,
) -> Result<Tally, ApiError> {
    let groups = state.query.tally(viewer, filter).await?;
    let mut tally = Tally::default();
    for status in api::Status::ALL {
        let of_status = groups.iter().filter(|group| convert::status(group.status) == status);
        let of_template = of_status
            .filter(|group| filter.template.as_ref().is_none_or(|only| *only == group.template));
        let count: u32 = of_template.map(|group| group.count).sum();
        if count > 0 {
            tally.statuses.push((status, count));
        }
    }
    tally.templates = groups.iter().map(|group| group.template.clone()).collect();
    tally.templates.dedup();
    tally.owners = groups.into_iter().map(|group| group.owner.0).collect();
    tally.owners.sort_unstable();
    tally.owners.dedup();
    Ok(tally)
}
