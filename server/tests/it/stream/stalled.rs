//! A reader that has stopped reading is cut, gives its place back, and disturbs nobody.

use std::net::SocketAddr;
use std::time::Duration;

use server::bootstrap::Waits;
use server::infrastructure::vsphere::simulated::Operation;
use socket2::{Domain, Socket, Type};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use uuid::Uuid;

use super::seqs;
use crate::support::client::events;
use crate::support::server::TEMPLATE;
use crate::support::sse::numbered;
use crate::support::{World, eventually, in_time};

/// So many events that their frames fit into no buffer between both ends: more than a megabyte.
const EVENTS: u32 = 600;
/// As few bytes as the kernel allows, and a few hundred more.
const RECEIVE_BUFFER_BYTES: usize = 4 * 1024;
/// The limit under test, instead of 40 s. Nothing is asserted of how long anything takes.
const STALLED_MAX: Duration = Duration::from_millis(500);

/// Makes the journal of a held request long, as many interruptions would.
async fn lengthen(world: &World, id: Uuid) {
    let mut transaction = world.database.pool.begin().await.expect("a transaction");
    for statement in [
        "insert into events (request_id, seq, type, schema_version, payload)
         select $1, last_seq + n, 'VmProvisioningResumed', 1,
                '{\"stage\": \"CLONING\", \"worker\": \"w\", \"task\": null}'
         from vm_requests, generate_series(1, $2) n where id = $1",
        "update vm_requests set last_seq = last_seq + $2 where id = $1",
    ] {
        sqlx::query(statement)
            .bind(id)
            .bind(i32::try_from(EVENTS).expect("small"))
            .execute(&mut *transaction)
            .await
            .expect("more events");
    }
    transaction.commit().await.expect("a commit");
}

/// Opens a stream from its first event on and never reads a byte of it.
async fn stalled_reader(address: SocketAddr, id: Uuid, begin: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES).expect("a small buffer");
    socket.connect(&address.into()).expect("a connection");
    socket.set_nonblocking(true).expect("as tokio wants it");
    let mut stream = TcpStream::from_std(socket.into()).expect("a connection");
    let path = events(id);
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nLast-Event-ID: {begin}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a request");
    stream
}

#[tokio::test]
async fn a_reader_that_stops_reading_is_cut_and_disturbs_nobody() {
    let world = World::new().await;
    let url = world.database.url();
    let waits = Waits { stalled_max: STALLED_MAX, ..Waits::default() };
    let server = world.server_that_waits(&url, waits, &["--max-streams", "2"]).await;
    server.ready().await;
    let mut pause = world.script().pause_at(Operation::Clone);
    let id = server.ask("a", TEMPLATE).await.id;
    in_time("the clone", pause.reached()).await;
    let begin = format!("{}.0", server.epoch(id).await);
    lengthen(&world, id).await;

    let mut reader = server.stream_after(id, &begin).await;
    let stalled = stalled_reader(server.address, id, &begin).await;
    // Both places are taken, so one is free again only when the stalled one was cut. One who keeps
    // its connection open all that time, and takes nothing, is what is cut.
    let freed = async {
        let other = eventually("the stalled reader's place", async || {
            let stream = server.stream_after(id, &begin).await;
            (stream.status == 200).then_some(stream)
        })
        .await;
        stalled.peer_addr().expect("its own end is open still");
        drop(other);
        pause.release();
    };
    // The other one reads all the time, else it would be cut too.
    let (rest, ()) = tokio::join!(reader.rest(), freed);
    let frames = numbered(&rest);
    let seen = seqs(&frames);
    assert!(seen.len() > usize::try_from(EVENTS).expect("small"), "{}", seen.len());
    assert!(seen.iter().copied().eq(1..=u32::try_from(seen.len()).expect("small")), "{seen:?}");
    drop(stalled);
}
