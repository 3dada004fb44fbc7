//! From the COMMIT of a stage event to its bytes at a reader of the stream, beside a bare
//! INSERT + COMMIT of the same row over one connection.
//!
//! The server's own parts run here as the composition root puts them together: PostgreSQL, journal,
//! feed, tail, HTTP over real sockets. Only the event store is wrapped, to learn when COMMIT returned.
//! The readers have a thread of their own, since they are not the server's work. Yardstick and
//! measured alternate, so that both meet the same moments of a shared machine.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench that cannot measure ends with the reason; its output is what was asked for"
)]
#![allow(missing_docs, unreachable_pub, dead_code, reason = "a bench is nobody's interface")]

use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use server::config::Config;
use server::domain::event::NewEvent;
use server::domain::ids::RequestId;
use server::domain::ports::event_store::Leases;
use server::domain::vm::decide;
use server::infrastructure::postgres::embedded::EmbeddedPostgres;
use server::infrastructure::postgres::event_record::{SCHEMA_VERSION, encode};
use server::infrastructure::postgres::{MIGRATOR, pool};
use sqlx::{Connection, PgConnection};
use support::parts::{Parts, commands, compose, on_a_worker, wait_for, watch};
use support::{Samples, row};

mod support;

/// How many readers watch at once, and how many requests are then driven to their end. One of six
/// events each; the first requests warm up the caches and are not counted.
const ROUNDS: [(usize, usize); 2] = [(1, 120), (200, 30)];
const WARM_UP_REQUESTS: usize = 3;

/// The server's parts that the bench drives.
struct Bench {
    parts: Parts,
    /// The yardstick's own connection; away while it is used.
    bare: Option<PgConnection>,
}

/// What was measured with one number of readers.
#[derive(Default)]
struct Measured {
    bare_insert: Samples,
    commit_to_each: Samples,
    commit_to_last: Samples,
    begin_to_last: Samples,
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(run());
}

async fn run() {
    let folder = tempfile::Builder::new().prefix("stagewatch-bench-").tempdir().expect("a folder");
    // PostgreSQL may run as another user, who must get in.
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).expect("a mode");
    let postgres = EmbeddedPostgres::start(folder.path()).await.expect("PostgreSQL");
    let pool = pool(postgres.connect_options());
    MIGRATOR.run(&pool).await.expect("the schema");
    let mut bare =
        PgConnection::connect_with(&postgres.connect_options()).await.expect("a connection");
    // The same columns, checks, defaults and indexes; only the request's row is not asked for.
    sqlx::query("create table bare_events (like events including all)")
        .execute(&mut bare)
        .await
        .expect("the yardstick's table");
    let config = Config::read(["bench", "--simulated-delay", "0"]).expect("settings");
    let parts = compose(&config, &pool, folder.path(), true).await;
    let mut bench = Bench { parts, bare: Some(bare) };
    for (readers, requests) in ROUNDS {
        eprintln!("{readers} readers, {requests} requests of 6 events each");
        let measured = bench.measure(readers, requests).await;
        print_rows(readers, &measured);
    }
    bench.parts.shutdown.cancel();
    drop(bench.bare.take());
    pool.close().await;
    postgres.stop().await.expect("PostgreSQL's end");
}

fn print_rows(readers: usize, measured: &Measured) {
    const BESIDE: &str = "bare INSERT + COMMIT of the row";
    let bare = &measured.bare_insert;
    let print = |what: &str, samples| println!("{}", row(what, samples, BESIDE, bare));
    match readers {
        1 => print("COMMIT to byte, 1 reader", &measured.commit_to_each),
        _ => {
            print(&format!("COMMIT to byte, each of {readers} readers"), &measured.commit_to_each);
            print(&format!("COMMIT to byte, last of {readers} readers"), &measured.commit_to_last);
        }
    }
    let readers = if readers == 1 { "1 reader".to_owned() } else { format!("{readers} readers") };
    print(&format!("before the append to byte, {readers}"), &measured.begin_to_last);
}

impl Bench {
    async fn measure(&mut self, readers: usize, requests: usize) -> Measured {
        let mut measured = Measured::default();
        let mut warm_up = Measured::default();
        for request in 0..requests + WARM_UP_REQUESTS {
            let into = if request < WARM_UP_REQUESTS { &mut warm_up } else { &mut measured };
            self.drive_one(readers, into).await;
        }
        measured
    }

    /// Drives one request to its end with so many readers, as a worker does under its lease.
    async fn drive_one(&mut self, readers: usize, measured: &mut Measured) {
        let id = self.parts.ask().await;
        let (tell, arrivals) = channel();
        let path = format!("/api/requests/{}/provisioning-progress/events", id.0);
        let thread = watch(self.parts.address, path, readers, tell);
        wait_for(&arrivals, readers, 1);
        let lease = Duration::from_secs(600);
        let claims = self.parts.leases.claim("bench", None, lease, 1, None).await.expect("a claim");
        let claim = claims.first().expect("the request is due");
        let mut open = self.parts.journal.open(id).await.expect("a journal").expect("a request");
        for (seq, command) in (2..).zip(commands(id)) {
            let event = decide(&open.aggregate, command.clone()).expect("it is possible");
            let new = NewEvent { event: event[0].clone(), told: open.timeline.told };
            // In turns, and each first as often as the other.
            if seq % 2 == 0 {
                measured.bare_insert.push(self.bare_insert(id, seq, &new).await);
            }
            open = self.parts.append(open, claim.epoch, command).await;
            let (begun, committed) = self.parts.store.last();
            let read = wait_for(&arrivals, readers, seq);
            for arrival in &read {
                measured.commit_to_each.push(arrival.at - committed);
            }
            let last = read.iter().map(|arrival| arrival.at).max().expect("a reader");
            measured.commit_to_last.push(last - committed);
            measured.begin_to_last.push(last - begun);
            if seq % 2 == 1 {
                measured.bare_insert.push(self.bare_insert(id, seq, &new).await);
            }
        }
        thread.join().expect("the readers end with the request");
    }

    /// The same row into a table like the journal's: one statement that commits itself.
    async fn bare_insert(&mut self, id: RequestId, seq: u32, new: &NewEvent) -> Duration {
        let payload = encode(new).expect("a payload");
        let insert = sqlx::query(
            "insert into bare_events (request_id, seq, type, schema_version, payload)
             values ($1, $2, $3, $4, $5)",
        );
        let insert = insert
            .bind(id.0)
            .bind(i32::try_from(seq).expect("a small number"))
            .bind(new.event.type_name())
            .bind(SCHEMA_VERSION)
            .bind(payload);
        let mut bare = self.bare.take().expect("nobody else uses it");
        let timed = async move {
            let begun = Instant::now();
            insert.execute(&mut bare).await.expect("a row");
            (begun.elapsed(), bare)
        };
        let (took, bare) = on_a_worker(timed).await;
        self.bare = Some(bare);
        took
    }
}
