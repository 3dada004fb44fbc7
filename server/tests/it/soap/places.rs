//! Where VMs are made: the only one there is, the one that is named, or a list of the choices.

use server::infrastructure::vsphere::api::VcenterApi as _;
use server::infrastructure::vsphere::soap::{Placement, SoapClient};

use super::vcsim::{DEADLINE, Vcsim, clone_spec, ended, make_vm};

fn named(name: &str) -> Option<String> {
    Some(name.to_owned())
}

async fn refusal(client: &SoapClient) -> String {
    let of_clone = client.clone_vm(&clone_spec("web-1"), DEADLINE).await.unwrap_err().to_string();
    // All that needs a place says the same.
    assert_eq!(client.templates().await.unwrap_err().to_string(), of_clone);
    assert_eq!(client.find_by_name("web-1").await.unwrap_err().to_string(), of_clone);
    of_clone
}

#[tokio::test]
async fn a_standalone_host_does_not_count_beside_a_cluster() {
    let vcsim = Vcsim::start();
    make_vm(&vcsim.client(), "in-the-cluster").await;
    let of_cluster = vcsim.machine("DC0_C0_RP0_VM3").await.unwrap().pool;
    assert_eq!(vcsim.machine("in-the-cluster").await.unwrap().pool, of_cluster);

    let placement = Placement { cluster: named("DC0_H0"), ..Placement::default() };
    make_vm(&vcsim.client_at(placement), "on-the-host").await;
    let of_host = vcsim.machine("DC0_H0_VM0").await.unwrap().pool;
    assert_eq!(vcsim.machine("on-the-host").await.unwrap().pool, of_host);
    assert_ne!(of_host, of_cluster);
}

#[tokio::test]
async fn a_cluster_without_drs_gets_a_host_named() {
    let vcsim = Vcsim::start_with(&["-no-drs"]);
    make_vm(&vcsim.client(), "web-1").await;
    let host = vcsim.machine("web-1").await.unwrap().host;
    assert!(host.starts_with("DC0_C0_H"), "{host}");
}

#[tokio::test]
async fn names_and_paths_are_understood() {
    let vcsim = Vcsim::start();
    let placement = Placement {
        datacenter: named("DC0"),
        cluster: named("/DC0/host/DC0_C0"),
        folder: named("DC0/vm"),
        pool: named("DC0_C0/Resources"),
        datastore: named("LocalDS_0"),
        network: named("VM Network"),
        template_folder: named("vm"),
    };
    let client = vcsim.client_at(placement);
    make_vm(&client, "web-1").await;
    assert_eq!(vcsim.machine("web-1").await.unwrap().networks, ["VM Network"]);
    assert!(client.find_by_name("web-1").await.unwrap().is_some());
}

#[tokio::test]
async fn a_wrong_name_lists_the_choices() {
    let vcsim = Vcsim::start();
    let other = || named("other");
    let none = Placement::default;
    for (placement, reason) in [
        (
            Placement { datacenter: other(), ..none() },
            "datacenter \"other\" does not exist (VSPHERE_DATACENTER); there are: DC0",
        ),
        (
            Placement { cluster: other(), ..none() },
            "cluster \"other\" does not exist (VSPHERE_CLUSTER); there are: DC0_C0, DC0_H0",
        ),
        (
            Placement { pool: other(), ..none() },
            "pool \"other\" does not exist (VSPHERE_POOL); there are: Resources",
        ),
        (
            Placement { datastore: other(), ..none() },
            "datastore \"other\" does not exist (VSPHERE_DATASTORE); there are: LocalDS_0",
        ),
        (
            Placement { folder: other(), ..none() },
            "folder \"other\" does not exist (VSPHERE_FOLDER); there are: vm",
        ),
        (
            Placement { template_folder: other(), ..none() },
            "folder \"other\" does not exist (VSPHERE_TEMPLATE_FOLDER); there are: vm",
        ),
    ] {
        assert_eq!(refusal(&vcsim.client_at(placement)).await, reason);
    }
    assert_eq!(vcsim.calls("CloneVM_Task").await, 0);
}

#[tokio::test]
async fn several_are_a_question() {
    let vcsim = Vcsim::start_with(&["-datacenters", "2", "-datastores", "3"]);
    let reason = refusal(&vcsim.client()).await;
    assert_eq!(reason, "set VSPHERE_DATACENTER to one of: DC0, DC1");

    let placement = Placement { datacenter: named("DC0"), ..Placement::default() };
    let reason = refusal(&vcsim.client_at(placement.clone())).await;
    assert_eq!(reason, "set VSPHERE_DATASTORE to one of: LocalDS_0, LocalDS_1, LocalDS_2");

    let client = vcsim.client_at(Placement { datastore: named("LocalDS_1"), ..placement });
    make_vm(&client, "web-1").await;
}

#[tokio::test]
async fn a_place_is_looked_up_once() {
    let vcsim = Vcsim::start();
    let client = vcsim.client();
    client.find_by_name("a").await.unwrap();
    let views = vcsim.calls("CreateContainerView").await;
    client.find_by_name("b").await.unwrap();
    client.find_by_name("c").await.unwrap();
    assert_eq!(vcsim.calls("CreateContainerView").await, views);
}

#[tokio::test]
async fn a_place_that_is_gone_is_looked_up_again() {
    let vcsim = Vcsim::start();
    let client = vcsim.client();
    client.find_by_name("a").await.unwrap();
    let views = vcsim.calls("CreateContainerView").await;
    let gone = serde_json::json!({ "fault": "ManagedObjectNotFound" });
    vcsim.rule("FindChild", "fault", gone.clone()).await;
    assert_eq!(client.find_by_name("a").await.unwrap(), None);
    assert_eq!(vcsim.calls("CreateContainerView").await, views + 1);

    vcsim.rule("CloneVM_Task", "fault", gone).await;
    let task = client.clone_vm(&clone_spec("a"), DEADLINE).await;
    ended(&client, task).await.unwrap();
    assert_eq!(vcsim.calls("CloneVM_Task").await, 2);
}
