//! Logging in: once, again when vCenter has forgotten us, and not again after a refusal.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use server::infrastructure::vsphere::api::{TaskState, VcenterApi as _};
use server::infrastructure::vsphere::soap::{SoapClient, SoapSettings};
use uuid::Uuid;

use super::vcsim::{
    DEADLINE, PATIENCE, Vcsim, assert_no_secret, clone_spec, ended, fault, make_vm,
};

#[tokio::test]
async fn the_identity_is_known_without_a_login() {
    let vcsim = Vcsim::start_with(&["-instance-uuid", "11111111-2222-3333-4444-555555555555"]);
    let settings = SoapSettings { password: "wrong".into(), ..vcsim.settings() };
    let client = SoapClient::new(settings).unwrap();
    let id = client.vcenter().await.unwrap();
    assert_eq!(id.0, "11111111-2222-3333-4444-555555555555");
    assert_eq!(vcsim.calls("Login").await, 0);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    let vcsim = Vcsim::start();
    let settings = SoapSettings { password: "s3cret but wrong".into(), ..vcsim.settings() };
    let client = SoapClient::new(settings).unwrap();
    let outcomes = join_all((0..5).map(|_| client.templates())).await;
    for outcome in outcomes {
        let fault = fault(outcome);
        assert_eq!(fault.kind, "InvalidLogin");
        let words = "Cannot complete login due to an incorrect user name or password.";
        assert_eq!(fault.message, words);
    }
    assert_eq!(fault(client.find_by_name("a").await).kind, "InvalidLogin");
    assert_eq!(vcsim.calls("Login").await, 1);
    assert_no_secret(&format!("{client:?} {:?}", client.templates().await));
}

/// Who asks may not wait for a slow login; its refusal is remembered all the same, since vCenter locks an
/// account after a few of them.
#[tokio::test]
async fn a_refusal_that_nobody_waited_for_is_remembered() {
    let vcsim = Vcsim::start();
    let settings = SoapSettings { password: "wrong".into(), ..vcsim.settings() };
    let client = SoapClient::new(settings).unwrap();
    client.vcenter().await.unwrap();
    vcsim.rule("Login", "delay", json!({ "delayMs": 500 })).await;
    for _ in 0..6 {
        tokio::time::timeout(Duration::from_millis(50), client.find_by_name("a")).await.ok();
    }
    assert_eq!(fault(client.find_by_name("a").await).kind, "InvalidLogin");
    assert_eq!(vcsim.calls("Login").await, 1);
}

#[tokio::test]
async fn the_password_is_nowhere_to_be_seen() {
    let vcsim = Vcsim::start();
    let client = vcsim.client();
    client.templates().await.unwrap();
    assert_no_secret(&format!("{client:?} {:?}", vcsim.settings()));
}

#[tokio::test]
async fn many_calls_share_one_login() {
    let vcsim = Vcsim::start();
    let client = vcsim.client();
    for outcome in join_all((0..8).map(|_| client.templates())).await {
        assert_eq!(outcome.unwrap().len(), 3);
    }
    assert_eq!(vcsim.calls("Login").await, 1);
    assert_eq!(vcsim.expire_sessions().await, 1);
}

#[tokio::test]
async fn a_forgotten_session_is_renewed_once_for_all() {
    let vcsim = Vcsim::start();
    let client = vcsim.client();
    let vm = make_vm(&client, "web-1").await;
    assert_eq!(vcsim.expire_sessions().await, 1);

    // The first is answered with missing properties, the others with faults.
    let (info, by_uuid, by_name, templates) = tokio::join!(
        client.vm(&vm),
        client.find_by_instance_uuid(clone_spec("web-1").instance_uuid),
        client.find_by_name("web-1"),
        client.templates(),
    );
    assert_eq!(info.unwrap().unwrap().name, "web-1");
    assert_eq!(by_uuid.unwrap().as_ref(), Some(&vm));
    assert_eq!(by_name.unwrap().as_ref(), Some(&vm));
    assert_eq!(templates.unwrap().len(), 3);
    assert_eq!(vcsim.calls("Login").await, 2);

    vcsim.expire_sessions().await;
    ended(&client, client.power_on(&vm, DEADLINE).await).await.unwrap();
    vcsim.expire_sessions().await;
    assert_eq!(client.find_by_instance_uuid(Uuid::from_u128(1)).await.unwrap(), None);
    assert_eq!(vcsim.calls("Login").await, 4);
}

#[tokio::test]
async fn a_wait_goes_on_in_a_new_session() {
    let vcsim = Vcsim::start_with(&["-task-delay", "3s"]);
    let client = vcsim.client();
    let task = client.clone_vm(&clone_spec("web-1"), DEADLINE).await.unwrap();
    let first = client.wait_for_task(&task, None, PATIENCE).await.unwrap();
    let second = client.wait_for_task(&task, Some(&first), PATIENCE).await.unwrap();
    assert_ne!(first, second);
    // The collector that was kept ends with its session.
    vcsim.expire_sessions().await;
    let last = ended(&client, Ok(task)).await.unwrap();
    assert_eq!(last.state, TaskState::Success);
    assert_eq!(vcsim.calls("Login").await, 2);
}

#[tokio::test]
async fn logging_out_ends_the_session() {
    let vcsim = Vcsim::start();
    let client = vcsim.client();
    client.log_out().await.unwrap();
    client.templates().await.unwrap();
    client.log_out().await.unwrap();
    assert_eq!(vcsim.calls("Logout").await, 1);
    assert_eq!(vcsim.expire_sessions().await, 0);
    client.templates().await.unwrap();
}
