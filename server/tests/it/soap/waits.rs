//! Waiting for tasks and guests.

use std::time::{Duration, Instant};

use serde_json::json;
use server::infrastructure::vsphere::api::{TaskState, VcenterApi as _};

use super::vcsim::{DEADLINE, PATIENCE, Vcsim, clone_spec, ended, fault, make_vm};
use crate::support::in_time;

#[tokio::test]
async fn a_slow_task_is_seen_at_each_step() {
    let vcsim = Vcsim::start_with(&["-task-delay", "1s"]);
    let client = vcsim.client();
    let task = client.clone_vm(&clone_spec("web-1"), DEADLINE).await.unwrap();
    let mut seen = vec![client.wait_for_task(&task, None, PATIENCE).await.unwrap()];
    while matches!(seen.last().unwrap().state, TaskState::Queued | TaskState::Running) {
        seen.push(client.wait_for_task(&task, seen.last(), PATIENCE).await.unwrap());
    }
    let states: Vec<_> = seen.iter().map(|info| info.state.clone()).collect();
    // The first look may come when it runs already.
    let running = states.iter().position(|state| *state == TaskState::Running);
    let running = running.expect("it was seen to run");
    assert!(!states[running..].contains(&TaskState::Queued), "{states:?}");
    assert_eq!(states.last(), Some(&TaskState::Success));
    let percents: Vec<_> = seen.iter().filter_map(|info| info.percent).collect();
    assert!(percents.is_sorted() && percents.len() >= 3, "{percents:?}");
    assert!(seen.last().unwrap().result.is_some());
    // One collector was enough for all these waits.
    assert_eq!(vcsim.calls("CreatePropertyCollector").await, 1);
}

#[tokio::test]
async fn without_news_a_wait_ends_in_time() {
    let vcsim = Vcsim::start();
    vcsim.withhold_addresses(true).await;
    let client = vcsim.client();
    let vm = make_vm(&client, "web-1").await;
    let now = client.wait_for_guest(&vm, None, PATIENCE).await.unwrap();
    // Waits of a second and more end at a whole one.
    let waits = [(0, 0), (200, 200), (1_300, 1_000)];
    for (wait, least) in waits.map(|(wait, least)| (Duration::from_millis(wait), least)) {
        let started = Instant::now();
        let same = in_time("the end of a wait", client.wait_for_guest(&vm, Some(&now), wait));
        assert_eq!(same.await.unwrap(), now);
        let took = started.elapsed();
        assert!(took >= Duration::from_millis(least), "{took:?} for {wait:?}");
    }
}

#[tokio::test]
async fn news_between_two_waits_is_not_missed() {
    let vcsim = Vcsim::start();
    vcsim.withhold_addresses(true).await;
    let client = vcsim.client();
    let vm = make_vm(&client, "web-1").await;
    let before = client.wait_for_guest(&vm, None, PATIENCE).await.unwrap();
    vcsim.give_addresses("web-1", &["10.30.7.7".to_owned()]).await;
    for wait in [PATIENCE, Duration::ZERO] {
        let after = client.wait_for_guest(&vm, Some(&before), wait).await.unwrap();
        assert_eq!(after.ip_address, Some("10.30.7.7".parse().unwrap()));
    }
}

#[tokio::test]
async fn an_address_that_is_withheld_comes_later() {
    let vcsim = Vcsim::start();
    vcsim.withhold_addresses(true).await;
    let client = vcsim.client();
    let vm = make_vm(&client, "web-1").await;
    ended(&client, client.power_on(&vm, DEADLINE).await).await.unwrap();
    let mut guest = client.wait_for_guest(&vm, None, PATIENCE).await.unwrap();
    while !guest.tools_running {
        guest = client.wait_for_guest(&vm, Some(&guest), PATIENCE).await.unwrap();
    }
    assert_eq!(guest.nics[0].addresses, ["fe80::1".parse::<std::net::IpAddr>().unwrap()]);
    vcsim.withhold_addresses(false).await;
    let guest = client.wait_for_guest(&vm, Some(&guest), PATIENCE).await.unwrap();
    assert!(guest.ip_address.unwrap().to_string().starts_with("10.30."));
    assert_eq!(guest.nics[0].addresses.len(), 2);
}

#[tokio::test]
async fn a_vm_that_is_destroyed_ends_the_wait() {
    let vcsim = Vcsim::start();
    let client = vcsim.client();
    let vm = make_vm(&client, "web-1").await;
    let now = client.wait_for_guest(&vm, None, PATIENCE).await.unwrap();
    let (outcome, ()) =
        tokio::join!(client.wait_for_guest(&vm, Some(&now), PATIENCE), vcsim.destroy("web-1"));
    assert_eq!(fault(outcome).kind, "ManagedObjectNotFound");
}

#[tokio::test]
async fn a_cancelled_wait_cleans_up() {
    let vcsim = Vcsim::start();
    vcsim.withhold_addresses(true).await;
    let client = vcsim.client();
    let vm = make_vm(&client, "web-1").await;
    let now = client.wait_for_guest(&vm, None, PATIENCE).await.unwrap();
    let destroyed = vcsim.calls("DestroyPropertyCollector").await;
    let wait = client.wait_for_guest(&vm, Some(&now), PATIENCE);
    tokio::time::timeout(Duration::from_millis(100), wait).await.unwrap_err();
    let cleaned = tokio::time::timeout(PATIENCE, async {
        while vcsim.calls("DestroyPropertyCollector").await == destroyed {}
    });
    cleaned.await.unwrap();
}

/// vCenter keeps a view until it is destroyed: a list that nobody waited for must not leave one behind.
#[tokio::test]
async fn a_list_that_is_given_up_cleans_up() {
    let vcsim = Vcsim::start();
    let client = vcsim.client();
    client.templates().await.unwrap();
    for method in ["CreateContainerView", "RetrievePropertiesEx"] {
        let made = vcsim.calls("CreateContainerView").await;
        vcsim.rule(method, "delay", json!({ "delayMs": 3_000 })).await;
        let begun = async { while vcsim.calls("CreateContainerView").await <= made {} };
        tokio::select! {
            biased;
            list = client.templates() => panic!("{method} was to be slow: {list:?}"),
            () = in_time("the view", begun) => {}
        }
        let cleaned = tokio::time::timeout(PATIENCE, async {
            while vcsim.calls("DestroyView").await < vcsim.calls("CreateContainerView").await {}
        });
        cleaned.await.unwrap();
    }
}
