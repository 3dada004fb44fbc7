//! What goes wrong.

use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use rand::RngExt;
use serde_json::json;
use tokio::task::JoinSet;

use super::servers::{LEASE, SERVERS};
use super::{Soak, count};

/// The parts of chaos have these numbers as seeds, apart from those of people and readers.
const PART: u64 = 1 << 48;

/// Lets everything go wrong until it is enough.
pub(super) fn start(soak: &Arc<Soak>) -> JoinSet<()> {
    let mut chaos = JoinSet::new();
    for place in 0..SERVERS {
        chaos.spawn(servers(Arc::clone(soak), place));
    }
    chaos.spawn(backends(Arc::clone(soak)));
    chaos.spawn(vcenter(Arc::clone(soak)));
    chaos
}

/// One server is killed, ended or stopped, and comes back.
async fn servers(soak: Arc<Soak>, place: usize) {
    let mut rng = soak.rng(PART + place as u64);
    while soak.pause(rng.random_range(1_500..7_000)).await {
        match rng.random_range(0..10) {
            0..5 => {
                soak.servers.kill(place).await;
                count(&soak.counts.killed);
            }
            5..8 => {
                soak.servers.terminate(place).await;
                count(&soak.counts.terminated);
            }
            _ => {
                soak.servers.signal(place, Signal::SIGSTOP).await;
                count(&soak.counts.frozen);
                // Often for longer than its leases last, so that it wakes up fenced off.
                let frozen = LEASE.mul_f64(rng.random_range(0.2..2.5));
                soak.pause(u64::try_from(frozen.as_millis()).expect("seconds")).await;
                soak.servers.signal(place, Signal::SIGCONT).await;
            }
        }
        soak.pause(rng.random_range(0..2_000)).await;
        soak.servers.start_at(place).await;
    }
}

/// Connections to PostgreSQL break.
async fn backends(soak: Arc<Soak>) {
    let mut rng = soak.rng(PART + 100);
    while soak.pause(rng.random_range(500..3_000)).await {
        let some: i64 = rng.random_range(1..12);
        let terminated: i64 = sqlx::query_scalar(
            "select count(pg_terminate_backend(pid))
             from (select pid from pg_stat_activity
                   where datname = current_database() and pid <> pg_backend_pid()
                     and application_name like 'stagewatch%'
                   order by random() limit $1) as chosen",
        )
        .bind(some)
        .fetch_one(&soak.database.pool)
        .await
        .expect("backends to terminate");
        let terminated = u64::try_from(terminated).expect("a number of backends");
        soak.counts.backends.fetch_add(terminated, std::sync::atomic::Ordering::Relaxed);
    }
}

/// vCenter loses requests and answers, is busy, and forgets who is logged in.
async fn vcenter(soak: Arc<Soak>) {
    let mut rng = soak.rng(PART + 200);
    while soak.pause(rng.random_range(300..2_500)).await {
        count(&soak.counts.vcenter);
        // What few calls come to would else pile up, until one meets nothing but faults.
        soak.vcenter.no_rules().await;
        let times = rng.random_range(1..4);
        let delay = Duration::from_millis(rng.random_range(50..1_500));
        let more = json!({ "times": times, "delayMs": delay.as_millis() });
        let method = ["CloneVM_Task", "ReconfigVM_Task", "PowerOnVM_Task", "Destroy_Task", "*"]
            [rng.random_range(0..5)];
        match rng.random_range(0..5) {
            0 => drop(soak.vcenter.expire_sessions().await),
            1 => soak.vcenter.rule(method, "drop", more).await,
            2 => soak.vcenter.rule(method, "drop-reply", more).await,
            3 => soak.vcenter.rule(method, "status", more).await,
            _ => soak.vcenter.rule(method, "delay", more).await,
        }
    }
    // What was not used up would go wrong after the end of what goes wrong.
    soak.vcenter.no_rules().await;
}
