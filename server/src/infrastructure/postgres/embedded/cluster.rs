//! The cluster: its files, and how a new one is made.

use std::{
    fs::File,
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::fcntl::OFlag;
use tokio::process::Command;
use tracing::{info, warn};
use uuid::Uuid;

use super::{
    NAME,
    account::{Account, give_to_owner_of, unwritable},
    error::EmbeddedError,
    place::{Home, write_whole},
    programs::Programs,
};

/// How long `initdb` may take; it takes one second, or some more on a slow disk.
const INITDB_LIMIT: Duration = Duration::from_secs(120);
/// How large PostgreSQL's own log may become while we run, in bytes, before it is emptied.
const LOG_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// How large it may be at a start, in bytes, before it is put aside (one older log is kept).
const LOG_BYTES_AT_START_MAX: u64 = 1024 * 1024;
/// Unfinished clusters are named so, each with a suffix of its own.
const UNFINISHED: &str = "data.new-";

/// A cluster that exists, and what serves it.
#[derive(Debug)]
pub(super) struct Cluster {
    /// The folder that holds all the rest.
    pub(super) home: PathBuf,
    /// PostgreSQL's own data folder, its user's.
    pub(super) data: PathBuf,
    /// What the postmaster and its backends say.
    pub(super) log: PathBuf,
    /// Who may connect. Written at each start, so that it follows who starts the server.
    pub(super) hba: PathBuf,
    /// Which system users are the database's owner.
    pub(super) ident: PathBuf,
    /// Whom PostgreSQL runs as.
    pub(super) account: Account,
    pub(super) programs: Programs,
}

impl Cluster {
    /// Finds the cluster in its home, or makes one of the newest version.
    pub(super) async fn find_or_make(home: Home) -> Result<Self, EmbeddedError> {
        let data = home.path.join("data");
        let programs = match version_of(&data)? {
            Some(version) => Programs::find(Some((&version, &data))).await?,
            None => Programs::find(None).await?,
        };
        let cluster = Self {
            log: home.path.join("postgresql.log"),
            hba: home.path.join("pg_hba.conf"),
            ident: home.path.join("pg_ident.conf"),
            home: home.path,
            account: home.account,
            data,
            programs,
        };
        cluster.remove_unfinished();
        if !cluster.data.exists() {
            cluster.make().await?;
        }
        Ok(cluster)
    }

    /// A command of PostgreSQL's, with nothing in its environment that could lead it elsewhere.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = self.account.command(program, &self.home);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C");
        command
    }

    /// Writes who may connect.
    pub(super) fn write_access_rules(&self) -> Result<(), EmbeddedError> {
        let mut users = vec![self.account.name.clone(), "root".to_owned()];
        users.extend(Account::own_name());
        users.sort_unstable();
        users.dedup();
        let hba = "# Written by stagewatch at each start.\n\
                   local all all peer map=stagewatch\n";
        let ident = users
            .iter()
            .fold("# Written by stagewatch at each start.\n".to_owned(), |lines, user| {
                lines + &format!("stagewatch \"{user}\" {NAME}\n")
            });
        for (path, content) in [(&self.hba, hba), (&self.ident, ident.as_str())] {
            write_whole(path, content.as_bytes())
                .map_err(|reason| unwritable("write", path, reason))?;
        }
        Ok(())
    }

    /// Opens the log for a new postmaster, after putting a large one aside.
    pub(super) fn open_log(&self) -> Result<File, EmbeddedError> {
        let failed = |reason| unwritable("write", &self.log, reason);
        if std::fs::metadata(&self.log).is_ok_and(|log| log.len() > LOG_BYTES_AT_START_MAX) {
            std::fs::rename(&self.log, self.log.with_extension("log.1")).map_err(failed)?;
        }
        let log = log_options().create(true).mode(0o600).open(&self.log).map_err(failed)?;
        give_to_owner_of(&self.home, &log).map_err(failed)?;
        Ok(log)
    }

    /// Empties the log when it has grown past its limit. PostgreSQL appends, so it writes on at the
    /// new end.
    pub(super) fn bound_log(&self) {
        if std::fs::metadata(&self.log).is_ok_and(|log| log.len() > LOG_BYTES_MAX) {
            let emptied = log_options().open(&self.log).and_then(|log| log.set_len(0));
            match emptied {
                Ok(()) => warn!("PostgreSQL's log was over {LOG_BYTES_MAX} bytes and was emptied"),
                Err(reason) => warn!("PostgreSQL's log cannot be emptied: {reason}"),
            }
        }
    }

    /// Makes the cluster under another name, and then gives it its own.
    async fn make(&self) -> Result<(), EmbeddedError> {
        info!(version = self.programs.version, "making a PostgreSQL cluster");
        let unfinished = self.home.join(format!("{UNFINISHED}{}", Uuid::new_v4().simple()));
        let failed = |log: String| EmbeddedError::InitFailed { data: self.data.clone(), log };
        self.account
            .make_own_folder(&unfinished)
            .map_err(|reason| unwritable("create", &unfinished, reason))?;
        let initdb = self.programs.initdb();
        let mut command = self.command(&initdb);
        command
            .arg("-D")
            .arg(&unfinished)
            .args(["-U", NAME, "--encoding=UTF8", "--no-locale", "--data-checksums"])
            .args(["--auth-local=peer", "--auth-host=reject"])
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true);
        let output = tokio::time::timeout(INITDB_LIMIT, command.output())
            .await
            .map_err(|_elapsed| failed(format!("initdb took over {INITDB_LIMIT:?}")))?
            .map_err(|reason| EmbeddedError::CannotRun { program: initdb, reason })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(failed(last_words(&said)));
        }
        std::fs::rename(&unfinished, &self.data)
            .and_then(|()| File::open(&self.home)?.sync_all())
            .map_err(|reason| unwritable("create", &self.data, reason))
    }

    /// Removes what a killed `initdb` has left. One that still runs keeps its folder until the next
    /// start, and disturbs nobody: ours has another name.
    fn remove_unfinished(&self) {
        for entry in std::fs::read_dir(&self.home).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED)
                && let Err(reason) = std::fs::remove_dir_all(entry.path())
            {
                warn!("cannot remove {}: {reason}", entry.path().display());
            }
        }
    }
}

fn log_options() -> std::fs::OpenOptions {
    let mut options = File::options();
    options.append(true).custom_flags(OFlag::O_NOFOLLOW.bits());
    options
}

/// The version of the data, or `None` when there is none yet.
fn version_of(data: &Path) -> Result<Option<String>, EmbeddedError> {
    let file = data.join("PG_VERSION");
    match std::fs::read_to_string(&file) {
        Ok(version) => Ok(Some(version.trim().to_owned())),
        Err(reason) if reason.kind() == io::ErrorKind::NotFound => {
            if data.exists() {
                return Err(EmbeddedError::NotACluster { data: data.to_owned() });
            }
            Ok(None)
        }
        Err(reason) => Err(unwritable("read", &file, reason)),
    }
}

/// What matters in the end of a log, as one line: what PostgreSQL marks as serious, else its last
/// lines.
pub(super) fn last_words(log: &str) -> String {
    const SERIOUS: [&str; 5] = ["PANIC:", "FATAL:", "ERROR:", "DETAIL:", "HINT:"];
    const LINES_MAX: usize = 4;
    let serious: Vec<&str> = log
        .lines()
        .filter_map(|line| {
            let at = SERIOUS.iter().find_map(|word| line.find(word))?;
            line.get(at..)
        })
        .collect();
    let all: Vec<&str> = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let chosen = if serious.is_empty() { all } else { serious };
    let last = chosen.len().saturating_sub(LINES_MAX);
    let line = chosen.get(last..).unwrap_or_default().join("; ");
    if line.is_empty() { "it said nothing".to_owned() } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_are_what_postgres_marks_as_serious() {
        let log = "2026-01-01 10:00:00.000 UTC [7] LOG:  starting PostgreSQL 15.18\n\
                   2026-01-01 10:00:00.001 UTC [7] FATAL:  could not map memory\n\
                   2026-01-01 10:00:00.001 UTC [7] HINT:  reduce shared_buffers\n\
                   2026-01-01 10:00:00.002 UTC [7] LOG:  database system is shut down\n";
        assert_eq!(last_words(log), "FATAL:  could not map memory; HINT:  reduce shared_buffers");
        assert_eq!(last_words("initdb: error: no space\n\n"), "initdb: error: no space");
        assert_eq!(last_words(" \n"), "it said nothing");
    }

    #[test]
    fn a_folder_without_a_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(version_of(&folder.path().join("none")), Ok(None)));
        let foreign = version_of(folder.path()).unwrap_err();
        assert!(matches!(foreign, EmbeddedError::NotACluster { .. }), "{foreign}");
        std::fs::write(folder.path().join("PG_VERSION"), "15\n").unwrap();
        assert_eq!(version_of(folder.path()).unwrap().as_deref(), Some("15"));
    }
}
