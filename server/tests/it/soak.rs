//! The soak: three servers on one PostgreSQL and one vCenter. At random the servers are killed, ended and
//! frozen, and come back; backends of PostgreSQL are ended, and calls to vCenter fail or get lost. PostgreSQL
//! and vCenter themselves run on. Meanwhile people ask for VMs, and readers come and go. Afterwards every
//! reader has seen every event once, in order, with the same bytes, and vCenter holds exactly the VMs that
//! it should.
//!
//! It is short among the other tests; `make soak` lets it run for as long as one likes (`STAGEWATCH_SOAK_MINUTES`).
//! What is done is a function of the seed, which is printed and can be given as `STAGEWATCH_SOAK_SEED`;
//! when it is done is not, since machines are not.

mod chaos;
mod life;
mod oracle;
mod reader;
mod servers;

use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::soap::vcsim::Vcsim;
use crate::support::postgres::TestDatabase;
use servers::Servers;

/// How long it goes on among the other tests.
const SHORT: Duration = Duration::from_secs(20);
/// How long a task of vCenter takes: as long as a few of the things that go wrong.
const TASK_TIME: &str = "400ms";
/// People who ask for one VM after the other.
const PEOPLE: u32 = 6;

/// What has happened, for the report.
#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    ready: AtomicU64,
    cancelled: AtomicU64,
    events: AtomicU64,
    readers: AtomicU64,
    connections: AtomicU64,
    frames: AtomicU64,
    drops: AtomicU64,
    stalls: AtomicU64,
    killed: AtomicU64,
    terminated: AtomicU64,
    frozen: AtomicU64,
    backends: AtomicU64,
    vcenter: AtomicU64,
}

fn count(what: &AtomicU64) {
    what.fetch_add(1, Ordering::Relaxed);
}

/// Everything that the parts of a soak share.
struct Soak {
    seed: u64,
    counts: Counts,
    database: TestDatabase,
    vcenter: Vcsim,
    servers: Servers,
    /// Nothing new is begun, and nothing more goes wrong.
    enough: CancellationToken,
}

impl Soak {
    /// The random numbers of one part: the same ones for the same seed.
    fn rng(&self, part: u64) -> StdRng {
        StdRng::seed_from_u64(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(part))
    }

    /// A pause that ends early when it is enough; whether it is not.
    async fn pause(&self, millis: u64) -> bool {
        let pause = tokio::time::sleep(Duration::from_millis(millis));
        self.enough.run_until_cancelled(pause).await.is_some()
    }

    fn report(&self, readers: &reader::Findings) -> String {
        let counts = &self.counts;
        let mut report = format!("soak, seed {}:", self.seed);
        for (value, what) in [
            (&counts.requests, "requests"),
            (&counts.ready, "ready"),
            (&counts.cancelled, "cancelled"),
            (&counts.events, "events"),
            (&counts.readers, "readers"),
            (&counts.connections, "connections of readers"),
            (&counts.frames, "numbered frames read"),
            (&counts.drops, "readers dropped"),
            (&counts.stalls, "readers stalled"),
            (&counts.killed, "kill -9 of a server"),
            (&counts.terminated, "SIGTERM of a server"),
            (&counts.frozen, "SIGSTOP of a server"),
            (&counts.backends, "backends of PostgreSQL terminated"),
            (&counts.vcenter, "faults of vCenter"),
        ] {
            write!(report, " {} {what},", value.load(Ordering::Relaxed)).expect("memory");
        }
        let reader::Findings { lost, out_of_order, duplicate, resets, extra_vms } = readers;
        write!(
            report,
            " {lost} lost, {out_of_order} out of order, {duplicate} duplicate, {resets} resets, {extra_vms} extra VMs"
        )
        .expect("memory");
        report
    }
}

/// A setting of the soak's, from the environment.
fn setting<T: FromStr>(name: &str) -> Option<T> {
    #[expect(clippy::disallowed_methods, reason = "a setting of this test, not of the server")]
    let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} cannot be {value:?}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_nothing_is_lost_and_nothing_is_done_twice() {
    let minutes: Option<f64> = setting("STAGEWATCH_SOAK_MINUTES");
    let length = minutes.map_or(SHORT, |minutes| Duration::from_secs_f64(minutes * 60.0));
    let seed = setting("STAGEWATCH_SOAK_SEED").unwrap_or_else(|| rand::rng().random());
    eprintln!("soak, seed {seed}, for {} s", length.as_secs());

    let vcenter = Vcsim::start_with(&["-task-delay", TASK_TIME, "-address-delay", "200ms"]);
    let database = TestDatabase::new().await;
    let servers = Servers::start(&database.url(), &vcenter).await;
    let (counts, enough) = (Counts::default(), CancellationToken::new());
    let soak = Arc::new(Soak { seed, counts, database, vcenter, servers, enough });

    let mut people = JoinSet::new();
    for person in 0..PEOPLE {
        people.spawn(life::person(Arc::clone(&soak), person));
    }
    let mut chaos = chaos::start(&soak);
    tokio::select! {
        () = tokio::time::sleep(length) => {}
        // None ends before it is enough: one that has has found something wrong.
        Some(failed) = people.join_next() => drop(failed.expect("what people ask for goes well")),
        Some(failed) = chaos.join_next() => failed.expect("what goes wrong goes as planned"),
    }
    soak.enough.cancel();
    while let Some(done) = chaos.join_next().await {
        done.expect("what goes wrong goes as planned");
    }
    let mut lives = Vec::new();
    while let Some(done) = people.join_next().await {
        lives.extend(done.expect("what people ask for goes well"));
    }
    let findings = oracle::check(&soak, &lives).await;
    let report = soak.report(&findings);
    eprintln!("{report}");
    assert_eq!(findings, reader::Findings::default(), "{report}");
    assert!(!lives.is_empty(), "{report}");
}
