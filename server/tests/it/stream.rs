//! The live stream: every event of the journal once, in order, the same bytes for everybody.

use server::infrastructure::vsphere::simulated::{Operation, Pause};
use uuid::Uuid;

use crate::support::server::TEMPLATE;
use crate::support::{Frame, TestServer, World, in_time};

mod board;
mod doorbell;
mod ends;
mod fuzz;
mod live;
mod resume;
mod shared;
mod slow;
mod stalled;
mod text;

/// The number of the event that enters `CLONING`: the journal's head while a request is held there.
const CLONING_SEQ: u32 = 3;
/// The number of the last event of an ordinary request.
const LAST_SEQ: u32 = 7;

/// A server, and a request whose clone is held.
async fn held_at_clone(world: &World, settings: &[&str]) -> (TestServer, Uuid, Pause) {
    let server = world.server_with(settings).await;
    let mut pause = world.script().pause_at(Operation::Clone);
    let id = server.ask("build-agent-07", TEMPLATE).await.id;
    in_time("the clone", pause.reached()).await;
    (server, id, pause)
}

/// The bytes of frames.
fn bytes(frames: &[Frame]) -> Vec<&str> {
    frames.iter().map(|frame| frame.raw.as_str()).collect()
}

/// The numbers of frames.
fn seqs(frames: &[Frame]) -> Vec<u32> {
    frames.iter().filter_map(Frame::seq).collect()
}
