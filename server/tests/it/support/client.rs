//! A client of the API.

use app::api::{HistoryItem, Items, Problem, Progress, Request};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use super::sse::{Frame, numbered};
use super::{EventStream, LOOK_AGAIN, eventually, in_time};

/// Talks to one server.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    base: String,
    client: Client,
}

/// An answer that was read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("plain text"))
    }

    pub(crate) fn json(&self) -> Value {
        self.read()
    }

    pub(crate) fn read<T: DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The body as a problem document, whose form is checked.
    pub(crate) fn problem(&self) -> Problem {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem: Problem = self.read();
        assert_eq!(problem.status, self.status, "{self:?}");
        assert_eq!(problem.request_id, self.header("x-request-id"), "{self:?}");
        assert!(Uuid::parse_str(&problem.request_id).is_ok(), "{self:?}");
        assert!(problem.kind.starts_with("urn:stagewatch:problem:"), "{self:?}");
        assert!(!problem.title.is_empty() && !problem.detail.is_empty(), "{self:?}");
        problem
    }

    /// The fields that a problem document names.
    pub(crate) fn wrong_fields(&self) -> Vec<String> {
        self.problem().errors.into_iter().map(|error| error.field).collect()
    }
}

impl Api {
    /// A client of the server at this address.
    pub(crate) fn new(address: std::net::SocketAddr) -> Self {
        // A second time it is there already.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = Client::builder().no_proxy().build().expect("a client");
        Self { base: format!("http://{address}"), client }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// One request with everything said.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Reply {
        let sent = self.client.request(method, self.url(path)).headers(header_map(headers));
        in_time(path, async {
            let response = sent.body(body).send().await.expect("an answer");
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = response.bytes().await.expect("the whole body");
            let body = String::from_utf8(body.to_vec()).expect("text");
            Reply { status, headers, body }
        })
        .await
    }

    /// Asks again while the answer is 503, as everybody should: on a busy machine PostgreSQL may be too
    /// late for what the server promises.
    async fn patiently(&self, ask: impl AsyncFn() -> Reply) -> Reply {
        eventually("another answer than 503", async || {
            Some(ask().await).filter(|reply| reply.status != 503)
        })
        .await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], "").await
    }

    /// The body of an answer that must be 200.
    pub(crate) async fn read<T: DeserializeOwned>(&self, path: &str) -> T {
        let reply = self.patiently(async || self.get(path).await).await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        reply.read()
    }

    pub(crate) async fn post(&self, body: &Value) -> Reply {
        self.post_with(&[], body).await
    }

    /// `POST /api/requests` with more headers.
    pub(crate) async fn post_with(&self, headers: &[(&'static str, &str)], body: &Value) -> Reply {
        let headers = [&[("content-type", "application/json")], headers].concat();
        self.send(Method::POST, "/api/requests", &headers, body.to_string()).await
    }

    /// Asks for a VM, which must be accepted.
    pub(crate) async fn ask(&self, name: &str, template: &str) -> Request {
        // With a key, so that asking again is asking once.
        let (key, wish) = (Uuid::now_v7().to_string(), wish(name, template));
        let key = [("idempotency-key", key.as_str())];
        let reply = self.patiently(async || self.post_with(&key, &wish).await).await;
        assert!(matches!(reply.status, 200 | 201), "{reply:?}");
        reply.read()
    }

    /// `POST /api/requests/{id}/cancel`
    pub(crate) async fn cancel(&self, id: Uuid) -> Reply {
        let path = format!("/api/requests/{id}/cancel");
        self.patiently(async || self.send(Method::POST, &path, &[], "").await).await
    }

    /// `POST /api/requests/{id}/retry`
    pub(crate) async fn retry(&self, id: Uuid) -> Reply {
        self.send(Method::POST, &format!("/api/requests/{id}/retry"), &[], "").await
    }

    pub(crate) async fn request(&self, id: Uuid) -> Request {
        self.read(&format!("/api/requests/{id}")).await
    }

    pub(crate) async fn progress(&self, id: Uuid) -> Progress {
        self.read(&format!("/api/requests/{id}/provisioning-progress")).await
    }

    /// The whole journal of a request.
    pub(crate) async fn history(&self, id: Uuid) -> Vec<HistoryItem> {
        let page: Items<HistoryItem> =
            self.read(&format!("/api/requests/{id}/history?limit=200")).await;
        assert_eq!(page.next, None, "no test has more than 200 events");
        page.items
    }

    /// The names of a request's events.
    pub(crate) async fn event_names(&self, id: Uuid) -> Vec<String> {
        self.history(id).await.into_iter().map(|item| item.kind).collect()
    }

    /// Opens the stream of a request.
    pub(crate) async fn stream(&self, id: Uuid) -> EventStream {
        self.patient_stream(id, &[]).await
    }

    /// Comes back to the stream of a request with the id seen last.
    pub(crate) async fn stream_after(&self, id: Uuid, last_event_id: &str) -> EventStream {
        self.patient_stream(id, &[("last-event-id", last_event_id)]).await
    }

    async fn patient_stream(&self, id: Uuid, headers: &[(&'static str, &str)]) -> EventStream {
        in_time("another answer than 503", async {
            loop {
                let stream = self.stream_at(&events(id), headers).await;
                if stream.status != 503 {
                    return stream;
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        })
        .await
    }

    pub(crate) async fn stream_at(
        &self,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> EventStream {
        let sent = self.client.get(self.url(path)).headers(header_map(headers)).send();
        EventStream::new(in_time(path, sent).await.expect("an answer"))
    }

    /// What stands before the number in the ids of this server.
    pub(crate) async fn epoch(&self, id: Uuid) -> String {
        let snapshot = self.stream(id).await.until_event("snapshot").await;
        let (epoch, _) = snapshot.id.as_ref().and_then(|id| id.rsplit_once('.')).expect("an id");
        epoch.to_owned()
    }

    /// All events of a request's journal as frames, from the first one to the last. Waits for the
    /// request's end.
    pub(crate) async fn all_events(&self, id: Uuid) -> Vec<Frame> {
        let begin = format!("{}.0", self.epoch(id).await);
        numbered(&self.stream_after(id, &begin).await.rest().await)
    }

    /// Waits until a request has ended, and returns its progress.
    pub(crate) async fn ended(&self, id: Uuid) -> Progress {
        self.stream(id).await.rest().await;
        let progress = self.progress(id).await;
        assert!(progress.status.has_ended(), "{progress:?}");
        progress
    }
}

/// The path of a request's stream.
pub(crate) fn events(id: Uuid) -> String {
    format!("/api/requests/{id}/provisioning-progress/events")
}

/// The body that asks for an ordinary VM.
pub(crate) fn wish(name: &str, template: &str) -> Value {
    json!({ "name": name, "template": template, "cpus": 2, "memoryMib": 4096 })
}

fn header_map(headers: &[(&'static str, &str)]) -> HeaderMap {
    let header = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header's value"))
    };
    headers.iter().map(header).collect()
}
