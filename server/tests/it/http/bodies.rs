//! Bad bodies: each gets the status of the protocol, with all wrong fields at once.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::wish;
use crate::support::server::TEMPLATE;
use crate::support::{Reply, TestServer, World};

/// Sends these bytes as a wish, with or without saying what they are.
async fn send(server: &TestServer, content_type: Option<&str>, body: &str) -> Reply {
    let headers: Vec<_> = content_type.map(|kind| ("content-type", kind)).into_iter().collect();
    server.send(Method::POST, "/api/requests", &headers, body.to_owned()).await
}

#[tokio::test]
async fn what_is_not_json_is_malformed() {
    let world = World::new().await;
    let server = world.server().await;
    for body in ["", "{", "{\"name\": }", "name=a", "\u{0}", &"[".repeat(10_000)] {
        let reply = send(&server, Some("application/json"), body).await;
        assert_eq!(reply.status, 400, "{body:.40}: {reply:?}");
        assert_eq!(reply.problem().kind, "urn:stagewatch:problem:malformed");
    }
}

#[tokio::test]
async fn what_does_not_claim_to_be_json_is_not_read() {
    let world = World::new().await;
    let server = world.server().await;
    let good = wish("a", TEMPLATE).to_string();
    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("application/jsonx"),
        Some("text/json"),
        Some(""),
    ] {
        let reply = send(&server, kind, &good).await;
        assert_eq!(reply.status, 415, "{kind:?}: {reply:?}");
        assert_eq!(reply.problem().kind, "urn:stagewatch:problem:unsupported-media-type");
    }
    for (number, kind) in
        ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.vm+json"]
            .into_iter()
            .enumerate()
    {
        let body = wish(&format!("vm-{number}"), TEMPLATE).to_string();
        let reply = send(&server, Some(kind), &body).await;
        assert_eq!(reply.status, 201, "{kind}: {reply:?}");
    }
}

#[tokio::test]
async fn a_body_may_have_64_kib_and_no_byte_more() {
    let world = World::new().await;
    let server = world.server().await;
    let padded = |length: usize| {
        let body = wish("a", TEMPLATE).to_string();
        format!("{}{body}", " ".repeat(length - body.len()))
    };
    for length in [64 * 1024 + 1, 200 * 1024, 2 * 1024 * 1024] {
        let reply = send(&server, Some("application/json"), &padded(length)).await;
        assert_eq!(reply.status, 413, "{length}: {reply:?}");
        assert_eq!(reply.problem().kind, "urn:stagewatch:problem:too-large");
    }
    let reply = send(&server, Some("application/json"), &padded(64 * 1024)).await;
    assert_eq!(reply.status, 201, "{reply:?}");
}

#[tokio::test]
async fn all_wrong_fields_are_named_at_once() {
    let world = World::new().await;
    let server = world.server().await;
    for (body, fields) in [
        (json!([]), vec!["body"]),
        (json!("text"), vec!["body"]),
        (Value::Null, vec!["body"]),
        (json!({}), vec!["name", "template", "cpus", "memoryMib"]),
        (
            json!({ "name": "Über", "template": " ", "cpus": 65, "memoryMib": 257,
                "network": { "name": "", "ipAddress": "10.0.0.1", "gateway": "x" } }),
            vec![
                "name",
                "template",
                "cpus",
                "memoryMib",
                "network.name",
                "network.ipAddress",
                "network.gateway",
            ],
        ),
        (
            json!({ "name": 7, "template": null, "cpus": "2", "memoryMib": 1.5, "network": [] }),
            vec!["name", "template", "cpus", "memoryMib", "network"],
        ),
        (
            // Of a wrong type, of a wrong value and unknown, all together.
            json!({ "name": "-a", "template": TEMPLATE, "cpus": true, "memoryMib": 4096,
                "disk": 1, "Name": "a", "network": { "mac": "", "ipAddress": 5 } }),
            vec!["Name", "disk", "network.mac", "network.ipAddress", "cpus", "name"],
        ),
        (
            json!({ "name": "a", "template": TEMPLATE, "cpus": 0, "memoryMib": -4 }),
            vec!["cpus", "memoryMib"],
        ),
        (
            json!({ "name": "a", "template": TEMPLATE, "cpus": 1e3, "memoryMib": 1e99 }),
            vec!["cpus", "memoryMib"],
        ),
        (
            json!({ "name": "a", "template": "a\u{0}b", "cpus": 1, "memoryMib": 1024 }),
            vec!["template"],
        ),
        (
            json!({ "name": "a", "template": "no-such", "cpus": 1, "memoryMib": 1024 }),
            vec!["template"],
        ),
        // What only vCenter knows is told together with the rest.
        (
            json!({ "name": "A", "template": "no-such", "cpus": 0, "memoryMib": 1024 }),
            vec!["name", "template", "cpus"],
        ),
        (
            json!({ "name": "a", "template": "no-such", "cpus": "1", "memoryMib": 1024, "x": 1 }),
            vec!["x", "cpus", "template"],
        ),
    ] {
        let reply = server.post(&body).await;
        assert_eq!(reply.status, 422, "{body}: {reply:?}");
        assert_eq!(sorted(reply.wrong_fields()), sorted(fields), "{body}");
        let problem = reply.problem();
        assert_eq!(problem.kind, "urn:stagewatch:problem:invalid");
        assert!(problem.errors.iter().all(|error| !error.message.is_empty()), "{problem:?}");
    }
    let count: i64 = sqlx::query_scalar("select count(*) from vm_requests")
        .fetch_one(&world.database.pool)
        .await
        .unwrap();
    assert_eq!(count, 0, "none of them was accepted");
}

fn sorted<T: Into<String>>(fields: Vec<T>) -> Vec<String> {
    let mut fields: Vec<String> = fields.into_iter().map(Into::into).collect();
    fields.sort_unstable();
    fields
}

#[tokio::test]
async fn names_and_sizes_have_the_limits_of_the_protocol() {
    let world = World::new().await;
    let server = world.server().await;
    let long = "a".repeat(63);
    for (name, cpus, memory_mib, status) in [
        ("a", 1, 256, 201),
        ("0", 64, 1_048_576, 201),
        (long.as_str(), 1, 260, 201),
        (&"a".repeat(64), 1, 256, 422),
        ("a-", 1, 256, 422),
        ("a.b", 1, 256, 422),
        ("a_b", 1, 256, 422),
        ("a b", 1, 256, 422),
        ("", 1, 256, 422),
        ("b", 65, 256, 422),
        ("b", 1, 252, 422),
        ("b", 1, 258, 422),
        ("b", 1, 1_048_580, 422),
    ] {
        let body =
            json!({ "name": name, "template": TEMPLATE, "cpus": cpus, "memoryMib": memory_mib });
        assert_eq!(server.post(&body).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn the_limits_are_settings() {
    let world = World::new().await;
    let server = world.server_with(&["--cpus", "2-4", "--memory-mib", "512-1024"]).await;
    let ask = |cpus: u32, memory_mib: u32| {
        let name = format!("vm-{cpus}-{memory_mib}");
        let body =
            json!({ "name": name, "template": TEMPLATE, "cpus": cpus, "memoryMib": memory_mib });
        let api = (*server).clone();
        async move { api.post(&body).await }
    };
    assert_eq!(ask(2, 512).await.status, 201);
    assert_eq!(ask(4, 1024).await.status, 201);
    assert_eq!(ask(1, 256).await.wrong_fields(), ["cpus", "memoryMib"]);
    assert_eq!(ask(5, 1028).await.wrong_fields(), ["cpus", "memoryMib"]);
}
