//! Accepting a request: once, under a name of its own.

use app::api::{Network, Request, Status};
use serde_json::{Value, json};
use server::infrastructure::vsphere::simulated::Operation;

use crate::support::client::wish;
use crate::support::server::TEMPLATE;
use crate::support::{World, in_time};

#[tokio::test]
async fn an_accepted_request_is_told_whole_and_is_where_it_says() {
    let world = World::new().await;
    let _pause = world.script().pause_at(Operation::Clone);
    let server = world.server().await;
    let network = json!({ "name": "lab", "ipAddress": "10.20.30.40/24", "gateway": "10.20.30.1" });
    let mut body = wish("build-agent-07", TEMPLATE);
    body["network"] = network;
    let reply = server.post(&body).await;

    assert_eq!(reply.status, 201);
    assert_eq!(reply.header("content-type"), "application/json");
    let request: Request = reply.read();
    let id = request.id;
    assert_eq!(id.get_version_num(), 7);
    assert_eq!(reply.header("location"), format!("/api/requests/{id}"));
    assert_eq!(request.links.this, format!("/api/requests/{id}"));
    assert_eq!(request.links.progress, format!("/api/requests/{id}/provisioning-progress"));
    assert_eq!(request.links.events, format!("/api/requests/{id}/provisioning-progress/events"));
    assert_eq!(request.links.page, format!("/requests/{id}"));
    assert_eq!((request.name.as_str(), request.template.as_str()), ("build-agent-07", TEMPLATE));
    assert_eq!((request.cpus, request.memory_mib, request.vm), (2, 4096, None));
    assert_eq!(request.requested_by, "local");
    let network = Network {
        name: Some("lab".to_owned()),
        ip_address: Some("10.20.30.40/24".to_owned()),
        gateway: Some("10.20.30.1".to_owned()),
    };
    assert_eq!(request.network, Some(network));

    let found: Request = server.read(reply.header("location")).await;
    assert_eq!((found.id, found.name, found.created_at), (id, request.name, request.created_at));
    for path in [&request.links.progress, &request.links.page] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_request_without_a_network_says_so() {
    let world = World::new().await;
    let server = world.server().await;
    for (number, network) in [json!(null), json!({}), json!({ "name": null })].iter().enumerate() {
        let mut body = wish(&format!("vm-{number}"), TEMPLATE);
        body["network"] = network.clone();
        let reply = server.post(&body).await;
        assert_eq!((reply.status, &reply.json()["network"]), (201, &Value::Null), "{body}");
    }
}

#[tokio::test]
async fn a_name_that_is_taken_is_a_conflict() {
    let world = World::new().await;
    world.script().add_foreign_vm("theirs").await.unwrap();
    let pause = world.script().pause_at(Operation::Clone);
    let server = world.server().await;
    let living = server.ask("ours", TEMPLATE).await;
    for name in ["ours", "theirs", "debian-12"] {
        let reply = server.post(&wish(name, TEMPLATE)).await;
        assert_eq!(reply.status, 409, "{name}: {reply:?}");
        assert_eq!(reply.wrong_fields(), ["name"]);
        assert_eq!(reply.problem().kind, "urn:stagewatch:problem:name-taken");
    }
    pause.release();
    server.ended(living.id).await;
    let reply = server.post(&wish("ours", TEMPLATE)).await;
    assert_eq!(reply.status, 409, "now the VM has the name: {reply:?}");
}

#[tokio::test]
async fn the_same_key_and_body_is_the_same_request() {
    let world = World::new().await;
    let server = world.server().await;
    let ask = |key: &'static str, body: Value| {
        let api = (*server).clone();
        async move { api.post_with(&[("idempotency-key", key)], &body).await }
    };
    let first = ask("k", wish("a", TEMPLATE)).await;
    assert_eq!(first.status, 201, "{first:?}");
    let id = first.read::<Request>().id;
    // Also when it has long been done, and its VM has the name.
    for _ in 0..2 {
        let again = ask("k", wish("a", TEMPLATE)).await;
        assert_eq!(again.status, 200, "{again:?}");
        assert_eq!(again.read::<Request>().id, id);
        assert_eq!(again.header("location"), format!("/api/requests/{id}"));
        assert_eq!(server.ended(id).await.status, Status::Ready);
    }
    // The same wish, said with other spaces and in another order.
    let said_otherwise = format!(
        "{{ \"memoryMib\": 4096,\n \"cpus\": 2, \"template\": \"{TEMPLATE}\", \"network\": null, \"name\": \"a\" }}"
    );
    let headers = [("idempotency-key", "k"), ("content-type", "application/json")];
    let again = server.send(reqwest::Method::POST, "/api/requests", &headers, said_otherwise).await;
    assert_eq!((again.status, again.read::<Request>().id), (200, id));

    let other = ask("k", wish("b", TEMPLATE)).await;
    assert_eq!(other.status, 422, "{other:?}");
    assert_eq!(other.wrong_fields(), ["Idempotency-Key"]);
    let fresh = ask("another", wish("b", TEMPLATE)).await;
    assert_eq!(fresh.status, 201, "{fresh:?}");
    server.ended(fresh.read::<Request>().id).await;
    assert_eq!(world.script().vms().len(), 2);
}

#[tokio::test]
async fn the_same_key_many_times_at_once_makes_one_request() {
    let world = World::new().await;
    let server = world.server().await;
    let asking: Vec<_> = (0..12)
        .map(|_| {
            let api = (*server).clone();
            tokio::spawn(async move {
                api.post_with(&[("idempotency-key", "k")], &wish("a", TEMPLATE)).await
            })
        })
        .collect();
    let (mut ids, mut created) = (Vec::new(), 0);
    for asked in asking {
        let reply = in_time("an answer", asked).await.unwrap();
        assert!(matches!(reply.status, 200 | 201), "{reply:?}");
        created += u32::from(reply.status == 201);
        ids.push(reply.read::<Request>().id);
    }
    assert_eq!(created, 1);
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(server.ended(ids[0]).await.status, Status::Ready);
    assert_eq!(world.script().vms().len(), 1);
}

#[tokio::test]
async fn a_key_must_be_short_and_plain() {
    let world = World::new().await;
    let server = world.server().await;
    for (key, status) in [
        (String::new(), 422),
        ("k".repeat(256), 422),
        ("clé".to_owned(), 422),
        ("k".repeat(255), 201),
    ] {
        let reply = server.post_with(&[("idempotency-key", &key)], &wish("a", TEMPLATE)).await;
        assert_eq!(reply.status, status, "{key}: {reply:?}");
        if status == 422 {
            assert_eq!(reply.wrong_fields(), ["Idempotency-Key"]);
        }
    }
}

/// The door does not depend on vCenter: the saga looks again anyway.
#[tokio::test]
async fn a_vcenter_that_does_not_answer_keeps_nobody_waiting() {
    let world = World::new().await;
    let pause = world.script().pause_at(Operation::FindByName);
    let server = world.server().await;
    // vCenter gives its answer only after this one.
    let request = server.ask("a", TEMPLATE).await;
    pause.release();
    assert_eq!(server.ended(request.id).await.status, Status::Ready);
}
