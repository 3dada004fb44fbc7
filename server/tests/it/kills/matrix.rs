//! The matrix: a server is killed at every point that its work comes to, going forward, undoing, taking
//! over from one that was killed, renewing its lease, and in the attempt after a person's retry; and the
//! next one must bring the request to its true end: every event once and in order, one VM or none, and
//! nothing left over.

use std::collections::BTreeMap;
use std::io::Write;

use futures_util::future::join_all;

use super::lane::Lane;
use super::scenario::{AT_ONCE, Kill, Scenario};

/// How many servers die side by side. Most of the time is spent with starting them.
const LANES: usize = 4;

/// Nothing runs out while a test looks around.
const PATIENT: &[(&str, &str)] =
    &[("STAGEWATCH_LEASE", "10m"), ("VSPHERE_NETWORK_TIMEOUT", "100ms")];

/// A lease is renewed before the wait for an address has ended.
const RENEWING: &[(&str, &str)] = &[
    ("STAGEWATCH_LEASE", "2s"),
    ("VSPHERE_CALL_TIMEOUT", "1s"),
    ("VSPHERE_NETWORK_TIMEOUT", "3s"),
];

/// Where servers die whose successors are killed as well, at every point of taking over.
const TAKEN_OVER_AFTER: [(Scenario, &str); 4] = [
    // The clone runs, and nobody has heard of it.
    (Scenario::Made, "CLONING: after CloneVM_Task"),
    // The VM runs already.
    (Scenario::Made, "POWERING_ON: after PowerOnVM_Task"),
    // In an undo.
    (Scenario::NoAddress, "UNDONE PoweredOff: before Destroy_Task"),
    (Scenario::Cancelled, "VmProvisioningCancelRequested: before CancelTask"),
];

/// Where a lease can be renewed: only while something lasts.
const RENEWALS: [&str; 2] = ["before renewal", "after renewal"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_point_a_request_comes_to_its_true_end() {
    let kills = &kills().await;
    let renewals = &kills_at_renewals();
    tell(kills.iter().chain(renewals));
    let patient = join_all((0..LANES).map(async |number| {
        let mut lane = Lane::new(number + 1, PATIENT).await;
        let mut victim = lane.server().await;
        for kill in kills.iter().skip(number).step_by(LANES) {
            eprintln!("{kill:?}");
            victim = lane.kill(victim, kill).await;
        }
    }));
    let renewing = async {
        let mut lane = Lane::new(LANES + 1, RENEWING).await;
        let mut victim = lane.server().await;
        for kill in renewals {
            eprintln!("{kill:?}");
            victim = lane.kill(victim, kill).await;
        }
    };
    tokio::join!(patient, renewing);
}

/// Every point that work comes to.
async fn kills() -> Vec<Kill> {
    let mut scout = Lane::new(0, PATIENT).await;
    let mut victim = scout.server().await;
    let mut kills = Vec::new();
    for scenario in AT_ONCE {
        let points = scout.scout(&mut victim, scenario).await;
        kills.extend(points.into_iter().map(|point| Kill::once(scenario, point)));
    }
    for (scenario, point) in TAKEN_OVER_AFTER {
        let points;
        (victim, points) = scout.scout_takeover(victim, scenario, point).await;
        kills.extend(points.into_iter().map(|then| Kill::twice(scenario, point, then)));
    }
    kills
}

/// While a clone hangs, also for the one that has taken over, and while an address is waited for.
fn kills_at_renewals() -> Vec<Kill> {
    let (hung, no_address) = (Scenario::Hung, Scenario::NoAddress);
    let clone_runs = "CLONING: after checkpoint Some(Clone)";
    let kills = RENEWALS.map(|renewal| {
        [
            Kill::once(hung, format!("CLONING: {renewal}")),
            Kill::once(no_address, format!("WAITING_FOR_NETWORK: {renewal}")),
            Kill::twice(hung, clone_runs, format!("TAKEN OVER: {renewal}")),
        ]
    });
    kills.into_iter().flatten().collect()
}

/// Prints how many kills there are, and where, also when all goes well.
fn tell<'a>(kills: impl Iterator<Item = &'a Kill>) {
    let mut parts: BTreeMap<Scenario, Vec<(String, usize)>> = BTreeMap::new();
    let mut all = 0;
    for kill in kills {
        all += 1 + usize::from(kill.then.is_some());
        let (part, parts) = (kill.part(), parts.entry(kill.scenario).or_default());
        match parts.iter_mut().find(|(known, _)| *known == part) {
            Some((_, count)) => *count += 1,
            None => parts.push((part, 1)),
        }
    }
    let mut told = format!("kill matrix: {all} kills\n");
    for (scenario, parts) in parts {
        let parts: Vec<_> = parts.iter().map(|(part, count)| format!("{part} {count}")).collect();
        told.push_str(&format!("  {scenario:?}: {}\n", parts.join(", ")));
    }
    // Not by a macro: what those print is kept back when the test passes.
    std::io::stderr().write_all(told.as_bytes()).ok();
}
