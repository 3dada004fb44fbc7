//! A reader of one request, who drops, stalls and comes back to any server with the last id, and keeps
//! what it saw.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use reqwest::{Response, StatusCode};
use tokio::sync::watch;
use uuid::Uuid;

use super::{Soak, count};
use crate::support::Frame;
use crate::support::client::events;

/// How long a reader waits for an answer, or for bytes, before it tries another server.
const PATIENCE: Duration = Duration::from_secs(3);

/// What one reader saw.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// The number of the snapshot that it began with.
    pub(super) begin: u32,
    /// Every numbered frame after it, as it came.
    pub(super) frames: Vec<Frame>,
    /// How often it was told that its id is of another journal, which is never true here.
    pub(super) resets: u32,
}

/// What is wrong with what readers saw and vCenter holds, in all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    pub(super) lost: u32,
    pub(super) out_of_order: u32,
    pub(super) duplicate: u32,
    pub(super) resets: u32,
    /// VMs with our mark that nobody asked for, or more than one of a request.
    pub(super) extra_vms: u32,
}

impl Findings {
    /// Holds a log against the journal, whose events are numbered up to `last`.
    pub(super) fn add(&mut self, log: &Log, last: u32) {
        let mut before = log.begin;
        for frame in &log.frames {
            let seq = frame.seq().expect("a number");
            match seq {
                _ if seq == before => self.duplicate += 1,
                _ if seq < before => self.out_of_order += 1,
                _ => self.lost += seq - before - 1,
            }
            before = before.max(seq);
        }
        self.lost += last.saturating_sub(before);
        self.resets += log.resets;
    }
}

/// Why a connection is over.
enum Over {
    /// Broken, silent, left on purpose, or ended by the server.
    ComeBack,
    /// There is nothing more: the answer was 204.
    NothingMore,
}

/// Reads until there is nothing more and `finished` says that nothing more will come.
pub(super) async fn read(
    soak: Arc<Soak>,
    id: Uuid,
    seed: u64,
    finished: watch::Receiver<bool>,
) -> Log {
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut log, mut last_id) = (Log::default(), None);
    loop {
        // Asked before, so that a 204 is about a journal that had all its events.
        let was_finished = *finished.borrow();
        if let Some(address) = soak.servers.any(&mut rng) {
            let asked = soak.servers.client.get(format!("http://{address}{}", events(id)));
            let asked = match &last_id {
                Some(last_id) => asked.header("last-event-id", last_id),
                None => asked,
            };
            if let Ok(Ok(response)) = tokio::time::timeout(PATIENCE, asked.send()).await {
                count(&soak.counts.connections);
                let over = follow(&soak, &mut rng, response, &mut log, &mut last_id).await;
                if matches!(over, Over::NothingMore) && was_finished {
                    return log;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(rng.random_range(5..300))).await;
    }
}

/// Reads one connection for as long as it pleases.
async fn follow(
    soak: &Soak,
    rng: &mut StdRng,
    mut response: Response,
    log: &mut Log,
    last_id: &mut Option<String>,
) -> Over {
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NO_CONTENT => return Over::NothingMore,
        StatusCode::SERVICE_UNAVAILABLE => return Over::ComeBack,
        other => panic!("a stream is answered by {other}"),
    }
    let mut bytes = Vec::new();
    loop {
        let Ok(Ok(Some(chunk))) = tokio::time::timeout(PATIENCE, response.chunk()).await else {
            return Over::ComeBack;
        };
        bytes.extend_from_slice(&chunk);
        while let Some(end) = bytes.windows(2).position(|two| two == b"\n\n") {
            let block: Vec<u8> = bytes.drain(..end + 2).collect();
            let frame = Frame::parse(String::from_utf8(block).expect("text"));
            take(soak, frame, log, last_id);
            if rng.random_bool(0.05) {
                count(&soak.counts.drops);
                return Over::ComeBack;
            }
            if rng.random_bool(0.05) {
                count(&soak.counts.stalls);
                soak.pause(rng.random_range(100..3_000)).await;
            }
        }
    }
}

fn take(soak: &Soak, frame: Frame, log: &mut Log, last_id: &mut Option<String>) {
    if let Some(id) = &frame.id {
        *last_id = Some(id.clone());
    }
    match frame.name() {
        "snapshot" if log.frames.is_empty() => log.begin = frame.seq().expect("a number"),
        "reset" => log.resets += 1,
        _ if frame.is_numbered() => {
            count(&soak.counts.frames);
            log.frames.push(frame);
        }
        _ => {}
    }
}
