//! A newer server beside this one writes what this one cannot read.

use server::infrastructure::vsphere::simulated::Operation;

use crate::support::server::TEMPLATE;
use crate::support::{Frame, World, in_time};

#[tokio::test]
async fn an_event_that_cannot_be_read_keeps_nobody_from_the_others() {
    let world = World::new().await;
    let (server, other) = (world.server().await, world.server().await);
    let theirs = server.ask("theirs", TEMPLATE).await.id;
    server.ended(theirs).await;
    let mut pause = world.script().pause_at(Operation::Clone);
    let ours = server.ask("ours", TEMPLATE).await.id;
    in_time("the pause", pause.reached()).await;
    let mut board = server.stream_at("/api/requests/events", &[]).await;
    board.until_event("ping").await;
    let mut stream = server.stream(ours).await;
    stream.until_event("snapshot").await;

    sqlx::raw_sql(
        "update vm_requests set last_seq = last_seq + 1 where name = 'theirs';
         insert into events (request_id, seq, type, schema_version, payload)
         select id, last_seq, 'FromTheFuture', 9, '{}' from vm_requests where name = 'theirs';",
    )
    .execute(&world.database.pool)
    .await
    .expect("an event of a newer version");
    // Only the journal's tail tells this server what the other one records.
    assert_eq!(other.cancel(ours).await.status, 202);
    let frames = stream.until(Frame::is_numbered).await;
    assert!(frames.iter().all(|frame| frame.name() != "degraded"), "{frames:#?}");
    for page in ["/", "/api/requests"] {
        let reply = server.get(page).await;
        assert_eq!(reply.status, 200, "{page}");
        assert!(reply.body.contains("ours"), "{page}");
    }
    pause.release();
    server.ended(ours).await;
}
