//! People: each asks for one VM after the other, watched by some readers, and now and then wants it no
//! more or asks for it again.

use std::sync::Arc;
use std::time::Duration;

use app::api::{Progress, Request, Status};
use rand::RngExt;
use rand::rngs::StdRng;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use super::reader::{self, Log};
use super::{Soak, count};
use crate::support::client::{events, wish};
use crate::support::server::TEMPLATE;

/// How long a request may take to its end, with all that goes wrong.
const LIFE_MAX: Duration = Duration::from_secs(180);
/// How long a server may take to answer: longer than the 3 s in which each should.
const ANSWER_MAX: Duration = Duration::from_secs(4);
const READERS: u64 = 3;

/// What became of one request, and what its readers saw.
pub(super) struct Life {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) status: Status,
    pub(super) logs: Vec<Log>,
}

/// Asks for one VM after the other until it is enough, and returns what became of them.
pub(super) async fn person(soak: Arc<Soak>, person: u32) -> Vec<Life> {
    let mut rng = soak.rng(u64::from(person) << 32);
    let mut lives = Vec::new();
    while soak.pause(rng.random_range(0..500)).await {
        let name = format!("vm-{person}-{}", lives.len());
        lives.push(live(&soak, &mut rng, name).await);
    }
    lives
}

async fn live(soak: &Arc<Soak>, rng: &mut StdRng, name: String) -> Life {
    let id = ask(soak, rng, &name).await;
    count(&soak.counts.requests);
    let (finished, is_finished) = watch::channel(false);
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let seed = rng.random();
        readers.spawn(reader::read(Arc::clone(soak), id, seed, is_finished.clone()));
        count(&soak.counts.readers);
    }
    if rng.random_bool(0.3) {
        soak.pause(rng.random_range(0..4_000)).await;
        want(soak, rng, id, "cancel").await;
    }
    let mut status = ended(soak, rng, id).await;
    if status == Status::Cancelled && rng.random_bool(0.5) {
        want(soak, rng, id, "retry").await;
        status = ended(soak, rng, id).await;
    }
    match status {
        Status::Ready => count(&soak.counts.ready),
        Status::Cancelled => count(&soak.counts.cancelled),
        Status::Queued
        | Status::Provisioning
        | Status::Undoing
        | Status::Failed
        | Status::NeedsAttention => panic!("{id} ends {status:?}"),
    }
    finished.send_replace(true);
    let logs = readers.join_all().await;
    Life { id, name, status, logs }
}

/// Asks again and again with the same key until somebody says that it is accepted.
async fn ask(soak: &Soak, rng: &mut StdRng, name: &str) -> Uuid {
    let key = format!("soak-{name}");
    let body = wish(name, TEMPLATE).to_string();
    let answer = insist(soak, rng, Method::POST, "/api/requests", &key, &body).await;
    let request: Request = serde_json::from_value(answer.1).expect("a request");
    assert!(matches!(answer.0, StatusCode::OK | StatusCode::CREATED), "{}", answer.0);
    request.id
}

/// Cancels or retries; too late is a good answer too.
async fn want(soak: &Soak, rng: &mut StdRng, id: Uuid, what: &str) {
    let path = format!("/api/requests/{id}/{what}");
    let (status, answer) = insist(soak, rng, Method::POST, &path, "", "").await;
    assert!(matches!(status, StatusCode::ACCEPTED | StatusCode::CONFLICT), "{status}: {answer}");
}

/// Asks any server until one gives an answer that is not "later".
async fn insist(
    soak: &Soak,
    rng: &mut StdRng,
    method: Method,
    path: &str,
    key: &str,
    body: &str,
) -> (StatusCode, Value) {
    let give_up = Instant::now() + LIFE_MAX;
    loop {
        assert!(Instant::now() < give_up, "nobody answers {method} {path}");
        if let Some(address) = soak.servers.any(rng) {
            let url = format!("http://{address}{path}");
            let asked = soak.servers.client.request(method.clone(), url).timeout(ANSWER_MAX);
            let asked = if key.is_empty() { asked } else { asked.header("idempotency-key", key) };
            let asked = if body.is_empty() {
                asked
            } else {
                asked.header("content-type", "application/json")
            };
            if let Ok(answer) = asked.body(body.to_owned()).send().await {
                let status = answer.status();
                if let Ok(answer) = answer.text().await
                    && status != StatusCode::SERVICE_UNAVAILABLE
                {
                    return (status, serde_json::from_str(&answer).expect("JSON"));
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(rng.random_range(20..200))).await;
    }
}

/// Waits for the end of an attempt.
async fn ended(soak: &Soak, rng: &mut StdRng, id: Uuid) -> Status {
    let give_up = Instant::now() + LIFE_MAX;
    let path = events(id).replace("/events", "");
    loop {
        let (status, answer) = insist(soak, rng, Method::GET, &path, "", "").await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let progress: Progress = serde_json::from_value(answer).expect("progress");
        if progress.status.has_ended() {
            return progress.status;
        }
        assert!(Instant::now() < give_up, "{id} does not end: {progress:#?}");
        tokio::time::sleep(Duration::from_millis(rng.random_range(50..300))).await;
    }
}
