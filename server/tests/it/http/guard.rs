//! Who may talk to the server at all: this machine, and no page of another site.

use reqwest::Method;

use crate::support::client::wish;
use crate::support::server::TEMPLATE;
use crate::support::{TestServer, World};

async fn post(server: &TestServer, headers: &[(&'static str, &str)]) -> u16 {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let reply = server.post_with(headers, &wish(&format!("vm-{number}"), TEMPLATE)).await;
    if reply.status != 201 {
        reply.problem();
    }
    reply.status
}

#[tokio::test]
async fn another_name_than_this_machines_own_is_misdirected() {
    let world = World::new().await;
    let server = world.server().await;
    let port = server.address.port();
    for (host, status) in [
        (format!("127.0.0.1:{port}"), 200),
        (format!("localhost:{port}"), 200),
        (format!("[::1]:{port}"), 200),
        ("localhost".to_owned(), 200),
        ("example.com".to_owned(), 421),
        (format!("rebound.example.com:{port}"), 421),
        (format!("10.0.0.1:{port}"), 421),
        ("localhost.example.com".to_owned(), 421),
        (String::new(), 421),
    ] {
        for path in ["/api/requests", "/api/nothing", "/healthz", "/"] {
            let reply = server.send(Method::GET, path, &[("host", &host)], "").await;
            let status = if path == "/api/nothing" && status == 200 { 404 } else { status };
            assert_eq!(reply.status, status, "{host} {path}");
            if status == 421 && path.starts_with("/api") {
                assert_eq!(reply.problem().kind, "urn:stagewatch:problem:misdirected");
            }
        }
    }
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let world = World::new().await;
    let server = world.server().await;
    let own = format!("http://{}", server.address);
    for (headers, status) in [
        (vec![], 201),
        (vec![("origin", own.as_str())], 201),
        (vec![("sec-fetch-site", "same-origin"), ("origin", own.as_str())], 201),
        (vec![("sec-fetch-site", "none")], 201),
        (vec![("sec-fetch-site", "cross-site")], 403),
        (vec![("sec-fetch-site", "same-site")], 403),
        (vec![("sec-fetch-site", "cross-site"), ("origin", own.as_str())], 403),
        (vec![("origin", "https://example.com")], 403),
        (vec![("origin", "null")], 403),
        (vec![("origin", "http://127.0.0.1:1")], 403),
    ] {
        assert_eq!(post(&server, &headers).await, status, "{headers:?}");
    }
    let form = [("content-type", "application/x-www-form-urlencoded"), ("origin", "null")];
    let reply = server.send(Method::POST, "/requests", &form, "name=a").await;
    assert_eq!(reply.status, 403, "the form of the page is guarded too");
}

/// Looking is harmless: a browser does not let another site's page read the answer.
#[tokio::test]
async fn a_link_from_another_site_leads_here() {
    let world = World::new().await;
    let server = world.server().await;
    let headers = [("sec-fetch-site", "cross-site")];
    for path in ["/", "/api/requests"] {
        let reply = server.send(Method::GET, path, &headers, "").await;
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), "", "{path}");
    }
}
