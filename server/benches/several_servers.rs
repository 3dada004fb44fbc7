//! Two servers over one PostgreSQL: from the COMMIT on one to a reader on the other, beside a reader on
//! the same one; and how fast eight writers append when each commit rings the doorbell, beside the
//! same without.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench that cannot measure ends with the reason; its output is what was asked for"
)]
#![allow(missing_docs, unreachable_pub, dead_code, reason = "a bench is nobody's interface")]

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use server::application::journal::OpenRequest;
use server::config::Config;
use server::domain::ids::{LeaseEpoch, VcenterId};
use server::domain::ports::event_store::Leases;
use server::domain::vm::Command;
use server::infrastructure::postgres::embedded::EmbeddedPostgres;
use server::infrastructure::postgres::{MIGRATOR, pool};
use support::parts::{Parts, commands, compose, wait_for, watch};
use support::{Samples, row};

mod support;

/// How many requests are driven to their end, and how many before them are not counted.
const REQUESTS: usize = 120;
const WARM_UP_REQUESTS: usize = 5;
/// Writers at once, how many events each appends in a round, and how many rounds of both kinds. The
/// kinds alternate, so that both meet the same moments of a shared machine.
const WRITERS: usize = 8;
const APPENDS: usize = 100;
const ROUNDS: usize = 8;
/// Longer than all of it takes.
const LEASE: Duration = Duration::from_secs(3_600);

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(run());
}

async fn run() {
    let folder = tempfile::Builder::new().prefix("stagewatch-bench-").tempdir().expect("a folder");
    // PostgreSQL may run as another user, who must get in.
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).expect("a mode");
    let postgres = EmbeddedPostgres::start(folder.path()).await.expect("PostgreSQL");
    let config = Config::read(["bench", "--simulated-delay", "0"]).expect("settings");
    let pools = [(); 3].map(|()| pool(postgres.connect_options()));
    MIGRATOR.run(&pools[0]).await.expect("the schema");
    let writer = compose(&config, &pools[0], folder.path(), true).await;
    let silent = compose(&config, &pools[1], folder.path(), false).await;
    let other = compose(&config, &pools[2], folder.path(), true).await;
    eprintln!("{REQUESTS} requests of 6 events each, a reader on each of two servers");
    commit_to_reader(&writer, other.address).await;
    eprintln!("{WRITERS} writers, {ROUNDS} rounds of {APPENDS} appends each, with and without");
    append_rate(&writer, &silent).await;
    for parts in [&writer, &silent, &other] {
        parts.shutdown.cancel();
    }
    for pool in pools {
        pool.close().await;
    }
    postgres.stop().await.expect("PostgreSQL's end");
}

/// Each event is read by one reader on the server that writes it, and by one on the other.
async fn commit_to_reader(writer: &Parts, other: SocketAddr) {
    let (mut here, mut there) = (Samples::default(), Samples::default());
    for request in 0..REQUESTS + WARM_UP_REQUESTS {
        let id = writer.ask().await;
        let path = format!("/api/requests/{}/provisioning-progress/events", id.0);
        let ((tell_here, read_here), (tell_there, read_there)) = (channel(), channel());
        let reading =
            [watch(writer.address, path.clone(), 1, tell_here), watch(other, path, 1, tell_there)];
        wait_for(&read_here, 1, 1);
        wait_for(&read_there, 1, 1);
        let claims = writer.leases.claim("bench", None, LEASE, 1, None).await.expect("a claim");
        let epoch = claims.first().expect("the request is due").epoch;
        let mut open = writer.journal.open(id).await.expect("a journal").expect("a request");
        for (seq, command) in (2..).zip(commands(id)) {
            open = writer.append(open, epoch, command).await;
            let (_, committed) = writer.store.last();
            for (read, samples) in [(&read_here, &mut here), (&read_there, &mut there)] {
                let arrival = wait_for(read, 1, seq)[0];
                if request >= WARM_UP_REQUESTS {
                    samples.push(arrival.at - committed);
                }
            }
        }
        for thread in reading {
            thread.join().expect("the readers end with the request");
        }
    }
    let what = "COMMIT to byte, reader on another server";
    println!("{}", row(what, &there, "to a reader on the same server", &here));
    println!("{}", row(what, &there, "the aim", &Samples::aim([5, 10])));
}

/// Events per second of all writers together, in turns with and without the doorbell.
async fn append_rate(ringing: &Parts, silent: &Parts) {
    let mut open = Vec::new();
    for _ in 0..WRITERS {
        let id = ringing.ask().await;
        let claims = ringing.leases.claim("bench", None, LEASE, 1, None).await.expect("a claim");
        let epoch = claims.first().expect("the request is due").epoch;
        let request = ringing.journal.open(id).await.expect("a journal").expect("a request");
        let vcenter = VcenterId("bench".to_owned());
        let start = Command::Start { vcenter, worker: "bench".to_owned() };
        open.push((ringing.append(request, epoch, start).await, epoch));
    }
    let (mut with, mut without) = (Duration::ZERO, Duration::ZERO);
    for round in 0..ROUNDS {
        let turns = [(ringing, &mut with), (silent, &mut without)];
        let turns: Vec<_> =
            if round % 2 == 0 { turns.into() } else { turns.into_iter().rev().collect() };
        for (parts, took) in turns {
            let begun = Instant::now();
            open = all_append(parts, open).await;
            *took += begun.elapsed();
        }
    }
    let appends = u32::try_from(WRITERS * APPENDS * ROUNDS).expect("small");
    let rate = |took: Duration| f64::from(appends) / took.as_secs_f64();
    println!(
        "appends per second, {WRITERS} writers, doorbell on ({appends})\t{:.0}\t\tthe same, doorbell off\t{:.0}\t\t{:.2}",
        rate(with),
        rate(without),
        rate(with) / rate(without)
    );
}

async fn all_append(
    parts: &Parts,
    open: Vec<(OpenRequest, LeaseEpoch)>,
) -> Vec<(OpenRequest, LeaseEpoch)> {
    let writing: Vec<_> = open
        .into_iter()
        .map(|(mut request, epoch)| {
            let journal = Arc::clone(&parts.journal);
            tokio::spawn(async move {
                for _ in 0..APPENDS {
                    // The one fact that can be recorded any number of times.
                    let resume = Command::Resume { worker: "bench".to_owned(), task: None };
                    journal.record(&mut request, Some(epoch), resume).await.expect("an append");
                }
                (request, epoch)
            })
        })
        .collect();
    let mut open = Vec::new();
    for writer in writing {
        open.push(writer.await.expect("no panic"));
    }
    open
}
