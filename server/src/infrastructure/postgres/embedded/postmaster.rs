//! The postmaster: found, started, asked whether it answers, signalled.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::{process::Child, time::Instant};
use tracing::{debug, warn};

use super::{
    LOOK_AGAIN, NAME, READY_LIMIT,
    cluster::{Cluster, last_words},
    connect_options,
    error::EmbeddedError,
    place::{Place, SOCKET_PORT},
    shut_down,
};

/// How long one attempt to connect and ask may take.
const ASK_LIMIT: Duration = Duration::from_secs(5);
/// How much of the log is read to say why a start failed, in bytes.
const LOG_TAIL_BYTES: u64 = 16 * 1024;

/// The postmaster's own file, in the data folder.
const PID_FILE: &str = "postmaster.pid";

/// A running postmaster, or one that has just died.
#[derive(Debug)]
pub(super) struct Postmaster {
    pid: Pid,
    /// Our own child, or `None` for an adopted one. Held so that it is reaped when it dies.
    child: Option<Child>,
    /// Where an adopted one says that it listens.
    listens: Option<Place>,
}

/// What became of waiting for an answer.
#[derive(Debug)]
pub(super) enum Answer {
    /// It answers, and the database is there.
    Ready,
    /// The process is gone.
    Died,
    /// It lives and does not answer within the limit.
    Silent { reason: String },
}

/// What became of a start.
#[derive(Debug)]
pub(super) enum Launch {
    Ready(Postmaster),
    /// Something of an earlier postmaster still lives; trying again helps.
    Busy {
        log: String,
    },
    Failed {
        log: String,
    },
}

impl Postmaster {
    /// The postmaster that serves this cluster now, by `postmaster.pid`. That the process is really
    /// one, and of this very folder, is asked of the kernel: process ids are used again.
    pub(super) fn find(cluster: &Cluster) -> Option<Self> {
        Self::find_in(&cluster.data)
    }

    /// The same for a data folder of which no more is known.
    pub(super) fn find_in(data: &Path) -> Option<Self> {
        let file = std::fs::read(data.join(PID_FILE)).ok()?;
        let (pid, listens) = parse_pid_file(&file)?;
        serves(pid, data).then_some(Self { pid, child: None, listens })
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Where an adopted postmaster listens.
    pub(super) fn place(&self) -> Option<Place> {
        self.listens.clone()
    }

    /// Whether the process lives. A dead child is reaped here.
    pub(super) fn is_running(&mut self, cluster: &Cluster) -> bool {
        match &mut self.child {
            Some(child) => matches!(child.try_wait(), Ok(None)),
            None => serves(self.pid, &cluster.data),
        }
    }

    /// Sends a signal. One that died in the same moment is no error.
    pub(super) fn signal(&self, signal: Signal) {
        match kill(self.pid, signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(reason) => warn!(pid = self.pid(), "cannot send {signal} to PostgreSQL: {reason}"),
        }
    }

    /// Waits until the database answers, and makes it if it is not there yet.
    pub(super) async fn wait_for_answer(
        &mut self,
        cluster: &Cluster,
        place: &Place,
        limit: Duration,
    ) -> Answer {
        let maintenance = connect_options(place).database("postgres");
        let give_up = Instant::now() + limit;
        let mut reason = String::new();
        while Instant::now() < give_up {
            if !self.is_running(cluster) {
                return Answer::Died;
            }
            match tokio::time::timeout(ASK_LIMIT, make_database(&maintenance)).await {
                Ok(Ok(())) => return Answer::Ready,
                Ok(Err(error)) => reason = error.to_string(),
                Err(_elapsed) => reason = format!("no answer within {ASK_LIMIT:?}"),
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Answer::Silent { reason }
    }
}

/// Starts a postmaster and waits until it answers or ends.
///
/// All that must hold is said on the command line, where no `postgresql.conf` overrules it; the rest
/// of that file is the operator's.
pub(super) async fn launch(cluster: &Cluster, place: &Place) -> Result<Launch, EmbeddedError> {
    cluster.write_access_rules()?;
    remove_recycled(&cluster.data.join(PID_FILE), cluster);
    remove_recycled(&place.socket_dir.join(format!(".s.PGSQL.{SOCKET_PORT}.lock")), cluster);
    let log = cluster.open_log()?;
    let said_before = log.metadata().map_or(0, |log| log.len());
    let mut postmaster = spawn(cluster, place, log)?;
    let answer = postmaster.wait_for_answer(cluster, place, READY_LIMIT).await;
    match answer {
        Answer::Ready => Ok(Launch::Ready(postmaster)),
        Answer::Died => {
            let log = read_from(&cluster.log, said_before);
            let busy = is_busy(&log);
            let log = last_words(&log);
            Ok(if busy { Launch::Busy { log } } else { Launch::Failed { log } })
        }
        Answer::Silent { reason } => {
            shut_down(cluster, &mut postmaster).await?;
            Ok(Launch::Failed { log: format!("it did not answer in {READY_LIMIT:?}: {reason}") })
        }
    }
}

fn spawn(cluster: &Cluster, place: &Place, log: File) -> Result<Postmaster, EmbeddedError> {
    let program = cluster.programs.postgres();
    let cannot_run = |reason| EmbeddedError::CannotRun { program: program.clone(), reason };
    let mut command = cluster.command(&program);
    command.arg("-D").arg(&cluster.data);
    let mut set = |name: &str, value: &std::ffi::OsStr| {
        let mut setting = std::ffi::OsString::from(format!("{name}="));
        setting.push(value);
        command.arg("-c").arg(setting);
    };
    set("unix_socket_directories", &quoted(&place.socket_dir));
    set("hba_file", cluster.hba.as_os_str());
    set("ident_file", cluster.ident.as_os_str());
    for (name, value) in [
        ("listen_addresses", ""),
        ("port", &SOCKET_PORT.to_string()),
        ("unix_socket_permissions", "0700"),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("log_destination", "stderr"),
        ("logging_collector", "off"),
        ("log_line_prefix", "%m [%p] "),
        ("log_timezone", "UTC"),
        ("timezone", "UTC"),
        ("cluster_name", NAME),
    ] {
        set(name, std::ffi::OsStr::new(value));
    }
    let child = command
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(cannot_run)?)
        .stderr(log)
        .process_group(0)
        .spawn()
        .map_err(cannot_run)?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
    let Some(pid) = pid else {
        return Err(cannot_run(io::Error::other("it ended before it had a process id")));
    };
    Ok(Postmaster { pid, child: Some(child), listens: None })
}

/// Connects, and creates the database if it is missing.
async fn make_database(maintenance: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect_with(maintenance).await?;
    let exists: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = 'stagewatch')")
            .fetch_one(&mut connection)
            .await?;
    if !exists {
        sqlx::query("create database stagewatch").execute(&mut connection).await?;
    }
    connection.close().await
}

/// `postmaster.pid` is lines: process id, data folder, start time, port, socket folder, and more.
fn parse_pid_file(content: &[u8]) -> Option<(Pid, Option<Place>)> {
    let mut lines = content.split(|byte| *byte == b'\n');
    let pid: i32 = std::str::from_utf8(lines.next()?).ok()?.trim().parse().ok()?;
    let socket_dir = lines.nth(3).filter(|line| !line.is_empty());
    let place =
        socket_dir.map(|dir| Place { socket_dir: PathBuf::from(std::ffi::OsStr::from_bytes(dir)) });
    (pid > 0).then_some((Pid::from_raw(pid), place))
}

/// Whether this process works in a cluster's data folder, as a postmaster does all its life.
fn serves(pid: Pid, data: &Path) -> bool {
    works_in(pid, data).unwrap_or(false)
}

/// Whether a process is a `postgres` whose working folder is `data`. A process that has ended, also
/// one that nobody has reaped, is not.
fn works_in(pid: Pid, data: &Path) -> io::Result<bool> {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let not_there = |reason: io::Error| {
        if matches!(reason.kind(), io::ErrorKind::NotFound) { Ok(false) } else { Err(reason) }
    };
    // Compared by device and inode: the folder may have been moved since.
    let folder = match std::fs::metadata(process.join("cwd")) {
        Ok(folder) => folder,
        Err(reason) => return not_there(reason),
    };
    let data = std::fs::metadata(data)?;
    let same = folder.dev() == data.dev() && folder.ino() == data.ino();
    match std::fs::read_to_string(process.join("comm")) {
        Ok(name) => Ok(same && name.trim() == "postgres"),
        Err(reason) => not_there(reason),
    }
}

/// Removes a lock file of PostgreSQL's whose process id now belongs to another process of the same
/// user: PostgreSQL would take that one for its predecessor and refuse to start for ever. That
/// nothing of the predecessor lives on, it still finds out by its shared memory.
fn remove_recycled(file: &Path, cluster: &Cluster) {
    let Ok(content) = std::fs::read(file) else { return };
    let Some((pid, _)) = parse_pid_file(&content) else { return };
    let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else { return };
    let is_another = matches!(works_in(pid, &cluster.data), Ok(false));
    if is_another && uid_in(&status).is_some_and(|uid| cluster.account.is(uid)) {
        debug!("removing {}: process {pid} is no PostgreSQL of this cluster", file.display());
        if let Err(reason) = std::fs::remove_file(file) {
            warn!("cannot remove {}: {reason}", file.display());
        }
    }
}

/// The real user id in `/proc/<pid>/status`. (The owner of `/proc/<pid>` is root once it is dead.)
fn uid_in(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Whether the log says that something of an earlier postmaster still lives.
fn is_busy(log: &str) -> bool {
    log.contains("pre-existing shared memory block") || log.contains("\" already exists")
}

/// PostgreSQL reads a list of folders here, with double quotes around odd names.
fn quoted(folder: &Path) -> std::ffi::OsString {
    let mut bytes = vec![b'"'];
    for byte in folder.as_os_str().as_bytes() {
        if *byte == b'"' {
            bytes.push(b'"');
        }
        bytes.push(*byte);
    }
    bytes.push(b'"');
    std::ffi::OsStr::from_bytes(&bytes).to_owned()
}

/// The end of a log, from where it was before.
fn read_from(log: &Path, offset: u64) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let start = offset.max(file.metadata()?.len().saturating_sub(LOG_TAIL_BYTES));
        file.seek(SeekFrom::Start(start))?;
        let mut content = Vec::new();
        file.take(LOG_TAIL_BYTES).read_to_end(&mut content)?;
        Ok(content)
    };
    match read() {
        Ok(content) => String::from_utf8_lossy(&content).into_owned(),
        Err(reason) => format!("its log cannot be read: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_gives_the_process_and_where_it_listens() {
        let file = b"4711\n/data\n1767225600\n5432\n/run/here\n\n  1234 5\nready   \n";
        let (pid, place) = parse_pid_file(file).unwrap();
        assert_eq!(pid, Pid::from_raw(4711));
        assert_eq!(place.unwrap().socket_dir, Path::new("/run/here"));
    }

    #[test]
    fn a_pid_file_that_is_cut_off_or_nonsense_gives_no_place_or_nothing() {
        assert_eq!(parse_pid_file(b"4711\n/data\n"), Some((Pid::from_raw(4711), None)));
        assert_eq!(parse_pid_file(b""), None);
        assert_eq!(parse_pid_file(b"-1\n"), None);
        assert_eq!(parse_pid_file(b"0\n"), None);
        assert_eq!(parse_pid_file(b"abc\n"), None);
    }

    #[test]
    fn a_process_that_is_no_postgres_is_not_taken_for_one() {
        let here = std::env::current_dir().unwrap();
        assert!(!works_in(Pid::this(), &here).unwrap(), "right folder, wrong program");
        assert!(!works_in(Pid::from_raw(i32::MAX), &here).unwrap(), "no such process");
    }

    #[test]
    fn the_user_of_a_process_is_read_from_its_status() {
        assert_eq!(uid_in("Name:\tpostgres\nUid:\t101\t101\t101\t101\n"), Some(101));
        assert_eq!(uid_in("Name:\tpostgres\n"), None);
    }

    #[test]
    fn odd_folder_names_are_quoted_for_postgres() {
        assert_eq!(quoted(Path::new(r#"/a "b", c"#)), r#""/a ""b"", c""#);
    }

    #[test]
    fn only_traces_of_an_earlier_postmaster_are_worth_another_try() {
        assert!(is_busy("FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use"));
        assert!(is_busy("FATAL:  lock file \"postmaster.pid\" already exists"));
        assert!(!is_busy("FATAL:  could not open file \"x\": Permission denied"));
    }
}
