//! What the simulated vCenter refuses and remembers, as a real one does.

use std::time::Duration;

use server::domain::ids::MoRef;
use server::domain::spec::FixedAddress;
use server::infrastructure::vsphere::api::{
    ApiError, CloneSpec, ConfigSpec, Customization, TaskInfo, TaskState, VcenterApi as _,
};
use server::infrastructure::vsphere::simulated::{
    Operation, SimulatedError, SimulatedSettings, SimulatedVcenter,
};
use uuid::Uuid;

use super::open;

const CALL: Duration = Duration::from_secs(10);
/// So long that nothing of it ends during a test by itself.
const AN_HOUR: Duration = Duration::from_secs(3_600);

fn clone_spec(name: &str, number: u128) -> CloneSpec {
    CloneSpec {
        template: "ubuntu-24.04".to_owned(),
        name: name.to_owned(),
        instance_uuid: Uuid::from_u128(number),
        mark: format!("request {number}"),
        network: None,
    }
}

fn customization(nics: usize) -> Customization {
    Customization { hostname: "web-1".to_owned(), address: None, nics }
}

/// A vCenter in which everything is done at once, with one VM.
async fn with_vm(folder: &std::path::Path) -> (SimulatedVcenter, MoRef) {
    let vcenter = open(folder, Duration::ZERO);
    vcenter.clone_vm(&clone_spec("web-1", 1), CALL).await.unwrap();
    let vm = vcenter.find_by_name("web-1").await.unwrap().unwrap();
    (vcenter, vm)
}

/// The type of the fault in which a call ended, and the state that it names.
fn fault<T: std::fmt::Debug>(result: Result<T, ApiError>) -> (String, Option<String>) {
    match result {
        Err(ApiError::Fault { fault, .. }) => (fault.kind, fault.existing_state),
        other => panic!("a fault was expected: {other:?}"),
    }
}

async fn state_of(vcenter: &SimulatedVcenter, task: &MoRef) -> TaskState {
    vcenter.wait_for_task(task, None, Duration::ZERO).await.unwrap().state
}

#[tokio::test]
async fn the_inventory_outlives_the_process_and_its_clones_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let before = open(folder.path(), Duration::from_millis(300));
    let id = before.vcenter().await.unwrap();
    let task = before.clone_vm(&clone_spec("web-1", 1), CALL).await.unwrap();
    assert!(matches!(state_of(&before, &task).await, TaskState::Queued | TaskState::Running));
    assert_eq!(before.find_by_name("web-1").await.unwrap(), None, "not before its clone has ended");
    drop(before);

    let after = open(folder.path(), AN_HOUR);
    assert_eq!(after.vcenter().await.unwrap(), id);
    let mut seen: Option<TaskInfo> = None;
    let made = loop {
        let info = after.wait_for_task(&task, seen.as_ref(), CALL).await.unwrap();
        match info.state {
            TaskState::Success => break info.result.unwrap(),
            TaskState::Queued | TaskState::Running => seen = Some(info),
            TaskState::Error(fault) => panic!("{fault:?}"),
        }
    };
    assert_eq!(after.find_by_name("web-1").await.unwrap(), Some(made.clone()));
    let info = after.vm(&made).await.unwrap().unwrap();
    assert_eq!(
        (info.instance_uuid, info.mark),
        (Some(Uuid::from_u128(1)), Some("request 1".into()))
    );
}

#[tokio::test]
async fn another_folder_is_another_vcenter() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = open(one.path(), Duration::ZERO).vcenter().await.unwrap();
    let two = open(two.path(), Duration::ZERO).vcenter().await.unwrap();
    assert_ne!(one, two);
}

#[tokio::test]
async fn a_damaged_inventory_is_named_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("simulated-vcenter.json");
    std::fs::write(&path, "{").unwrap();
    let settings = SimulatedSettings { delay: Duration::ZERO, seed: None };
    let error = SimulatedVcenter::open(folder.path(), settings).unwrap_err();
    assert!(matches!(error, SimulatedError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("simulated-vcenter.json"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{");
}

#[tokio::test]
async fn percentages_rise_smoothly_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let vcenter = open(folder.path(), Duration::from_secs(1));
    let task = vcenter.clone_vm(&clone_spec("web-1", 1), CALL).await.unwrap();
    let mut seen: Option<TaskInfo> = None;
    let mut percentages = Vec::new();
    loop {
        let info = vcenter.wait_for_task(&task, seen.as_ref(), CALL).await.unwrap();
        assert_ne!(seen.as_ref(), Some(&info), "only news ends a wait");
        if info.state == TaskState::Success {
            break;
        }
        percentages.extend(info.percent);
        seen = Some(info);
    }
    assert!(percentages.len() >= 6, "{percentages:?}");
    assert!(percentages.is_sorted_by(|a, b| a < b), "{percentages:?}");
}

#[tokio::test]
async fn a_wait_without_news_ends_at_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let vcenter = open(folder.path(), AN_HOUR);
    let task = vcenter.clone_vm(&clone_spec("web-1", 1), CALL).await.unwrap();
    let seen = vcenter.wait_for_task(&task, None, CALL).await.unwrap();
    let wait = Duration::from_millis(60);
    let begun = std::time::Instant::now();
    assert_eq!(vcenter.wait_for_task(&task, Some(&seen), wait).await.unwrap(), seen);
    assert!(begun.elapsed() >= wait);
}

#[tokio::test]
async fn a_change_wakes_who_waits() {
    let folder = tempfile::tempdir().unwrap();
    let vcenter = open(folder.path(), AN_HOUR);
    let task = vcenter.clone_vm(&clone_spec("web-1", 1), CALL).await.unwrap();
    let seen = vcenter.wait_for_task(&task, None, CALL).await.unwrap();
    let script = vcenter.script();
    let (info, finished) =
        tokio::join!(vcenter.wait_for_task(&task, Some(&seen), CALL), script.finish_tasks());
    finished.unwrap();
    assert_eq!(info.unwrap().state, TaskState::Success);
}

#[tokio::test]
async fn names_and_uuids_are_taken_from_the_start_of_a_clone() {
    let folder = tempfile::tempdir().unwrap();
    let vcenter = open(folder.path(), AN_HOUR);
    vcenter.clone_vm(&clone_spec("web-1", 1), CALL).await.unwrap();
    for taken in [clone_spec("web-1", 2), clone_spec("web-2", 1), clone_spec("debian-12", 3)] {
        assert_eq!(fault(vcenter.clone_vm(&taken, CALL).await).0, "DuplicateName");
    }
    vcenter.clone_vm(&clone_spec("web-2", 2), CALL).await.unwrap();
    vcenter.script().finish_tasks().await.unwrap();
    assert_eq!(vcenter.script().vms().len(), 2);
    assert_eq!(fault(vcenter.clone_vm(&clone_spec("web-1", 3), CALL).await).0, "DuplicateName");
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let vcenter = open(folder.path(), Duration::ZERO);
    let unknown = CloneSpec { template: "nothing".to_owned(), ..clone_spec("web-1", 1) };
    let error = vcenter.clone_vm(&unknown, CALL).await.unwrap_err();
    assert!(matches!(error, ApiError::TemplateNotFound(name) if name == "nothing"));
    let unknown = CloneSpec { network: Some("nowhere".to_owned()), ..clone_spec("web-1", 1) };
    let error = vcenter.clone_vm(&unknown, CALL).await.unwrap_err();
    assert!(matches!(&error, ApiError::Placement { reason } if reason.contains("VM Network")));
    let nothing = MoRef("vm-999".to_owned());
    assert_eq!(vcenter.vm(&nothing).await.unwrap(), None);
    assert_eq!(fault(vcenter.power_on(&nothing, CALL).await).0, "ManagedObjectNotFound");
    let wait = vcenter.wait_for_guest(&nothing, None, CALL).await;
    assert_eq!(fault(wait).0, "ManagedObjectNotFound");
    let wait = vcenter.wait_for_task(&nothing, None, CALL).await;
    assert_eq!(fault(wait).0, "ManagedObjectNotFound");
}

#[tokio::test]
async fn power_states_are_minded() {
    let folder = tempfile::tempdir().unwrap();
    let (vcenter, vm) = with_vm(folder.path()).await;
    let wrong = |state: &str| ("InvalidPowerState".to_owned(), Some(state.to_owned()));
    assert_eq!(fault(vcenter.power_off(&vm, CALL).await), wrong("poweredOff"));
    vcenter.power_on(&vm, CALL).await.unwrap();
    assert_eq!(fault(vcenter.power_on(&vm, CALL).await), wrong("poweredOn"));
    assert_eq!(fault(vcenter.customize_vm(&vm, &customization(1), CALL).await), wrong("poweredOn"));
    assert_eq!(fault(vcenter.destroy(&vm, CALL).await), wrong("poweredOn"));
    let more = ConfigSpec { cpus: Some(8), ..ConfigSpec::default() };
    assert_eq!(fault(vcenter.reconfigure_vm(&vm, &more, CALL).await), wrong("poweredOn"));
    vcenter.power_off(&vm, CALL).await.unwrap();
    vcenter.reconfigure_vm(&vm, &more, CALL).await.unwrap();
    assert_eq!(vcenter.vm(&vm).await.unwrap().unwrap().cpus, 8);
    vcenter.destroy(&vm, CALL).await.unwrap();
    assert_eq!(vcenter.vm(&vm).await.unwrap(), None);
}

#[tokio::test]
async fn a_vm_does_one_thing_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let vcenter = open(folder.path(), AN_HOUR);
    vcenter.clone_vm(&clone_spec("web-1", 1), CALL).await.unwrap();
    vcenter.script().finish_tasks().await.unwrap();
    let vm = vcenter.find_by_name("web-1").await.unwrap().unwrap();
    vcenter.power_on(&vm, CALL).await.unwrap();
    assert!(!vcenter.vm(&vm).await.unwrap().unwrap().powered_on);
    let busy = vcenter.reconfigure_vm(&vm, &ConfigSpec::default(), CALL).await;
    assert_eq!(fault(busy).0, "TaskInProgress");
    vcenter.script().finish_tasks().await.unwrap();
    assert!(vcenter.vm(&vm).await.unwrap().unwrap().powered_on);
}

#[tokio::test]
async fn guests_are_customised_once_before_they_start() {
    let folder = tempfile::tempdir().unwrap();
    let (vcenter, vm) = with_vm(folder.path()).await;
    let two_cards = vcenter.customize_vm(&vm, &customization(2), CALL).await;
    assert_eq!(fault(two_cards).0, "NicSettingMismatch");
    let address = FixedAddress { ip: "10.9.8.7".parse().unwrap(), prefix_len: 24, gateway: None };
    let fixed = Customization { address: Some(address), ..customization(1) };
    vcenter.customize_vm(&vm, &fixed, CALL).await.unwrap();
    let again = vcenter.customize_vm(&vm, &customization(1), CALL).await;
    assert_eq!(fault(again).0, "CustomizationPending");
    vcenter.power_on(&vm, CALL).await.unwrap();
    let guest = vcenter.wait_for_guest(&vm, None, Duration::ZERO).await.unwrap();
    assert_eq!(guest.hostname.as_deref(), Some("web-1"));
    assert_eq!(guest.ip_address, Some("10.9.8.7".parse().unwrap()));
    assert_eq!(guest.nics[0].mac.as_ref(), vcenter.vm(&vm).await.unwrap().unwrap().macs.first());
}

#[tokio::test]
async fn dhcp_gives_each_guest_its_own_address() {
    let folder = tempfile::tempdir().unwrap();
    let vcenter = open(folder.path(), Duration::ZERO);
    let mut addresses = std::collections::BTreeSet::new();
    for number in 1..=3 {
        let name = format!("web-{number}");
        vcenter.clone_vm(&clone_spec(&name, number), CALL).await.unwrap();
        let vm = vcenter.find_by_name(&name).await.unwrap().unwrap();
        vcenter.power_on(&vm, CALL).await.unwrap();
        let guest = vcenter.wait_for_guest(&vm, None, Duration::ZERO).await.unwrap();
        let address = guest.ip_address.unwrap().to_string();
        assert!(address.starts_with("10.20.") && !address.ends_with(".0"), "{address}");
        addresses.insert(address);
    }
    assert_eq!(addresses.len(), 3);
}

#[tokio::test]
async fn a_guest_shows_its_tools_first_then_link_local_then_its_address() {
    let folder = tempfile::tempdir().unwrap();
    let vcenter = open(folder.path(), Duration::from_millis(200));
    vcenter.clone_vm(&clone_spec("web-1", 1), CALL).await.unwrap();
    vcenter.script().finish_tasks().await.unwrap();
    let vm = vcenter.find_by_name("web-1").await.unwrap().unwrap();
    vcenter.power_on(&vm, CALL).await.unwrap();
    vcenter.script().finish_tasks().await.unwrap();
    let mut seen = Vec::new();
    let mut last = vcenter.wait_for_guest(&vm, None, CALL).await.unwrap();
    while last.ip_address.is_none_or(|ip| ip.is_ipv6()) {
        seen.push((last.tools_running, last.ip_address.is_some()));
        last = vcenter.wait_for_guest(&vm, Some(&last), CALL).await.unwrap();
    }
    // A look may come too late for one of them, but none comes before its turn.
    assert!(seen.is_sorted() && !seen.contains(&(false, true)), "{seen:?}");
}

#[tokio::test]
async fn calls_are_remembered_and_held() {
    let folder = tempfile::tempdir().unwrap();
    let vcenter = open(folder.path(), Duration::ZERO);
    let script = vcenter.script();
    let mut before = script.pause_at(Operation::Clone);
    let mut after = script.pause_after(Operation::Clone);
    let spec = clone_spec("web-1", 1);
    let call = vcenter.clone_vm(&spec, CALL);
    let direct = async {
        before.reached().await;
        assert!(script.vms().is_empty());
        before.release();
        after.reached().await;
        assert_eq!(script.vms().len(), 1);
        after.release();
    };
    let (task, ()) = tokio::join!(call, direct);
    task.unwrap();
    let calls = script.calls();
    let clones: Vec<_> = calls.iter().filter(|call| call.operation.is_change()).collect();
    assert_eq!(clones.len(), 1);
    assert_eq!(clones[0].subject, "web-1");
    script.forget_calls();
    assert!(script.calls().is_empty());
}
