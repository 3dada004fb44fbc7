//! Wrong settings end the start with one line that names what is wrong and says what to do.

use std::net::TcpListener;

use tempfile::TempDir;

use crate::support::process::{Program, run_to_end};
use crate::support::{World, eventually};

/// Runs the program with settings that it must refuse, and returns the one line that it says.
async fn refused(settings: &[(&str, &str)]) -> String {
    let folder = TempDir::new().expect("a temporary folder");
    let (status, said) = run_to_end(folder.path(), settings).await;
    assert_eq!(status.code(), Some(1), "{settings:?}: {said}");
    let lines: Vec<&str> = said.lines().filter(|line| !line.starts_with('{')).collect();
    let [line] = lines[..] else { panic!("one line: {settings:?}: {said}") };
    let line = line.strip_prefix("stagewatch: ").unwrap_or_else(|| panic!("{line}"));
    assert!(!line.contains("panicked"), "{line}");
    line.to_owned()
}

#[tokio::test]
async fn a_wrong_value_is_named_with_its_variable() {
    for (variable, value) in [
        ("STAGEWATCH_LISTEN", "3000"),
        ("STAGEWATCH_LISTEN", "0.0.0.0:3000"),
        ("STAGEWATCH_LISTEN", "[::]:3000"),
        ("STAGEWATCH_SLOW_AFTER", "soon"),
        ("STAGEWATCH_SLOW_AFTER", "-1s"),
        ("STAGEWATCH_SIMULATED_DELAY", "2"),
        ("STAGEWATCH_LEASE", "1ms"),
        ("STAGEWATCH_WORKERS", "0"),
        ("STAGEWATCH_WORKERS", "many"),
        ("STAGEWATCH_MAX_STREAMS", "0"),
        ("STAGEWATCH_CPUS", "4"),
        ("STAGEWATCH_LOG_FORMAT", "xml"),
        ("RUST_LOG", "server=loud=very"),
        ("DATABASE_URL", "mysql://user@host/database"),
        ("DATABASE_URL", ""),
        ("VSPHERE_URL", "vcenter.example.com"),
        ("VSPHERE_URL", "http://vcenter.example.com/sdk"),
    ] {
        let line = refused(&[(variable, value)]).await;
        assert!(line.starts_with(variable), "{variable}={value}: {line}");
        assert!(line.len() > variable.len() + 10, "it says what to do: {line}");
    }
}

#[tokio::test]
async fn what_a_vcenter_needs_is_asked_for() {
    let url = ("VSPHERE_URL", "https://vcenter.example.com/sdk");
    let user = ("VSPHERE_USERNAME", "somebody");
    assert!(refused(&[url]).await.starts_with("VSPHERE_USERNAME"));
    assert!(refused(&[url, user]).await.starts_with("VSPHERE_PASSWORD"));
    let file = ("VSPHERE_PASSWORD_FILE", "/nowhere/password");
    assert!(
        refused(&[url, user, file]).await.starts_with("VSPHERE_PASSWORD_FILE=/nowhere/password")
    );
}

#[tokio::test]
async fn a_secret_is_never_said() {
    let line = refused(&[("DATABASE_URL", "postgres:/user:hunter2@host:port/x")]).await;
    assert!(!line.contains("hunter2"), "{line}");
    let line = refused(&[("VSPHERE_PASSWORD", "hunter2"), ("VSPHERE_URL", "x")]).await;
    assert!(!line.contains("hunter2"), "{line}");
}

#[tokio::test]
async fn a_busy_address_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    let line = refused(&[("STAGEWATCH_LISTEN", &address)]).await;
    assert!(line.starts_with(&address) && line.contains("STAGEWATCH_LISTEN"), "{line}");
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_is_named() {
    for folder in ["/dev/null/data", "/proc/data"] {
        let line = refused(&[("STAGEWATCH_DATA_DIR", folder)]).await;
        assert!(line.contains(folder) && line.contains("STAGEWATCH_DATA_DIR"), "{line}");
    }
}

#[tokio::test]
async fn a_data_folder_in_use_is_left_alone() {
    let folder = TempDir::with_prefix("in-use").expect("a temporary folder");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    std::fs::set_permissions(folder.path(), mode).expect("another mode");
    let first = Program::start(folder.path(), &[]).await;
    let inventory = folder.path().join("simulated-vcenter.json");
    let written = std::fs::metadata(&inventory).and_then(|file| file.modified()).expect("a time");
    let (status, said) = run_to_end(folder.path(), &[]).await;
    assert!(!status.success());
    assert!(said.contains("in use by another stagewatch (process "), "{said}");
    let now = std::fs::metadata(&inventory).and_then(|file| file.modified()).expect("a time");
    assert_eq!(written, now, "the other server's vCenter was not touched");
    assert_eq!(first.get("/readyz").await.status, 200);
    assert!(first.interrupt().await.success());
}

/// What is wrong besides the database must not leave the private PostgreSQL behind.
#[tokio::test]
async fn a_start_that_fails_leaves_no_postgresql_running() {
    let folder = TempDir::with_prefix("fails").expect("a temporary folder");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    std::fs::set_permissions(folder.path(), mode).expect("another mode");
    std::fs::write(folder.path().join("simulated-vcenter.json"), "damaged").expect("a file");
    let (status, said) = run_to_end(folder.path(), &[]).await;
    assert!(!status.success());
    assert!(said.contains("simulated-vcenter.json is damaged"), "{said}");
    let pid = crate::support::postgres::postmaster(&folder.path().join("postgres/data"));
    assert!(pid.is_err(), "a postmaster is left: {pid:?}");
}

#[tokio::test]
async fn help_tells_every_setting() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_stagewatch"))
        .arg("--help")
        .env("VSPHERE_PASSWORD", "hunter2")
        .env("DATABASE_URL", "postgres://user:hunter2@host/x")
        .output()
        .expect("the program runs");
    let help = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success() && !help.contains("hunter2"), "{help}");
    for variable in [
        "STAGEWATCH_LISTEN",
        "DATABASE_URL",
        "STAGEWATCH_DATA_DIR",
        "VSPHERE_URL",
        "VSPHERE_USERNAME",
        "VSPHERE_PASSWORD",
        "VSPHERE_PASSWORD_FILE",
        "VSPHERE_CA_FILE",
        "VSPHERE_DATACENTER",
        "VSPHERE_CLUSTER",
        "VSPHERE_FOLDER",
        "VSPHERE_POOL",
        "VSPHERE_DATASTORE",
        "VSPHERE_NETWORK",
        "VSPHERE_TEMPLATE_FOLDER",
        "VSPHERE_CLONE_TIMEOUT",
        "VSPHERE_CUSTOMIZE_TIMEOUT",
        "VSPHERE_NETWORK_TIMEOUT",
        "VSPHERE_CALL_TIMEOUT",
        "STAGEWATCH_SIMULATED_DELAY",
        "STAGEWATCH_SLOW_AFTER",
        "STAGEWATCH_LEASE",
        "STAGEWATCH_WORKERS",
        "STAGEWATCH_MAX_STREAMS",
        "RUST_LOG",
        "STAGEWATCH_LOG_FORMAT",
    ] {
        assert!(help.contains(variable), "{variable} is not in:\n{help}");
    }
}

/// With a database of the operator's: the real program from the door to the VM.
#[tokio::test]
async fn a_database_of_ones_own_is_used() {
    let world = World::new().await;
    let folder = TempDir::new().expect("a temporary folder");
    let url = world.database.url();
    let settings = [("DATABASE_URL", url.as_str()), ("STAGEWATCH_SIMULATED_DELAY", "0s")];
    let program = Program::start(folder.path(), &settings).await;
    eventually("the schema", async || (program.get("/readyz").await.status == 200).then_some(()))
        .await;
    let id = program.ask("a", crate::support::server::TEMPLATE).await.id;
    program.ended(id).await;
    let count: i64 = sqlx::query_scalar("select count(*) from events")
        .fetch_one(&world.database.pool)
        .await
        .unwrap();
    assert_eq!(count, 7);
    assert!(!folder.path().join("postgres").exists(), "no private one is made");
    assert!(program.interrupt().await.success());
}
