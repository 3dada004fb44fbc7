//! Whatever a client sends as its last id, or as a query, it is answered, and never by an error of the
//! server's.

use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

use super::held_at_clone;
use crate::support::client::events;
use crate::support::{World, eventually, in_time};

/// Each is a request over a connection of its own.
const CASES: u32 = 200;

/// The status of the answer to these very bytes.
async fn status_of(address: SocketAddr, head: &[u8]) -> u16 {
    let mut connection = TcpStream::connect(address).await.expect("a connection");
    connection.write_all(head).await.expect("a head");
    let mut line = [0; 12];
    in_time("the first line of an answer", connection.read_exact(&mut line)).await.expect("one");
    let line = std::str::from_utf8(&line).expect("a status line");
    line.strip_prefix("HTTP/1.1 ").and_then(|status| status.parse().ok()).expect("a status")
}

/// Ids that are nearly right, and anything at all that a header may carry.
fn last_id(epoch: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let epoch = epoch.to_owned();
    let byte = prop_oneof![Just(b'\t'), 32_u8..=126, 128_u8..=255];
    prop_oneof![
        any::<u64>().prop_map(move |seq| format!("{epoch}.{seq}").into_bytes()),
        "[0-9a-f]{0,16}\\.[-+ ]?[0-9]{0,30}".prop_map(String::into_bytes),
        "[.]{0,40}".prop_map(String::into_bytes),
        prop::collection::vec(byte, 0..300),
    ]
}

/// Queries, well formed or not: what a request's target may have in it.
fn query() -> impl Strategy<Value = String> {
    prop_oneof![
        "(format|last_event_id|limit|after|status|q|x)=[A-Za-z0-9%._~+-]{0,60}",
        "[A-Za-z0-9%&=;+._~-]{0,120}",
        "(last_event_id=[0-9a-f.%]{0,20}&){0,8}",
    ]
}

#[test]
fn any_last_id_and_any_query_is_answered() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (_world, server, id, epoch, _pause) = runtime.block_on(async {
        let world = World::new().await;
        let (server, id, pause) = held_at_clone(&world, &[]).await;
        let epoch = server.epoch(id).await;
        (world, server, id, epoch, pause)
    });
    let paths = [
        events(id),
        events(Uuid::nil()),
        "/api/requests/events".to_owned(),
        "/api/requests".to_owned(),
        format!("/api/requests/{id}/history"),
    ];
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let asked = (last_id(&epoch), query(), prop::sample::select(paths.to_vec()));
    let mut runner = TestRunner::new(config);
    let done = runner.run(&asked, |(last_id, query, path)| {
        let address = server.address;
        let mut head = format!("GET {path}?{query} HTTP/1.1\r\nHost: {address}\r\n").into_bytes();
        head.extend_from_slice(b"Last-Event-ID: ");
        head.extend_from_slice(&last_id);
        head.extend_from_slice(b"\r\n\r\n");
        let answered = async || {
            let status = status_of(address, &head).await;
            // PostgreSQL may be too slow once on a busy machine, and is not to be asked in vain.
            (status != 503).then_some(status)
        };
        let status = runtime.block_on(eventually("an answer", answered));
        prop_assert!(status < 500, "{status}");
        Ok(())
    });
    done.unwrap_or_else(|failed| panic!("{failed}"));
    runtime.block_on(async { assert_eq!(server.get("/readyz").await.status, 200) });
    drop(server);
    runtime.shutdown_timeout(Duration::from_secs(1));
}
