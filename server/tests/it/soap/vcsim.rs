//! Our vCenter simulator, one process for each test: built if need be, started on free ports, asked
//! and made to misbehave through its control API, killed at the end.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, mpsc};
use std::time::{Duration, SystemTime};

use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::{Value, json};
use server::domain::ids::MoRef;
use server::infrastructure::vsphere::api::{
    ApiError, CloneSpec, Fault, TaskInfo, TaskState, VcenterApi,
};
use server::infrastructure::vsphere::soap::{Placement, SoapClient, SoapSettings};
use tempfile::TempDir;
use url::Url;
use uuid::Uuid;

/// How long the simulator may take to start, and anything that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// The deadline for calls that change something.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);
/// The password that the simulator wants: nothing else in a test has these letters.
pub(crate) const PASSWORD: &str = "s3cret & <odd>";

/// A running simulator.
pub(crate) struct Vcsim {
    child: Child,
    ready: Ready,
    control: Client,
    folder: TempDir,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ready {
    url: String,
    ca_file: PathBuf,
    username: String,
    control: String,
}

/// A VM or template, as the simulator itself knows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Machine {
    pub(crate) moref: String,
    pub(crate) name: String,
    pub(crate) template: bool,
    pub(crate) instance_uuid: String,
    pub(crate) mark: String,
    pub(crate) cpus: u32,
    pub(crate) memory_mib: u32,
    pub(crate) annotation: String,
    pub(crate) power_state: String,
    pub(crate) pool: String,
    pub(crate) host: String,
    pub(crate) networks: Vec<String>,
    pub(crate) hostname: String,
    pub(crate) ip: String,
}

impl Vcsim {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with these arguments besides the usual ones.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(&*BINARY)
            .args(["-listen", "127.0.0.1:0", "-control", "127.0.0.1:0", "-exit-with-stdin"])
            .args(["-username", "user", "-password", PASSWORD])
            .args(["-address-delay", "50ms", "-tls-dir"])
            .arg(folder.path())
            .args(arguments)
            // Its datastores, which it cannot remove when it is killed.
            .env("TMPDIR", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let (told, line) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).map(|_| told.send(line))
        });
        let line = line.recv_timeout(PATIENCE).expect("the simulator says where it is");
        let ready = serde_json::from_str(&line).expect("one line of JSON");
        let control = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { child, ready, control, folder }
    }

    pub(crate) fn settings(&self) -> SoapSettings {
        SoapSettings {
            url: Url::parse(&self.ready.url).unwrap(),
            username: self.ready.username.clone(),
            password: PASSWORD.into(),
            ca_file: Some(self.ready.ca_file.clone()),
            placement: Placement::default(),
            call_timeout: Duration::from_secs(10),
        }
    }

    pub(crate) fn client(&self) -> SoapClient {
        SoapClient::new(self.settings()).unwrap()
    }

    pub(crate) fn client_at(&self, placement: Placement) -> SoapClient {
        SoapClient::new(SoapSettings { placement, ..self.settings() }).unwrap()
    }

    /// A folder that ends with the simulator.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All VMs and templates.
    pub(crate) async fn machines(&self) -> Vec<Machine> {
        serde_json::from_str(&self.control(Method::GET, "/vms", None).await).unwrap()
    }

    pub(crate) async fn machine(&self, name: &str) -> Option<Machine> {
        self.machines().await.into_iter().find(|machine| machine.name == name)
    }

    /// Powers off and destroys a VM behind everybody's back.
    pub(crate) async fn destroy(&self, name: &str) {
        self.control(Method::DELETE, &format!("/vms/{name}"), None).await;
    }

    /// How often a method was called.
    pub(crate) async fn calls(&self, method: &str) -> u32 {
        let calls = self.control(Method::GET, "/calls", None).await;
        let calls: BTreeMap<String, u32> = serde_json::from_str(&calls).unwrap();
        calls.get(method).copied().unwrap_or_default()
    }

    /// Lets something go wrong with the next call of a method; `more` are further fields of the rule.
    pub(crate) async fn rule(&self, method: &str, action: &str, more: Value) {
        let mut rule = json!({ "method": method, "action": action });
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.control(Method::POST, "/rules", Some(rule)).await;
    }

    /// Lets everything go right again.
    pub(crate) async fn no_rules(&self) {
        self.control(Method::DELETE, "/rules", None).await;
    }

    pub(crate) async fn slow_tasks(&self, delay: Duration) {
        self.slow_task("", delay).await;
    }

    /// How long the tasks of one method take from now on.
    pub(crate) async fn slow_task(&self, method: &str, delay: Duration) {
        let order = json!({ "method": method, "delayMs": delay.as_millis() });
        self.control(Method::POST, "/tasks", Some(order)).await;
    }

    pub(crate) async fn withhold_addresses(&self, withhold: bool) {
        self.control(Method::POST, "/addresses", Some(json!({ "withhold": withhold }))).await;
    }

    pub(crate) async fn give_addresses(&self, name: &str, addresses: &[String]) {
        let order = json!({ "addresses": addresses });
        self.control(Method::POST, &format!("/vms/{name}"), Some(order)).await;
    }

    /// Logs everybody out, and says how many sessions there were.
    pub(crate) async fn expire_sessions(&self) -> u64 {
        let answer = self.control(Method::POST, "/sessions/expire", None).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["expired"].as_u64().unwrap()
    }

    async fn control(&self, method: Method, path: &str, body: Option<Value>) -> String {
        let url = format!("{}{path}", self.ready.control);
        let request = self.control.request(method, url);
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let response = request.body(body).send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        text
    }
}

impl Drop for Vcsim {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The program, built when it is not there or older than its sources.
static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
    // reqwest needs it, and panics without.
    drop(rustls::crypto::ring::default_provider().install_default());
    if let Some(program) = std::env::var_os("STAGEWATCH_VCSIM") {
        return program.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into());
    let program = root.join(target).join("tools/vcsim");
    if !is_up_to_date(&program, &root.join("end2end/vcsim")) {
        build(root, &program);
    }
    program
});

fn is_up_to_date(program: &Path, sources: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let newest: Option<SystemTime> =
        fs::read_dir(sources).unwrap().filter_map(|file| modified(&file.unwrap().path())).max();
    modified(program) > newest
}

fn build(root: &Path, program: &Path) {
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    // Built beside and moved into place, since another run of the tests may be starting the old one.
    let new = program.with_extension(std::process::id().to_string());
    let status = Command::new("go")
        .args(["build", "-o"])
        .arg(&new)
        .arg("./end2end/vcsim")
        .current_dir(root)
        .envs([("GO111MODULE", "off"), ("GOPATH", "/usr/share/gocode"), ("GOFLAGS", "")])
        .env("CGO_ENABLED", "0")
        .status()
        .expect(
            "go builds the vCenter simulator that these tests need: apt-get install golang-go \
             golang-github-vmware-govmomi-dev, or set STAGEWATCH_VCSIM to a built one",
        );
    assert!(status.success(), "the vCenter simulator does not build: {status}");
    fs::rename(new, program).unwrap();
}

/// What to clone, under this name.
pub(crate) fn clone_spec(name: &str) -> CloneSpec {
    CloneSpec {
        template: "ubuntu-24.04".to_owned(),
        name: name.to_owned(),
        instance_uuid: Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()),
        mark: format!("mark of {name}"),
        network: None,
    }
}

/// Waits for a task to end.
pub(crate) async fn ended(
    client: &SoapClient,
    task: Result<MoRef, ApiError>,
) -> Result<TaskInfo, Fault> {
    let task = task.unwrap();
    let mut seen: Option<TaskInfo> = None;
    loop {
        let info = client.wait_for_task(&task, seen.as_ref(), PATIENCE).await.unwrap();
        assert_ne!(seen.as_ref(), Some(&info), "{task} does not end");
        match &info.state {
            TaskState::Queued | TaskState::Running => seen = Some(info),
            TaskState::Success => return Ok(info),
            TaskState::Error(fault) => return Err(fault.clone()),
        }
    }
}

/// Makes a VM with this name.
pub(crate) async fn make_vm(client: &SoapClient, name: &str) -> MoRef {
    let task = client.clone_vm(&clone_spec(name), DEADLINE).await;
    ended(client, task).await.unwrap().result.unwrap()
}

/// The fault that a call ended in.
pub(crate) fn fault<T: std::fmt::Debug>(outcome: Result<T, ApiError>) -> Fault {
    match outcome {
        Err(ApiError::Fault { fault, .. }) => fault,
        other => panic!("a fault was expected: {other:?}"),
    }
}

/// The reason of a call that never came to an answer.
pub(crate) fn lost<T: std::fmt::Debug>(outcome: Result<T, ApiError>) -> String {
    match outcome {
        Err(ApiError::Transport { reason, .. }) => reason,
        other => panic!("no answer was expected: {other:?}"),
    }
}

/// All reasons that were given, so that a test can look for the password in them.
pub(crate) fn assert_no_secret(text: &str) {
    for part in ["s3cret", "<odd>", "&lt;odd"] {
        assert!(!text.contains(part), "{text}");
    }
}
