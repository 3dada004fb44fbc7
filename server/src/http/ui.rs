//! The pages: rendered by the Leptos app, with data from the application.

use std::sync::Arc;

use app::api::{self, FieldError};
use app::backend::{
    Backend, BoardPage, Draft, Insights, ListQuery, NewRequestForm, PageError, ReplayDetail,
    RequestDetail, Site,
};
use async_trait::async_trait;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use leptos::config::LeptosOptions;
use leptos::prelude::provide_context;
use leptos_axum::{LeptosRoutes, generate_route_list};
use url::form_urlencoded;
use uuid::Uuid;

use super::error::ApiError;
use super::guard::Asking;
use super::query::LIMIT_MAX;
use super::requests::request_id;
use super::{AppState, body, convert, in_time};
use crate::application::requests::{Accepted, ChangeError, RequestError};
use crate::domain::ids::{Owner, RequestId, Viewer};
use crate::domain::ports::progress::{RequestFilter, RequestRow};
use crate::domain::spec::{MEMORY_STEP_MIB, RawNetwork, RawSpec};

mod board;
mod finished;
mod foresee;
mod report;

pub use finished::MachineLinks;

/// How many requests the list shows at once.
const LIST_ROWS: u32 = 50;

/// The newest events of a request that its replay shows: each comes with the whole progress, some 3 KiB.
const REPLAY_EVENTS_MAX: usize = 200;

/// The longest field of the form that is typed back, in characters: it goes into an address, and no
/// valid value is longer.
const FIELD_CHARS_MAX: usize = 200;

/// The longest key of a form: ours is a UUID. A longer one is nobody's, and counts as none.
const FORM_KEY_CHARS_MAX: usize = 64;

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
        .route("/requests", get(async || Redirect::temporary("/")).post(submit))
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
        })
    }

    async fn history(&self, id: &str) -> Result<Vec<api::HistoryItem>, PageError> {
        self.state.ready_or_503()?;
        let id = request_id(id)?;
        // A provisioning has tens of events; a page of them is all of them.
        let events = in_time(self.state.query.history(&self.viewer, id, 0, LIMIT_MAX));
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
            problem = outage.map(|error| error.detail().to_owned());
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

/// What was typed, as a wish; numbers that are none are wrong fields.
fn read_draft(draft: &Draft) -> (RawSpec, Vec<FieldError>) {
    let mut errors = Vec::new();
    let mut number = |field: &str, text: &str| {
        text.trim().parse().unwrap_or_else(|_| {
            let message = "must be a whole number".to_owned();
            errors.push(FieldError { field: field.to_owned(), message });
            0
        })
    };
    let (cpus, memory_mib) = (number("cpus", &draft.cpus), number("memoryMib", &draft.memory_mib));
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let network = RawNetwork {
        name: given(&draft.network_name),
        ip_address: given(&draft.ip_address),
        gateway: given(&draft.gateway),
    };
    let any = network.name.is_some() || network.ip_address.is_some() || network.gateway.is_some();
    let raw = RawSpec {
        name: draft.name.trim().to_owned(),
        template: draft.template.clone(),
        cpus,
        memory_mib,
        network: any.then_some(network),
    };
    (raw, errors)
}

/// Everything that is wrong with a draft, whether it could be read or not.
async fn check(state: &AppState, draft: &Draft) -> Result<(), ApiError> {
    let (raw, mut errors) = read_draft(draft);
    let checked = in_time(state.requests.check(&raw)).await?;
    if errors.is_empty() {
        return checked.map_err(ApiError::from);
    }
    if let Err(error) = checked {
        let fresh = |wrong: &&FieldError| !errors.iter().any(|error| error.field == wrong.field);
        let more: Vec<_> = ApiError::from(error).errors().iter().filter(fresh).cloned().collect();
        errors.extend(more);
    }
    Err(ApiError::invalid(errors))
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

/// The form filled with what was asked for.
fn draft_of(row: &RequestRow) -> Draft {
    let request = convert::request(row);
    let network = request.network.unwrap_or_default();
    Draft {
        name: request.name,
        template: request.template,
        cpus: request.cpus.to_string(),
        memory_mib: request.memory_mib.to_string(),
        network_name: network.name.unwrap_or_default(),
        ip_address: network.ip_address.unwrap_or_default(),
        gateway: network.gateway.unwrap_or_default(),
        ..Draft::default()
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

/// `POST /requests`: the form. Always answers 303: to the request, or back to the form with what was
/// typed, which then says what is wrong, an outage too.
async fn submit(
    State(state): State<AppState>,
    Asking(viewer): Asking,
    request: Request,
) -> Result<Response, Response> {
    let draft = read_form(request).await.map_err(|error| plain(&error))?;
    let (raw, errors) = read_draft(&draft);
    let key = Some(draft.key.clone()).filter(|key| (1..=FORM_KEY_CHARS_MAX).contains(&key.len()));
    let accepted = if errors.is_empty() {
        in_time(state.requests.accept(&viewer, &raw, key)).await
    } else {
        Ok(Err(RequestError::Invalid(Vec::new())))
    };
    Ok(match accepted {
        Ok(Ok(Accepted::New(id) | Accepted::Existing(id))) => {
            Redirect::to(&convert::links(id).page).into_response()
        }
        Ok(Err(RequestError::KeyReused)) => {
            // The form was changed and sent again after it had made a VM: that is another wish.
            let fresh = Draft { key: String::new(), ..draft };
            Redirect::to(&form_address(&fresh)).into_response()
        }
        Ok(Err(_)) | Err(_) => Redirect::to(&form_address(&draft)).into_response(),
    })
}

async fn read_form(request: Request) -> Result<Draft, ApiError> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
        let (status, detail) = (StatusCode::UNSUPPORTED_MEDIA_TYPE, "this address takes a form");
        return Err(ApiError::new(status, "unsupported-media-type", "Not a form", detail));
    }
    let body = body::bytes(request.into_body()).await?;
    let mut draft = Draft::default();
    for (key, value) in form_urlencoded::parse(&body) {
        let value: String = value.chars().take(FIELD_CHARS_MAX).collect();
        match key.as_ref() {
            "name" => draft.name = value,
            "template" => draft.template = value,
            "cpus" => draft.cpus = value,
            "memoryMib" => draft.memory_mib = value,
            "networkName" => draft.network_name = value,
            "ipAddress" => draft.ip_address = value,
            "gateway" => draft.gateway = value,
            "key" => draft.key = value,
            _ => {}
        }
    }
    Ok(draft)
}

/// The form's address with what was typed, so that it comes back with its errors.
fn form_address(draft: &Draft) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (key, value) in [
        ("name", &draft.name),
        ("template", &draft.template),
        ("cpus", &draft.cpus),
        ("memoryMib", &draft.memory_mib),
        ("networkName", &draft.network_name),
        ("ipAddress", &draft.ip_address),
        ("gateway", &draft.gateway),
        ("key", &draft.key),
    ] {
        query.append_pair(key, value);
    }
    query.append_pair("tried", "true");
    format!("/requests/new?{}", query.finish())
}

fn plain(error: &ApiError) -> Response {
    (error.status(), format!("{}\n", error.detail())).into_response()
}
