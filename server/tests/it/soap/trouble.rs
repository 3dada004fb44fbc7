//! What is said when vCenter is not answering, or is not the one it should be.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use server::infrastructure::vsphere::api::{ApiError, VcenterApi as _};
use server::infrastructure::vsphere::soap::{SoapClient, SoapSettings};
use url::Url;

use super::vcsim::{
    DEADLINE, PATIENCE, Vcsim, assert_no_secret, clone_spec, ended, fault, lost, make_vm,
};
use crate::support::in_time;

/// Both that need a login and what needs none say why the certificate is not trusted.
async fn distrust(settings: SoapSettings) -> String {
    let client = SoapClient::new(settings).unwrap();
    let Err(ApiError::Certificate { reason }) = client.vcenter().await else { panic!("trusted") };
    let Err(ApiError::Certificate { reason: same }) = client.templates().await else {
        panic!("trusted")
    };
    assert_eq!(reason, same);
    assert!(!reason.contains('\n'));
    reason
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_not_trusted() {
    let (vcsim, other) = (Vcsim::start(), Vcsim::start());
    let ca_file = other.settings().ca_file;
    let settings = SoapSettings { ca_file, ..vcsim.settings() };
    let port = settings.url.port().unwrap();
    let reason = distrust(settings).await;
    let begin = format!("the certificate of 127.0.0.1:{port} is not trusted (");
    assert!(reason.starts_with(&begin), "{reason}");
    assert!(reason.contains("VSPHERE_CA_FILE"), "{reason}");
    // Nothing was sent.
    assert_eq!(vcsim.calls("Login").await + vcsim.calls("RetrieveServiceContent").await, 0);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_trusted() {
    let vcsim = Vcsim::start_with(&["-listen", "127.0.0.2:0"]);
    let reason = distrust(vcsim.settings()).await;
    assert!(reason.contains("is for another name") && reason.contains("VSPHERE_URL"), "{reason}");
}

#[tokio::test]
async fn a_name_in_the_certificate_is_trusted() {
    let vcsim = Vcsim::start();
    let mut settings = vcsim.settings();
    settings.url.set_host(Some("localhost")).unwrap();
    // And a URL without a path is completed.
    settings.url.set_path("");
    SoapClient::new(settings).unwrap().templates().await.unwrap();
}

#[tokio::test]
async fn a_ca_file_that_cannot_be_used_is_named() {
    let vcsim = Vcsim::start();
    let missing = PathBuf::from("/nowhere/ca.pem");
    let reason = distrust(SoapSettings { ca_file: Some(missing), ..vcsim.settings() }).await;
    assert!(reason.starts_with("VSPHERE_CA_FILE (/nowhere/ca.pem): No such file"), "{reason}");

    let empty = vcsim.folder().join("empty.pem");
    std::fs::write(&empty, "no certificate\n").unwrap();
    let reason = distrust(SoapSettings { ca_file: Some(empty), ..vcsim.settings() }).await;
    assert!(reason.ends_with("there is no certificate in PEM form in it"), "{reason}");
}

#[tokio::test]
async fn a_ca_file_that_was_mended_is_used() {
    let vcsim = Vcsim::start();
    let later = vcsim.folder().join("later.pem");
    let settings = vcsim.settings();
    let good = settings.ca_file.clone().unwrap();
    let client =
        SoapClient::new(SoapSettings { ca_file: Some(later.clone()), ..settings }).unwrap();
    assert!(matches!(client.vcenter().await, Err(ApiError::Certificate { .. })));
    std::fs::copy(good, later).unwrap();
    client.vcenter().await.unwrap();
}

#[test]
fn a_url_that_cannot_be_used_is_refused() {
    let settings = |url: &str| SoapSettings {
        url: Url::parse(url).unwrap(),
        username: "user".to_owned(),
        password: "s3cret".into(),
        ca_file: None,
        placement: Default::default(),
        call_timeout: DEADLINE,
    };
    for (url, reason) in [
        ("http://vcenter/sdk", "VSPHERE_URL must begin with https://"),
        ("https://a:s3cret@vcenter/sdk", "VSPHERE_URL must not hold a user or password"),
    ] {
        let error = SoapClient::new(settings(url)).unwrap_err().to_string();
        assert!(error.starts_with(reason), "{error}");
        assert_no_secret(&format!("{error} {:?}", settings(url)));
    }
}

#[tokio::test]
async fn nobody_there_is_said_in_plain_words() {
    let vcsim = Vcsim::start();
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut settings = vcsim.settings();
    settings.url.set_port(Some(port)).unwrap();
    let client = SoapClient::new(settings).unwrap();
    let expected = format!("127.0.0.1:{port} refuses connections");
    assert_eq!(lost(client.vcenter().await), expected);
    assert_eq!(lost(client.templates().await), expected);
}

#[tokio::test]
async fn an_http_error_is_told_by_its_status() {
    let vcsim = Vcsim::start();
    let client = vcsim.client();
    client.templates().await.unwrap();
    for (status, words) in [(503, "503 Service Unavailable"), (500, "500 Internal Server Error")] {
        vcsim.rule("FindByUuid", "status", json!({ "status": status })).await;
        let reason = lost(client.find_by_instance_uuid(uuid::Uuid::nil()).await);
        assert!(reason.ends_with(&format!(" answered {words}")), "{reason}");
        assert!(!reason.contains('\n'));
    }
    client.find_by_instance_uuid(uuid::Uuid::nil()).await.unwrap();

    vcsim.rule("*", "status", json!({})).await;
    assert!(lost(client.vcenter().await).ends_with("answered 503 Service Unavailable"));
}

#[tokio::test]
async fn what_is_no_vcenter_is_said_to_be_none() {
    let vcsim = Vcsim::start();
    let mut settings = vcsim.settings();
    settings.url.set_path("/elsewhere");
    let reason = lost(SoapClient::new(settings).unwrap().vcenter().await);
    assert!(reason.ends_with("answered 404 Not Found"), "{reason}");
}

#[tokio::test]
async fn a_lost_request_has_no_effect_and_is_not_repeated() {
    let vcsim = Vcsim::start();
    let client = vcsim.client();
    vcsim.rule("CloneVM_Task", "drop", json!({})).await;
    let reason = lost(client.clone_vm(&clone_spec("web-1"), DEADLINE).await);
    assert!(reason.ends_with("broke before the answer came"), "{reason}");
    assert_eq!(vcsim.calls("CloneVM_Task").await, 1);
    assert!(vcsim.machine("web-1").await.is_none());
    make_vm(&client, "web-1").await;
}

#[tokio::test]
async fn a_lost_reply_has_its_effect() {
    let vcsim = Vcsim::start();
    let client = vcsim.client();
    vcsim.rule("CloneVM_Task", "drop-reply", json!({})).await;
    lost(client.clone_vm(&clone_spec("web-1"), DEADLINE).await);
    let uuid = clone_spec("web-1").instance_uuid;
    let found = tokio::time::timeout(PATIENCE, async {
        while client.find_by_instance_uuid(uuid).await.unwrap().is_none() {}
    });
    found.await.unwrap();
    assert_eq!(vcsim.calls("CloneVM_Task").await, 1);
}

#[tokio::test]
async fn a_vcenter_that_hangs_is_given_up_in_time() {
    let vcsim = Vcsim::start();
    let vm = make_vm(&vcsim.client(), "web-1").await;
    let call_timeout = Duration::from_secs(3);
    let client = SoapClient::new(SoapSettings { call_timeout, ..vcsim.settings() }).unwrap();

    vcsim.rule("FindByUuid", "delay", json!({ "delayMs": 600_000 })).await;
    let asked = client.find_by_instance_uuid(uuid::Uuid::nil());
    let reason = lost(in_time("the end of the call", asked).await);
    assert!(reason.ends_with("in time"), "{reason}");

    // The deadline of a change is kept even where the call timeout is longer.
    let client = vcsim.client();
    client.templates().await.unwrap();
    vcsim.rule("PowerOnVM_Task", "delay", json!({ "delayMs": 600_000 })).await;
    let changed = client.power_on(&vm, Duration::from_millis(300));
    lost(in_time("the end of the call", changed).await);
}

#[tokio::test]
async fn a_fault_is_told_with_vcenters_words() {
    let vcsim = Vcsim::start();
    let client = vcsim.client();
    let words = "Permission to perform this operation was denied.";
    let denied = json!({ "fault": "NoPermission", "message": words });
    vcsim.rule("CloneVM_Task", "fault", denied).await;
    let outcome = client.clone_vm(&clone_spec("web-1"), DEADLINE).await;
    let error = outcome.as_ref().unwrap_err().to_string();
    assert_eq!(error, format!("CloneVM_Task: {words}"));
    let fault = fault(outcome);
    assert_eq!((fault.kind.as_str(), fault.message.as_str()), ("NoPermission", words));

    let full = json!({ "fault": "InsufficientResourcesFault" });
    vcsim.rule("CloneVM_Task", "task-fault", full).await;
    let task = client.clone_vm(&clone_spec("web-1"), DEADLINE).await;
    let fault = ended(&client, task).await.unwrap_err();
    // No words of its own: the type stands for them.
    assert_eq!(fault.kind, "InsufficientResourcesFault");
    assert_eq!(fault.message, "InsufficientResourcesFault");
    assert!(vcsim.machine("web-1").await.is_none());
}
