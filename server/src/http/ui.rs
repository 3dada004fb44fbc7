//! The pages: rendered by the Leptos app, with data from the application.

use std::sync::Arc;

use app::api;
use app::backend::{
    Backend, BoardPage, Draft, Insights, ListQuery, NewRequestForm, PageError, ReplayDetail,
    RequestDetail, Site,
};
use async_trait::async_trait;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use leptos::config::LeptosOptions;
use leptos::prelude::provide_context;
use leptos_axum::{LeptosRoutes, generate_route_list};
use uuid::Uuid;

use super::error::ApiError;
use super::guard::Asking;
use super::requests::request_id;
use super::{AppState, convert, in_time};
use crate::application::requests::ChangeError;
use crate::domain::ids::{Owner, RequestId, Viewer};
use crate::domain::ports::progress::RequestFilter;
use crate::domain::spec::MEMORY_STEP_MIB;

mod board;
mod finished;
mod foresee;
mod form;
mod report;

use form::{KEY_REUSED, check, draft_of, form_address};

pub use finished::MachineLinks;

/// How many requests the list shows at once.
const LIST_ROWS: u32 = 50;

/// The events of a request that its history and its report list: seven attempts have about 200.
const JOURNAL_EVENTS_MAX: u32 = 2_000;

/// The newest events of a request that its replay shows: each comes with the whole progress, some 3 KiB.
const REPLAY_EVENTS_MAX: usize = 200;

/// The routes of all pages, and of the form.
pub fn routes(state: &AppState, options: &LeptosOptions) -> Router<AppState> {
    let routes = generate_route_list(app::App);
    let backend = state.clone();
    let context = move || {
        let page = PageBackend { state: backend.clone(), viewer: Viewer(Owner::local()) };
        provide_context::<Arc<dyn Backend>>(Arc::new(page));
    };
    let (shell_options, error_options) = (options.clone(), options.clone());
    let not_found = leptos_axum::render_app_async_with_context(context.clone(), move || {
        app::shell(error_options.clone())
    });
    Router::new()
        .route("/requests", get(async || Redirect::temporary("/")).post(form::submit))
        .route("/ui/board", get(board::rows))
        .route("/ui/board/rows", get(board::those))
        .route("/ui/name", get(foresee::name))
        .route("/ui/requests/{id}/finished", get(finished::finished))
        .route("/requests/{id}/report", get(report::report))
        .route("/requests/{id}/cancel", post(cancel))
        .route("/requests/{id}/retry", post(retry))
        .leptos_routes_with_context(state, routes, context, move || {
            app::shell(shell_options.clone())
        })
        .fallback(move |request: Request| not_found(request))
}

/// What the pages of one HTTP request ask.
struct PageBackend {
    state: AppState,
    viewer: Viewer,
}

#[async_trait]
impl Backend for PageBackend {
    fn site(&self) -> Site {
        self.state.site()
    }

    async fn requests(&self, query: ListQuery) -> Result<BoardPage, PageError> {
        self.state.ready_or_503()?;
        let after = query.after.as_deref().map(request_id).transpose();
        let after = after.map_err(|_| PageError {
            status: 422,
            detail: "This page of the list does not exist.".to_owned(),
        })?;
        let filter = RequestFilter {
            status: query.status.map(api::Status::as_str),
            template: query.template,
            owner: query.owner,
            name_contains: query.q,
            after,
            limit: LIST_ROWS,
        };
        Ok(in_time(board::board_page(&self.state, &self.viewer, filter)).await??)
    }

    async fn request(&self, id: &str) -> Result<RequestDetail, PageError> {
        self.state.ready_or_503()?;
        let progress = in_time(self.state.query.progress(&self.viewer, request_id(id)?));
        let progress = progress.await?.map_err(ApiError::from)?;
        let progress = progress.ok_or_else(ApiError::no_such_request)?;
        Ok(RequestDetail {
            request: convert::request_of(&progress.timeline),
            finished: in_time(finished::of_timeline(&self.state, &progress.timeline)).await??,
            last_event_id: self.state.epoch.id(progress.timeline.seq),
            progress: convert::progress_now(&progress),
            degraded: self.state.query.journal_outage().map(|outage| outage.to_string()),
        })
    }

    async fn replay(&self, id: &str) -> Result<ReplayDetail, PageError> {
        self.state.ready_or_503()?;
        let events = in_time(self.state.query.replay(&self.viewer, request_id(id)?));
        let events = events.await?.map_err(ApiError::from)?;
        let events = events.filter(|events| !events.is_empty());
        let events = events.ok_or_else(ApiError::no_such_request)?;
        let skipped = events.len().saturating_sub(REPLAY_EVENTS_MAX);
        let request = events.last().map(|(timeline, _)| convert::request_of(timeline));
        Ok(ReplayDetail {
            request: request.ok_or_else(ApiError::no_such_request)?,
            events: events
                .iter()
                .skip(skipped)
                .map(|(timeline, event)| convert::stage_event(timeline, event))
                .collect(),
            server_time: self.state.query.clock().into(),
        })
    }

    async fn history(&self, id: &str) -> Result<Vec<api::HistoryItem>, PageError> {
        self.state.ready_or_503()?;
        let id = request_id(id)?;
        let events = in_time(self.state.query.history(&self.viewer, id, 0, JOURNAL_EVENTS_MAX));
        let events = events.await?.map_err(ApiError::from)?;
        let events = events.ok_or_else(ApiError::no_such_request)?;
        Ok(events.into_iter().map(convert::history_item).collect())
    }

    async fn insights(&self) -> Result<Insights, PageError> {
        self.state.ready_or_503()?;
        let overview = in_time(self.state.insights.overview(&self.viewer));
        let overview = overview.await?.map_err(ApiError::from)?;
        Ok(convert::insights(overview))
    }

    async fn new_request(&self, mut draft: Draft) -> NewRequestForm {
        let templates = self.state.templates().await;
        let (templates, templates_problem) = match templates {
            Ok(templates) => (templates, None),
            Err(error) => (Arc::default(), Some(error.detail().to_owned())),
        };
        let foresight = foresee::foresight(&self.state, &templates).await;
        let templates = templates.iter().map(convert::template).collect::<Vec<_>>();
        let (mut errors, mut problem) = (Vec::new(), None);
        if draft.tried
            && let Err(error) = check(&self.state, &draft).await
        {
            errors = error.errors().to_vec();
            problem = errors.is_empty().then(|| error.detail().to_owned());
        }
        // What was typed is well, and was not taken all the same.
        if draft.tried && errors.is_empty() && problem.is_none() {
            let outage = self.state.query.journal_outage().map(ApiError::database_cannot);
            let outage = outage.map(|error| error.detail().to_owned());
            problem = outage.or_else(|| draft.key.is_empty().then(|| KEY_REUSED.to_owned()));
        }
        if draft.key.is_empty() {
            draft.key = Uuid::now_v7().to_string();
        }
        let site = self.state.site();
        NewRequestForm { draft, errors, problem, templates, templates_problem, foresight, site }
    }
}

impl From<ApiError> for PageError {
    fn from(error: ApiError) -> Self {
        Self { status: error.status().as_u16(), detail: error.detail().to_owned() }
    }
}

impl AppState {
    fn site(&self) -> Site {
        let limits = self.requests.limits();
        Site {
            vcenter: self.vcenter_name.to_string(),
            simulated: self.simulated,
            cpus: (*limits.cpus.start(), *limits.cpus.end()),
            memory_mib: (*limits.memory_mib.start(), *limits.memory_mib.end()),
            memory_step_mib: MEMORY_STEP_MIB,
        }
    }

    fn ready_or_503(&self) -> Result<(), ApiError> {
        if self.is_ready() { Ok(()) } else { Err(ApiError::database_away()) }
    }
}

/// `POST /requests/{id}/cancel`: a button of the request's page. Answers 303 to that page.
async fn cancel(
    State(state): State<AppState>,
    Asking(viewer): Asking,
    Path(id): Path<String>,
) -> Response {
    match request_id(&id) {
        Ok(id) => back_to_page(id, in_time(state.requests.cancel(&viewer, id)).await),
        Err(error) => plain(&error),
    }
}

/// `POST /requests/{id}/retry`: likewise.
async fn retry(
    State(state): State<AppState>,
    Asking(viewer): Asking,
    Path(id): Path<String>,
) -> Response {
    let id = match request_id(&id) {
        Ok(id) => id,
        Err(error) => return plain(&error),
    };
    match in_time(state.requests.retry(&viewer, id)).await {
        // The form says so, and has room for another name.
        Ok(Err(ChangeError::NameTaken(_))) => match in_time(state.query.request(&viewer, id)).await
        {
            Ok(Ok(Some(row))) => Redirect::to(&form_address(&draft_of(&row))).into_response(),
            Ok(Ok(None)) => plain(&ApiError::no_such_request()),
            Ok(Err(error)) => told_by_page(id, &error.into()),
            Err(error) => told_by_page(id, &error),
        },
        retried => back_to_page(id, retried),
    }
}

/// What is not possible any more shows on the page: it has ended meanwhile, or goes on already.
fn back_to_page(id: RequestId, changed: Result<Result<(), ChangeError>, ApiError>) -> Response {
    match changed {
        Ok(Ok(()) | Err(ChangeError::NotPossible(_))) => {
            Redirect::to(&convert::links(id).page).into_response()
        }
        Ok(Err(error)) => told_by_page(id, &error.into()),
        Err(error) => told_by_page(id, &error),
    }
}

/// An outage is told by the page itself, in the reader's language and with a way on. Anything else is
/// not from one of our buttons.
fn told_by_page(id: RequestId, error: &ApiError) -> Response {
    if error.status().is_server_error() {
        Redirect::to(&convert::links(id).page).into_response()
    } else {
        plain(error)
    }
}

fn plain(error: &ApiError) -> Response {
    (error.status(), format!("{}\n", error.detail())).into_response()
}
