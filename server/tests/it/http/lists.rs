//! Lists: newest first, in pages, filtered; and what is wrong with a question.

use app::api::{HistoryItem, Items, Request, Status, Template};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::server::TEMPLATE;
use crate::support::{TestServer, World};

async fn names(server: &TestServer, query: &str) -> Vec<String> {
    let page: Items<Request> = server.read(&format!("/api/requests?{query}")).await;
    page.items.into_iter().map(|request| request.name).collect()
}

#[tokio::test]
async fn requests_come_newest_first_in_pages() {
    let world = World::new().await;
    let server = world.server().await;
    let mut expected = Vec::new();
    for number in 0..5 {
        server.ask(&format!("vm-{number}"), TEMPLATE).await;
        expected.insert(0, format!("vm-{number}"));
    }
    assert_eq!(names(&server, "").await, expected);
    for limit in [1, 2, 4, 5, 200] {
        let (mut walked, mut after, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page: Items<Request> =
                server.read(&format!("/api/requests?limit={limit}{after}")).await;
            assert!(page.items.len() <= limit, "{}", page.items.len());
            walked.extend(page.items.into_iter().map(|request| request.name));
            pages += 1;
            let Some(next) = page.next else { break };
            after = format!("&after={next}");
        }
        assert_eq!(walked, expected, "limit {limit}");
        assert_eq!(pages, expected.len().div_ceil(limit), "no empty page at the end");
    }
}

#[tokio::test]
async fn requests_are_filtered() {
    let world = World::new().await;
    let server = world.server().await;
    for (name, template) in
        [("web-1", TEMPLATE), ("web-2", "debian-12"), ("broken", "demo-fails-configuring")]
    {
        let request = server.ask(name, template).await;
        server.ended(request.id).await;
    }
    for (query, expected) in [
        ("status=ready", vec!["web-2", "web-1"]),
        ("status=failed", vec!["broken"]),
        ("status=cancelled", vec![]),
        ("template=debian-12", vec!["web-2"]),
        ("template=debian", vec![]),
        ("owner=local", vec!["broken", "web-2", "web-1"]),
        ("owner=nobody", vec![]),
        ("q=web", vec!["web-2", "web-1"]),
        ("q=WEB-1", vec!["web-1"]),
        ("q=%25", vec![]),
        ("q=_", vec![]),
        ("q=web&status=ready&template=debian-12", vec!["web-2"]),
        ("status=&q=&template=&owner=&limit=&after=", vec!["broken", "web-2", "web-1"]),
    ] {
        assert_eq!(names(&server, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn every_wrong_parameter_is_named_at_once() {
    let world = World::new().await;
    let server = world.server().await;
    let id = server.ask("a", TEMPLATE).await.id;
    let history = format!("/api/requests/{id}/history");
    let events = format!("/api/requests/{id}/provisioning-progress/events");
    for (path, fields) in [
        ("/api/requests?limit=0", vec!["limit"]),
        ("/api/requests?limit=201", vec!["limit"]),
        ("/api/requests?limit=-1", vec!["limit"]),
        ("/api/requests?limit=ten", vec!["limit"]),
        ("/api/requests?limit=99999999999", vec!["limit"]),
        ("/api/requests?after=x", vec!["after"]),
        ("/api/requests?status=done", vec!["status"]),
        ("/api/requests?status=Ready", vec!["status"]),
        ("/api/requests?limit=1&limit=2", vec!["limit"]),
        ("/api/requests?page=2", vec!["page"]),
        ("/api/requests?limit=x&after=y&status=z", vec!["after", "limit", "status"]),
        ("/api/requests?limit=%2B5", vec!["limit"]),
        ("/api/templates?limit=0", vec!["limit"]),
        ("/api/templates?after=no-cursor", vec!["after"]),
        ("/api/templates?sort=name", vec!["sort"]),
        (&format!("{history}?limit=0"), vec!["limit"]),
        (&format!("{history}?after=%2B3"), vec!["after"]),
        (&format!("{history}?after=x"), vec!["after"]),
        (&format!("{history}?after=-1"), vec!["after"]),
        (&format!("{events}?format=xml"), vec!["format"]),
        (&format!("{events}?last_event_id=a&last_event_id=b"), vec!["last_event_id"]),
    ] {
        let reply = server.get(path).await;
        assert_eq!(reply.status, 422, "{path}: {reply:?}");
        let mut wrong = reply.wrong_fields();
        wrong.sort_unstable();
        assert_eq!(wrong, fields, "{path}");
    }
}

/// PostgreSQL's own limits are no reason for an internal error.
#[tokio::test]
async fn odd_parameters_find_nothing() {
    let world = World::new().await;
    let server = world.server().await;
    let id = server.ask("a", TEMPLATE).await.id;
    server.ended(id).await;
    for path in [
        "/api/requests?q=%00".to_owned(),
        "/api/requests?template=a%00b".to_owned(),
        "/api/requests?owner=%00".to_owned(),
        format!("/api/requests?q={}", "x".repeat(5_000)),
        format!("/api/requests?after={}", Uuid::nil()),
        format!("/api/requests/{id}/history?after=2147483648"),
        format!("/api/requests/{id}/history?after=4294967295"),
    ] {
        let reply = server.get(&path).await;
        assert_eq!(reply.status, 200, "{path:.80}: {reply:?}");
        assert_eq!(reply.json(), json!({ "items": [], "next": null }), "{path:.80}");
    }
    for path in ["/?q=%00", "/?q=%00&template=%00"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn templates_are_vcenters() {
    let world = World::new().await;
    let server = world.server().await;
    let all: Items<Template> = server.read("/api/templates").await;
    let names: Vec<&str> = all.items.iter().map(|template| template.name.as_str()).collect();
    assert!(names.is_sorted() && names.contains(&TEMPLATE), "{names:?}");
    for name in ["demo-fails-configuring", "demo-no-address", "demo-slow-clone", "demo-flaky"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let reply = server.get("/api/templates?limit=1").await.json();
    let mut fields: Vec<&String> =
        reply["items"][0].as_object().expect("a template").keys().collect();
    fields.sort_unstable();
    assert_eq!(fields, ["cpus", "diskGib", "guest", "memoryMib", "moref", "name"]);

    let (mut walked, mut after) = (Vec::new(), String::new());
    loop {
        let page: Items<Template> = server.read(&format!("/api/templates?limit=3{after}")).await;
        walked.extend(page.items);
        let Some(next) = page.next else { break };
        after = format!("&after={next}");
    }
    assert_eq!(walked, all.items);
}

#[tokio::test]
async fn the_history_is_the_journal_in_pages() {
    let world = World::new().await;
    let server = world.server().await;
    let id = server.ask("a", TEMPLATE).await.id;
    assert_eq!(server.ended(id).await.status, Status::Ready);
    let all = server.history(id).await;
    assert_eq!(all.len(), 7);
    let (mut walked, mut after) = (Vec::<HistoryItem>::new(), 0);
    loop {
        let path = format!("/api/requests/{id}/history?limit=3&after={after}");
        let page: Items<HistoryItem> = server.read(&path).await;
        walked.extend(page.items);
        let Some(next) = page.next else { break };
        after = next.parse().expect("a number");
        assert_eq!(walked.last().expect("a row").seq, after);
    }
    assert_eq!(walked, all);
    let rows: Vec<(i32, String, i32, Value)> =
        sqlx::query_as("select seq, type, schema_version, payload from events order by seq")
            .fetch_all(&world.database.pool)
            .await
            .unwrap();
    let told = all.into_iter().map(|item| {
        let numbers = (i32::try_from(item.seq), i32::try_from(item.schema_version));
        (numbers.0.expect("small"), item.kind, numbers.1.expect("small"), item.payload)
    });
    assert_eq!(told.collect::<Vec<_>>(), rows, "as it is stored");
}
