//! Whether this server lives, and whether it can do its work.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use super::AppState;

/// How long PostgreSQL may take to answer before this server counts as not ready.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// The body of both answers.
#[derive(Debug, Serialize)]
pub struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<&'static str>,
}

/// `GET /healthz`: the process answers.
pub async fn live() -> Json<Health> {
    Json(Health { status: "ok", database: None })
}

/// `GET /readyz`: the schema is there and PostgreSQL answers.
pub async fn ready(State(state): State<AppState>) -> (StatusCode, Json<Health>) {
    let answers = tokio::time::timeout(PING_TIMEOUT, state.query.ping());
    let ready = state.is_ready() && matches!(answers.await, Ok(Ok(())));
    let (status, health) = if ready {
        (StatusCode::OK, Health { status: "ready", database: Some("ok") })
    } else {
        let health = Health { status: "not ready", database: Some("not answering") };
        (StatusCode::SERVICE_UNAVAILABLE, health)
    };
    (status, Json(health))
}
