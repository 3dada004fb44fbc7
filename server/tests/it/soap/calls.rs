//! Each operation, when nothing goes wrong, and what vCenter refuses.

use std::net::Ipv4Addr;

use server::domain::ids::MoRef;
use server::domain::spec::FixedAddress;
use server::infrastructure::vsphere::api::{
    ApiError, CloneSpec, ConfigSpec, Customization, VcenterApi as _,
};
use uuid::Uuid;

use super::vcsim::{DEADLINE, PATIENCE, Vcsim, clone_spec, ended, fault, make_vm};

#[tokio::test]
async fn templates_are_listed_with_what_they_need() {
    let vcsim = Vcsim::start();
    let templates = vcsim.client().templates().await.unwrap();
    let told: Vec<_> = templates
        .iter()
        .map(|t| (t.name.as_str(), t.guest.as_str(), t.cpus, t.memory_mib, t.disk_gib))
        .collect();
    assert_eq!(
        told,
        [
            ("debian-12", "Debian GNU/Linux 12 (64-bit)", 1, 2048, 10),
            ("ubuntu-24.04", "Ubuntu Linux (64-bit)", 2, 4096, 20),
            ("windows-2022", "Microsoft Windows Server 2022 (64-bit)", 4, 8192, 60),
        ]
    );
    for template in templates {
        let machine = vcsim.machine(&template.name).await.unwrap();
        assert!(machine.template);
        assert_eq!(template.moref.0, machine.moref);
    }
}

#[tokio::test]
async fn answers_in_pages_are_read_to_the_end() {
    let vcsim = Vcsim::start_with(&["-page-objects", "2"]);
    let client = vcsim.client();
    assert_eq!(client.templates().await.unwrap().len(), 3);
    assert!(vcsim.calls("ContinueRetrievePropertiesEx").await > 5);
    make_vm(&client, "web-1").await;
}

#[tokio::test]
async fn a_vm_is_made_changed_started_and_removed() {
    let vcsim = Vcsim::start();
    let client = vcsim.client();
    let spec = clone_spec("web-1");
    assert_eq!(client.find_by_name("web-1").await.unwrap(), None);
    assert_eq!(client.find_by_instance_uuid(spec.instance_uuid).await.unwrap(), None);

    let vm = make_vm(&client, "web-1").await;
    assert_eq!(client.find_by_name("web-1").await.unwrap().as_ref(), Some(&vm));
    let by_uuid = client.find_by_instance_uuid(spec.instance_uuid).await.unwrap();
    assert_eq!(by_uuid.as_ref(), Some(&vm));
    let info = client.vm(&vm).await.unwrap().unwrap();
    assert_eq!((info.name.as_str(), info.mark.as_deref()), ("web-1", Some("mark of web-1")));
    assert_eq!(info.instance_uuid, Some(spec.instance_uuid));
    assert_eq!((info.cpus, info.memory_mib, info.annotation.as_str()), (2, 4096, ""));
    assert!(!info.powered_on && info.linux_guest);
    assert_eq!(info.macs.len(), 1);

    let config = ConfigSpec {
        cpus: Some(4),
        memory_mib: Some(8192),
        annotation: Some("made for <you> & me\nline 2".to_owned()),
    };
    ended(&client, client.reconfigure_vm(&vm, &config, DEADLINE).await).await.unwrap();
    let customization = Customization { hostname: "web-1-host".to_owned(), address: None, nics: 1 };
    ended(&client, client.customize_vm(&vm, &customization, DEADLINE).await).await.unwrap();
    ended(&client, client.power_on(&vm, DEADLINE).await).await.unwrap();
    let info = client.vm(&vm).await.unwrap().unwrap();
    assert_eq!((info.cpus, info.memory_mib), (4, 8192));
    assert_eq!(info.annotation, "made for <you> & me\nline 2");
    assert!(info.powered_on);

    let mut guest = client.wait_for_guest(&vm, None, PATIENCE).await.unwrap();
    while !guest.ip_address.is_some_and(|ip| ip.is_ipv4()) {
        guest = client.wait_for_guest(&vm, Some(&guest), PATIENCE).await.unwrap();
    }
    assert_eq!(guest.hostname.as_deref(), Some("web-1-host"));
    assert!(guest.tools_running);
    assert_eq!(guest.nics[0].mac.as_ref(), Some(&info.macs[0]));
    assert!(
        guest.nics[0].connected && guest.nics[0].addresses.contains(&guest.ip_address.unwrap())
    );
    let machine = vcsim.machine("web-1").await.unwrap();
    assert_eq!(machine.moref, vm.0);
    assert_eq!(machine.instance_uuid, spec.instance_uuid.to_string());
    assert_eq!((machine.cpus, machine.memory_mib, machine.template), (4, 8192, false));
    assert_eq!((machine.mark, machine.annotation), (info.mark.unwrap(), info.annotation));
    assert_eq!(
        (machine.power_state.as_str(), machine.hostname.as_str()),
        ("poweredOn", "web-1-host")
    );
    assert_eq!(machine.ip, guest.ip_address.unwrap().to_string());

    ended(&client, client.power_off(&vm, DEADLINE).await).await.unwrap();
    ended(&client, client.destroy(&vm, DEADLINE).await).await.unwrap();
    assert_eq!(client.vm(&vm).await.unwrap(), None);
    assert_eq!(client.find_by_instance_uuid(spec.instance_uuid).await.unwrap(), None);
    assert_eq!(client.find_by_name("web-1").await.unwrap(), None);
    assert!(vcsim.machine("web-1").await.is_none());
}

#[tokio::test]
async fn a_fixed_address_is_the_guests() {
    let vcsim = Vcsim::start();
    let client = vcsim.client();
    let vm = make_vm(&client, "web-1").await;
    let address = FixedAddress {
        ip: Ipv4Addr::new(10, 20, 30, 40),
        prefix_len: 24,
        gateway: Some(Ipv4Addr::new(10, 20, 30, 1)),
    };
    let customization =
        Customization { hostname: "web-1".to_owned(), address: Some(address), nics: 1 };
    ended(&client, client.customize_vm(&vm, &customization, DEADLINE).await).await.unwrap();
    ended(&client, client.power_on(&vm, DEADLINE).await).await.unwrap();
    let mut guest = client.wait_for_guest(&vm, None, PATIENCE).await.unwrap();
    while !guest.ip_address.is_some_and(|ip| ip.is_ipv4()) {
        guest = client.wait_for_guest(&vm, Some(&guest), PATIENCE).await.unwrap();
    }
    assert_eq!(guest.ip_address.unwrap(), address.ip);
}

#[tokio::test]
async fn a_clone_can_be_put_on_another_network() {
    let vcsim = Vcsim::start();
    let client = vcsim.client();
    let mut macs = Vec::new();
    for (name, network) in [("a", "VM Network"), ("b", "DC0_DVPG0")] {
        let spec = CloneSpec { network: Some(network.to_owned()), ..clone_spec(name) };
        let task = client.clone_vm(&spec, DEADLINE).await;
        let vm = ended(&client, task).await.unwrap().result.unwrap();
        assert_eq!(vcsim.machine(name).await.unwrap().networks, [network]);
        let info = client.vm(&vm).await.unwrap().unwrap();
        macs.extend(info.macs);
    }
    assert_eq!(macs.len(), 2);
    assert_ne!(macs[0], macs[1]);

    let spec = CloneSpec { network: Some("nowhere".to_owned()), ..clone_spec("c") };
    let error = client.clone_vm(&spec, DEADLINE).await.unwrap_err();
    // The switch's own uplinks are no choice.
    assert_eq!(
        error.to_string(),
        "network \"nowhere\" does not exist (VSPHERE_NETWORK); there are: DC0_DVPG0, VM Network"
    );
    assert!(vcsim.machine("c").await.is_none());
}

#[tokio::test]
async fn odd_names_arrive_as_they_are() {
    let vcsim = Vcsim::start();
    let client = vcsim.client();
    let spec = CloneSpec { mark: "<&>\"'\t]]>".to_owned(), ..clone_spec("a&b <c> 'd\" ü") };
    let task = client.clone_vm(&spec, DEADLINE).await;
    let vm = ended(&client, task).await.unwrap().result.unwrap();
    let info = client.vm(&vm).await.unwrap().unwrap();
    assert_eq!((info.name, info.mark), (spec.name.clone(), Some(spec.mark)));
    assert_eq!(client.find_by_name(&spec.name).await.unwrap(), Some(vm));
}

#[tokio::test]
async fn a_windows_guest_is_no_linux() {
    let vcsim = Vcsim::start();
    let client = vcsim.client();
    let spec = CloneSpec { template: "windows-2022".to_owned(), ..clone_spec("win-1") };
    let task = client.clone_vm(&spec, DEADLINE).await;
    let vm = ended(&client, task).await.unwrap().result.unwrap();
    assert!(!client.vm(&vm).await.unwrap().unwrap().linux_guest);
    let customization = Customization { hostname: "win-1".to_owned(), address: None, nics: 1 };
    let task = client.customize_vm(&vm, &customization, DEADLINE).await;
    assert_eq!(ended(&client, task).await.unwrap_err().kind, "UncustomizableGuest");
}

#[tokio::test]
async fn a_name_and_a_uuid_are_taken_once() {
    let vcsim = Vcsim::start();
    let client = vcsim.client();
    let spec = clone_spec("web-1");
    // The first is still being made when the others ask.
    vcsim.slow_tasks(std::time::Duration::from_millis(300)).await;
    let first = client.clone_vm(&spec, DEADLINE).await;
    // They are found out at their end, which must be after that of the first.
    vcsim.slow_tasks(std::time::Duration::from_secs(3)).await;
    let same_name = CloneSpec { instance_uuid: Uuid::from_u128(7), ..spec.clone() };
    let same_name = client.clone_vm(&same_name, DEADLINE).await;
    let same_uuid = CloneSpec { name: "web-2".to_owned(), ..spec.clone() };
    let same_uuid = client.clone_vm(&same_uuid, DEADLINE).await;
    ended(&client, first).await.unwrap();
    let fault = ended(&client, same_name).await.unwrap_err();
    assert_eq!(fault.kind, "DuplicateName");
    assert_eq!(fault.message, "The name 'web-1' already exists.");
    assert_eq!(ended(&client, same_uuid).await.unwrap_err().kind, "InvalidArgument");
    let made = vcsim.machines().await.into_iter().filter(|machine| !machine.mark.is_empty());
    assert_eq!(made.count(), 1);
}

#[tokio::test]
async fn what_does_not_exist_is_said_to() {
    let vcsim = Vcsim::start();
    let client = vcsim.client();
    let nothing = MoRef("vm-4711".to_owned());
    assert_eq!(client.vm(&nothing).await.unwrap(), None);
    for outcome in [
        client.power_on(&nothing, DEADLINE).await,
        client.power_off(&nothing, DEADLINE).await,
        client.destroy(&nothing, DEADLINE).await,
        client.reconfigure_vm(&nothing, &ConfigSpec::default(), DEADLINE).await,
    ] {
        assert_eq!(fault(outcome).kind, "ManagedObjectNotFound");
    }
    let no_task = MoRef("task-4711".to_owned());
    let outcome = client.wait_for_task(&no_task, None, PATIENCE).await;
    assert_eq!(fault(outcome).kind, "ManagedObjectNotFound");
    let outcome = client.wait_for_guest(&nothing, None, PATIENCE).await;
    assert_eq!(fault(outcome).kind, "ManagedObjectNotFound");

    let spec = CloneSpec { template: "no-such".to_owned(), ..clone_spec("web-1") };
    let outcome = client.clone_vm(&spec, DEADLINE).await;
    assert!(matches!(&outcome, Err(ApiError::TemplateNotFound(name)) if name == "no-such"));
    // An ordinary VM is no template.
    let spec = CloneSpec { template: "DC0_C0_RP0_VM3".to_owned(), ..clone_spec("web-1") };
    assert!(matches!(client.clone_vm(&spec, DEADLINE).await, Err(ApiError::TemplateNotFound(_))));
}

#[tokio::test]
async fn a_wrong_power_state_tells_the_state() {
    let vcsim = Vcsim::start();
    let client = vcsim.client();
    let vm = make_vm(&client, "web-1").await;
    let fault = ended(&client, client.power_off(&vm, DEADLINE).await).await.unwrap_err();
    assert_eq!(fault.kind, "InvalidPowerState");
    assert_eq!(fault.existing_state.as_deref(), Some("poweredOff"));
    ended(&client, client.power_on(&vm, DEADLINE).await).await.unwrap();
    let fault = ended(&client, client.destroy(&vm, DEADLINE).await).await.unwrap_err();
    assert_eq!(fault.existing_state.as_deref(), Some("poweredOn"));
}
