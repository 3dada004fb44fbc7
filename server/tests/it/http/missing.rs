//! What is not there, and what is not one's own: the same answer, below every path.

use app::api::Problem;
use reqwest::Method;
use server::domain::estimate::Told;
use server::domain::event::{NewEvent, VmEvent};
use server::domain::ids::{Owner, RequestId};
use server::domain::ports::event_store::{EventStore as _, NewRequest};
use server::domain::spec::VmSpec;
use server::infrastructure::postgres::event_store::PgEventStore;
use uuid::Uuid;

use crate::support::server::TEMPLATE;
use crate::support::{Reply, World};

/// The paths of one request.
fn paths(id: &str) -> [String; 5] {
    [
        format!("/api/requests/{id}"),
        format!("/api/requests/{id}/provisioning-progress"),
        format!("/api/requests/{id}/provisioning-progress/events"),
        format!("/api/requests/{id}/provisioning-progress/events?format=text"),
        format!("/api/requests/{id}/history"),
    ]
}

/// Puts a request of somebody else into the journal.
pub(crate) async fn foreign_request(world: &World) -> Uuid {
    let spec = VmSpec {
        request_id: RequestId(Uuid::now_v7()),
        name: "theirs".to_owned(),
        template: TEMPLATE.to_owned(),
        cpus: 1,
        memory_mib: 1024,
        network: None,
    };
    let owner = Owner("somebody-else".to_owned());
    let event =
        VmEvent::VmRequested { spec: spec.clone(), owner: owner.clone(), slow_after_ms: 600_000 };
    let id = spec.request_id.0;
    let event = NewEvent { event, told: Told::default() };
    let new = NewRequest { spec, owner, vcenter: None, event, idempotency: None };
    PgEventStore::new(world.database.pool.clone()).create(new).await.expect("accepted");
    id
}

/// A problem without what differs from one HTTP request to the next.
fn anonymous(reply: &Reply) -> Problem {
    Problem { request_id: String::new(), ..reply.problem() }
}

#[tokio::test]
async fn what_belongs_to_somebody_else_is_not_there() {
    let world = World::new().await;
    let server = world.server().await;
    let (theirs, none) = (foreign_request(&world).await, Uuid::now_v7());
    for (theirs, none) in paths(&theirs.to_string()).iter().zip(paths(&none.to_string())) {
        let (theirs, none) = (server.get(theirs).await, server.get(&none).await);
        assert_eq!((theirs.status, none.status), (404, 404), "{theirs:?} {none:?}");
        assert_eq!(anonymous(&theirs), anonymous(&none));
        assert_eq!(theirs.headers.len(), none.headers.len(), "{theirs:?} {none:?}");
    }
    let listed = server.get("/api/requests").await.json();
    assert_eq!(listed["items"], serde_json::json!([]));
    let filtered = server.get("/api/requests?owner=somebody-else").await.json();
    assert_eq!(filtered["items"], serde_json::json!([]));
    let page = server.get(&format!("/requests/{theirs}")).await;
    assert_eq!(page.status, 404);
    // Its name is taken all the same: vCenter's folder is everybody's.
    assert_eq!(server.post(&crate::support::client::wish("theirs", TEMPLATE)).await.status, 409);
}

#[tokio::test]
async fn what_is_no_id_names_no_request() {
    let world = World::new().await;
    let server = world.server().await;
    let id = server.ask("a", TEMPLATE).await.id;
    assert_eq!(server.get(&paths(&id.to_string())[0]).await.status, 200);
    for wrong in [
        "x".to_owned(),
        "1".to_owned(),
        id.to_string().to_uppercase(),
        id.simple().to_string(),
        id.braced().to_string(),
        id.urn().to_string(),
        format!("{id}x"),
        format!("%20{id}"),
        "%00".to_owned(),
        "%2e%2e".to_owned(),
        "a".repeat(4_000),
    ] {
        for path in paths(&wrong) {
            let reply = server.get(&path).await;
            assert_eq!(reply.status, 404, "{path:.80}: {reply:?}");
            assert_eq!(reply.problem().kind, "urn:stagewatch:problem:not-found");
        }
    }
}

/// It is no text at all, so it names nothing; still it is told as everything is.
#[tokio::test]
async fn a_path_that_cannot_be_read_is_a_problem() {
    let world = World::new().await;
    let server = world.server().await;
    for path in paths("%ff") {
        let reply = server.get(&path).await;
        assert_eq!(reply.status, 400, "{path}: {reply:?}");
        reply.problem();
    }
}

#[tokio::test]
async fn what_is_no_route_is_a_problem_too() {
    let world = World::new().await;
    let server = world.server().await;
    let id = server.ask("a", TEMPLATE).await.id;
    for path in [
        "/api".to_owned(),
        "/api/".to_owned(),
        "/api/nothing".to_owned(),
        "/api/requests/".to_owned(),
        "/api//requests".to_owned(),
        format!("/api/requests/{id}/"),
        format!("/api/requests/{id}/nothing"),
        format!("/api/requests/{id}/provisioning-progress/events/"),
        "/api/templates/x".to_owned(),
        "/api/%ff".to_owned(),
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let reply = server.send(method.clone(), &path, &[], "").await;
            assert_eq!(reply.status, 404, "{method} {path}: {reply:?}");
            assert_eq!(reply.problem().kind, "urn:stagewatch:problem:not-found");
        }
    }
}

#[tokio::test]
async fn a_method_that_a_route_does_not_take_is_refused_with_those_that_it_does() {
    let world = World::new().await;
    let server = world.server().await;
    let id = server.ask("a", TEMPLATE).await.id.to_string();
    let mut routes: Vec<(String, &[&str])> =
        paths(&id).into_iter().map(|path| (path, &["GET", "HEAD"][..])).collect();
    routes.push(("/api/templates".to_owned(), &["GET", "HEAD"]));
    routes.push(("/api/requests".to_owned(), &["GET", "HEAD", "POST"]));
    for (path, taken) in routes {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
            if taken.contains(&method) {
                continue;
            }
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let reply = server.send(method.clone(), &path, &[], "{}").await;
            assert_eq!(reply.status, 405, "{method} {path}: {reply:?}");
            assert_eq!(reply.problem().kind, "urn:stagewatch:problem:method-not-allowed");
            let mut allow: Vec<&str> = reply.header("allow").split(',').map(str::trim).collect();
            allow.sort_unstable();
            assert_eq!(allow, taken, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn outside_the_api_what_is_not_there_is_a_page() {
    let world = World::new().await;
    let server = world.server().await;
    let wrong = server.send(Method::PUT, "/requests/new", &[], "").await;
    assert_eq!((wrong.status, wrong.body.trim()), (405, "this address does not take this method"));
    assert!(wrong.header("allow").contains("GET"), "{wrong:?}");
    for path in ["/healthz", "/readyz", "/metrics", "/favicon.ico"] {
        let wrong = server.send(Method::POST, path, &[], "").await;
        let told = (wrong.status, wrong.body.trim());
        assert_eq!(told, (405, "this address does not take this method"), "{path}");
    }
    let none = server.get("/pkg/none.js").await;
    assert_eq!((none.status, none.body.trim()), (404, "nothing is at this address"));
    for path in ["/nothing", "/requests/nothing", "/apiary", &format!("/requests/{}", Uuid::nil())]
    {
        let reply = server.get(path).await;
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.header("content-type").starts_with("text/html"), "{path}: {reply:?}");
        assert!(!reply.header("x-request-id").is_empty(), "{path}");
    }
}
