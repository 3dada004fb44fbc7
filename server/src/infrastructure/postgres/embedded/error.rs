//! Why there is no private PostgreSQL. Every message is one line that says what is wrong and what to
//! do; the operating system's reason is part of it, since this line is all that a person sees.

use std::{io, path::PathBuf};

/// Why the private PostgreSQL could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// No usable `initdb` and `postgres` were found.
    #[error(
        "PostgreSQL is not installed (looked in /usr/lib/postgresql/*/bin and on the PATH): \
         run `apt-get install postgresql`, or set DATABASE_URL"
    )]
    NotInstalled,
    /// The data folder was written by a version whose programs are missing.
    #[error(
        "the PostgreSQL data in {} is of version {version}, which is not installed: \
         run `apt-get install postgresql-{version}`", data.display()
    )]
    VersionNotInstalled {
        /// The version in `PG_VERSION`.
        version: String,
        /// The cluster's data folder.
        data: PathBuf,
    },
    /// Another server has the lock.
    #[error(
        "the data folder {} is in use by another stagewatch{}: \
         stop that one, or set STAGEWATCH_DATA_DIR to another folder",
        folder.display(), pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The folder whose lock is held.
        folder: PathBuf,
        /// The process that holds it, when it has said so.
        pid: Option<u32>,
    },
    /// A file or folder could not be made, read or changed.
    #[error(
        "cannot {action} {}: {reason}; make it writable for the user who runs stagewatch, \
         or set STAGEWATCH_DATA_DIR to another folder", path.display()
    )]
    NotWritable {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
    /// The cluster's recorded place is empty: its data was moved or deleted.
    #[error(
        "the data folder says that its PostgreSQL data is in {}, but it is gone: \
         bring it back, or remove {} to begin with an empty database",
        home.display(), record.display()
    )]
    Gone {
        /// Where the cluster was.
        home: PathBuf,
        /// The file that says so.
        record: PathBuf,
    },
    /// A `data` folder without `PG_VERSION`: not ours to overwrite.
    #[error("{} is not a PostgreSQL cluster: move it away and start again", data.display())]
    NotACluster {
        /// The folder in the cluster's place.
        data: PathBuf,
    },
    /// PostgreSQL cannot run as root, and there is no user to run it as.
    #[error(
        "PostgreSQL does not run as root, and this system has no user `{name}` to run it as: \
         install the package postgresql, or run stagewatch as another user"
    )]
    NoUser {
        /// The user that was looked for.
        name: String,
    },
    /// The cluster belongs to somebody else, and only root may act for others.
    #[error("the PostgreSQL data in {} belongs to the user {owner}: run stagewatch as that user", data.display())]
    NotOurs {
        /// The cluster's data folder.
        data: PathBuf,
        /// Its owner.
        owner: String,
    },
    /// The user PostgreSQL runs as may not reach its own data.
    #[error(
        "PostgreSQL runs as the user {user}, who may not enter {}: \
         allow it with `chmod o+x` on each folder above, or set STAGEWATCH_DATA_DIR to another folder",
        path.display()
    )]
    NotReachable {
        /// The user PostgreSQL runs as.
        user: String,
        /// The folder that user cannot enter.
        path: PathBuf,
    },
    /// There is no folder whose name is short enough for a socket and that is safely ours.
    #[error(
        "no folder for PostgreSQL's socket: {} makes a path longer than {limit} bytes, and {reason}; \
         set STAGEWATCH_DATA_DIR to a shorter path", long.display()
    )]
    NoSocketFolder {
        /// The folder that would have been natural.
        long: PathBuf,
        /// The longest socket path that the system takes, in bytes.
        limit: usize,
        /// Why the short folders would not do.
        reason: String,
    },
    /// A program could not be run at all.
    #[error("cannot run {}: {reason}", program.display())]
    CannotRun {
        /// The program.
        program: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
    /// `initdb` failed or took too long.
    #[error("a new PostgreSQL cluster could not be made in {}: {log}", data.display())]
    InitFailed {
        /// Where it was to be.
        data: PathBuf,
        /// The last that `initdb` said.
        log: String,
    },
    /// The postmaster ended or never answered.
    #[error("PostgreSQL would not start: {log} (all of its log: {})", path.display())]
    WouldNotStart {
        /// The last lines of its log, or what a client was told.
        log: String,
        /// The log.
        path: PathBuf,
    },
    /// The postmaster outlived both kinds of shutdown.
    #[error("PostgreSQL (process {pid}) did not stop; the next start will take it over")]
    WouldNotStop {
        /// The postmaster.
        pid: i32,
    },
}
