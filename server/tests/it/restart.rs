//! The real program, killed in the middle: data, requests and streams go on.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use app::api::Status;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use crate::saga::story::assert_story;
use crate::soap::vcsim::{PASSWORD, Vcsim};
use crate::support::client::wish;
use crate::support::postgres::postmaster;
use crate::support::process::Program;
use crate::support::server::TEMPLATE;
use crate::support::{Frame, in_time};

/// Long enough that a program can be killed inside of each stage.
const STAGE_TIME: &str = "500ms";

/// The settings of a program that works with the simulated vCenter.
const SIMULATED: [(&str, &str); 1] = [("STAGEWATCH_SIMULATED_DELAY", STAGE_TIME)];

/// A data folder that PostgreSQL's user may enter, also when the tests run as root.
fn data_folder() -> TempDir {
    let mode = std::fs::Permissions::from_mode(0o711);
    tempfile::Builder::new().permissions(mode).tempdir().expect("a temporary folder")
}

async fn start(data_dir: &Path) -> Program {
    Program::start(data_dir, &SIMULATED).await
}

/// The marks of all VMs in the simulated vCenter's inventory.
fn marks(data_dir: &Path) -> Vec<String> {
    let file = data_dir.join("simulated-vcenter.json");
    let inventory: Value =
        serde_json::from_slice(&std::fs::read(file).expect("the inventory")).expect("JSON");
    let vms = inventory["vms"].as_object().expect("VMs").values();
    let made = vms.filter(|vm| vm["is_template"] == Value::Bool(false));
    made.map(|vm| vm["mark"].as_str().expect("a mark").to_owned()).collect()
}

/// Every stage in which a request can be when the program is killed.
const STAGES: [&str; 5] =
    ["CREATED", "CLONING", "CONFIGURING", "POWERING_ON", "WAITING_FOR_NETWORK"];

/// Asks for a VM, kills the program in this stage, with its PostgreSQL if `both`, and starts it again:
/// the stream goes on with the very next event, and the request gets ready.
async fn kill_in_stage(
    program: Program,
    data_dir: &Path,
    settings: &[(&str, &str)],
    stage: &str,
    both: bool,
) -> (Program, Uuid) {
    let name = format!("vm-{}", stage.to_ascii_lowercase().replace('_', "-"));
    let id = program.ask(&name, TEMPLATE).await.id;
    let mut stream = program.stream(id).await;
    let snapshot = stream.until_event("snapshot").await;
    let reached =
        |frame: &Frame| frame.is_numbered() && frame.json()["progress"]["currentStage"] == *stage;
    let mut seen = vec![snapshot.clone()];
    // The first stage is over within a moment: there it is killed as soon as it has answered.
    if stage != "CREATED" && snapshot.json()["currentStage"] != *stage {
        seen.extend(stream.until(reached).await);
    }
    let last_id = seen.iter().rev().find_map(|frame| frame.id.clone()).expect("an id");

    program.kill();
    in_time("the stream's end", stream.until_it_breaks()).await;
    if both {
        let pid = postmaster(&data_dir.join("postgres/data")).expect("a postmaster");
        kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it was running");
    }
    let program = Program::start(data_dir, settings).await;
    let rest = program.stream_after(id, &last_id).await.rest().await;
    let all = program.all_events(id).await;

    let names = program.event_names(id).await;
    let resumed = names.iter().filter(|name| *name == "VmProvisioningResumed").count();
    assert!(resumed == 1 || stage == "CREATED", "{stage}: {names:?}");
    assert_eq!(program.progress(id).await.status, Status::Ready, "{stage}");
    assert_story(&program.history(id).await);
    let numbers: Vec<u32> = all.iter().filter_map(Frame::seq).collect();
    assert_eq!(numbers, (1..).take(all.len()).collect::<Vec<_>>(), "{stage}: no hole");
    let from = usize::try_from(snapshot.seq().expect("a number")).expect("small");
    let new = seen.iter().chain(&rest).filter(|frame| frame.is_numbered());
    assert!(all[from..].iter().eq(new), "{stage}: nothing is missing, and no byte differs");
    (program, id)
}

#[tokio::test]
async fn a_program_that_is_killed_in_each_stage_goes_on_with_its_data_and_streams() {
    let folder = data_folder();
    let data_dir = folder.path();
    let mut requests = Vec::new();
    let mut program = start(data_dir).await;
    for (round, stage) in STAGES.iter().enumerate() {
        // In the other rounds PostgreSQL lives on and is adopted.
        let both = round % 2 == 1;
        let id;
        (program, id) = kill_in_stage(program, data_dir, &SIMULATED, stage, both).await;
        requests.push(id);
    }
    for id in &requests {
        assert_eq!(program.progress(*id).await.status, Status::Ready);
    }
    assert!(program.interrupt().await.success());
    let marks = marks(data_dir);
    let expected: BTreeSet<String> = requests.iter().map(Uuid::to_string).collect();
    assert_eq!(marks.len(), requests.len(), "one VM for each request");
    assert_eq!(marks.into_iter().collect::<BTreeSet<_>>(), expected);
}

/// The same, over SOAP, with a vCenter that lives on and goes on with its tasks meanwhile.
#[tokio::test]
async fn vcenter_has_one_vm_for_each_request_although_the_program_and_its_postgresql_were_killed() {
    let vcenter = Vcsim::start_with(&["-task-delay", STAGE_TIME, "-address-delay", STAGE_TIME]);
    let connection = vcenter.settings();
    let ca_file = connection.ca_file.expect("its certificate");
    let settings = [
        ("VSPHERE_URL", connection.url.as_str()),
        ("VSPHERE_USERNAME", connection.username.as_str()),
        ("VSPHERE_PASSWORD", PASSWORD),
        ("VSPHERE_CA_FILE", ca_file.to_str().expect("a path in UTF-8")),
    ];
    let folder = data_folder();
    let mut program = Program::start(folder.path(), &settings).await;
    let mut expected = BTreeSet::new();
    for stage in STAGES {
        let id;
        (program, id) = kill_in_stage(program, folder.path(), &settings, stage, true).await;
        let request = program.request(id).await;
        let machine = vcenter.machine(&request.name).await.expect("the VM in vCenter");
        assert_eq!(machine.mark, id.to_string());
        assert_eq!(machine.power_state, "poweredOn");
        let vm = request.vm.expect("the VM that the API tells");
        assert_eq!((vm.moref, vm.ip_address), (machine.moref, machine.ip), "{stage}");
        expected.insert(id.to_string());
    }
    assert!(program.interrupt().await.success());
    let made = vcenter.machines().await.into_iter().filter(|machine| !machine.mark.is_empty());
    let marks: Vec<String> = made.map(|machine| machine.mark).collect();
    assert_eq!(marks.len(), expected.len(), "one VM for each request");
    assert_eq!(marks.into_iter().collect::<BTreeSet<_>>(), expected);
}

/// Killed again and again within one request: it still ends well, with one VM.
#[tokio::test]
async fn a_program_that_is_killed_again_and_again_still_gets_there() {
    let folder = data_folder();
    let program = start(folder.path()).await;
    let id = program.ask("a", TEMPLATE).await.id;
    let mut last_seq = 0;
    let mut program = program;
    for _ in 0..4 {
        let mut stream = program.stream(id).await;
        while let Some(frame) = stream.next().await {
            // As soon as there is anything new.
            if frame.seq().is_some_and(|seq| seq > last_seq + 1) {
                last_seq = frame.seq().expect("a number");
                break;
            }
        }
        program.kill();
        program = start(folder.path()).await;
    }
    assert_eq!(program.ended(id).await.status, Status::Ready);
    assert_story(&program.history(id).await);
    assert!(program.interrupt().await.success());
    assert_eq!(marks(folder.path()), [id.to_string()]);
}

#[tokio::test]
async fn ctrl_c_ends_the_program_its_streams_and_its_postgresql() {
    let folder = data_folder();
    let program = start(folder.path()).await;
    let id = program.ask("a", "demo-slow-clone").await.id;
    let mut stream = program.stream(id).await;
    stream.until(|frame| frame.seq().is_some_and(|seq| seq >= 3)).await;
    let pid = postmaster(&folder.path().join("postgres/data")).expect("a postmaster");
    let log = program.log();
    assert!(program.interrupt().await.success(), "{log}");
    stream.rest().await;
    assert!(kill(Pid::from_raw(pid), None).is_err(), "PostgreSQL has ended too");

    let program = start(folder.path()).await;
    let history = program.event_names(id).await;
    assert!(history.len() >= 3, "{history:?}");
    assert_eq!(program.post(&wish("b", TEMPLATE)).await.status, 201);
    assert!(program.interrupt().await.success());
}
