//! What can be said before a VM is asked for: how long it usually takes, how many wait, whether the name is
//! free. Never more than help: the form works without it, and nothing here is waited for by it.

use std::time::{Duration, Instant};

use app::backend::{Foresight, NameCheck};
use axum::Json;
use axum::extract::{RawQuery, State};

use crate::application::progress_query::ProgressQuery;
use crate::domain::ports::event_store::StoreError;
use crate::domain::ports::vsphere::VmTemplate;
use crate::http::error::ApiError;
use crate::http::guard::Asking;
use crate::http::query::Params;
use crate::http::{AppState, convert, in_time};

/// How many templates are foreseen: what a person looks at. The rest has no words beside it.
const TEMPLATES_MAX: usize = 50;

/// How long the form waits for what is only help.
const FORESIGHT_MAX: Duration = Duration::from_millis(500);

/// `GET /ui/name?name=`: whether a name is free, while it is typed.
///
/// The page's own, and no promise to anybody else. The request itself is checked again.
pub(super) async fn name(
    State(state): State<AppState>,
    Asking(_): Asking,
    RawQuery(query): RawQuery,
) -> Result<Json<NameCheck>, ApiError> {
    state.ready_or_503()?;
    let params = Params::parse(query.as_deref(), &["name"]);
    let name = params.text("name").unwrap_or_default();
    params.finish()?;
    let taken = in_time(state.requests.name_taken(&name)).await??;
    Ok(Json(NameCheck { taken: taken.map(str::to_owned) }))
}

/// How long each template usually takes, and how many requests wait; what is not known in time is left out.
pub(super) async fn foresight(state: &AppState, templates: &[VmTemplate]) -> Foresight {
    let mut foresight = Foresight::default();
    if state.is_ready() {
        // What is known when the time is up stays.
        let looked = look(&state.query, templates, &mut foresight);
        tokio::time::timeout(FORESIGHT_MAX, looked).await.ok();
    }
    foresight
}

async fn look(
    query: &ProgressQuery,
    templates: &[VmTemplate],
    foresight: &mut Foresight,
) -> Result<(), StoreError> {
    foresight.ahead = query.waiting().await?;
    let begun = Instant::now();
    for template in templates.iter().take(TEMPLATES_MAX) {
        let estimate = query.foresee(template).await?.estimate;
        foresight.usual.push((template.name.clone(), estimate.as_ref().map(convert::estimate)));
        if begun.elapsed() > FORESIGHT_MAX {
            break;
        }
    }
    Ok(())
}
