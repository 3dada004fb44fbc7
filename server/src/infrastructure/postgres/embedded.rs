//! The private PostgreSQL: what the server uses when no `DATABASE_URL` is set.
//!
//! One cluster belongs to one data folder. [`EmbeddedPostgres::start`] locks the folder, finds or
//! makes the cluster, adopts a postmaster that outlived its server or starts one, and returns when
//! the database answers. What it keeps true:
//!
//! - **One server per data folder.** The lock is an `flock`, so it goes with the process, however it
//!   dies.
//! - **The data is durable.** fsync stays on, and a cluster appears under its name only when
//!   `initdb` has finished: a killed `initdb` leaves a folder of another name, which the next start
//!   removes.
//! - **Nobody else gets in.** There is no TCP; the socket is in a folder of mode 0700 that belongs to
//!   the user PostgreSQL runs as; and `peer` authentication, through a map of users, lets in that
//!   user, root and the user who started the server. So there is no password to keep, and a wrong
//!   mode on a folder is not yet an open door, as it would be with `trust`.
//! - **Ctrl-C reaches the server first.** The postmaster has its own process group and outlives a
//!   killed server on purpose, so that its backends are never torn from half a commit.
//!
//! As root PostgreSQL refuses to run, so it runs as the system user `postgres`, or as the owner of
//! the cluster that is already there. What root writes lies in a folder of root's, never in one that
//! PostgreSQL's user could fill with links: `data/` and the socket's folder are that user's, the rest is not.
//!
//! Deliberately absent: killing backends. After `kill -9` of a postmaster its backends notice within
//! moments and end by themselves; until then the new postmaster refuses to start, and we try again.

use std::{path::Path, time::Duration};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::{sync::Mutex, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

mod account;
mod cluster;
mod error;
mod place;
mod postmaster;
mod programs;

use cluster::Cluster;
pub use error::EmbeddedError;
use place::{DataFolder, Place};
use postmaster::{Answer, Launch, Postmaster};

/// The database, and the role that owns it.
const NAME: &str = "stagewatch";
/// How long backends of a dead postmaster may hold the shared memory before we give up.
const TAKEOVER_LIMIT: Duration = Duration::from_secs(30);
/// How long a new postmaster may take to answer: replaying a full write-ahead log takes a while.
const READY_LIMIT: Duration = Duration::from_secs(120);
/// How long a postmaster that already runs may take to answer before we stop it and start our own.
const ADOPT_LIMIT: Duration = Duration::from_secs(30);
/// How long a fast shutdown may take (it writes a checkpoint) before an immediate one is asked for.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// How long the immediate shutdown may take; it does nothing but end processes.
const STOP_NOW_LIMIT: Duration = Duration::from_secs(5);
/// Pause between two looks while something is expected within moments.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Pause between two attempts to start while the shared memory is still held.
const START_AGAIN: Duration = Duration::from_millis(500);
/// How often [`EmbeddedPostgres::supervise`] looks whether the postmaster lives.
const SUPERVISE_EVERY: Duration = Duration::from_millis(500);
/// First and longest pause before a dead postmaster is started again.
const RESTART_PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// A postmaster that has lived this long has recovered: the next pause is the first one again.
const RECOVERED_AFTER: Duration = Duration::from_secs(60);

/// A private PostgreSQL that answers, and the lock on its data folder.
///
/// Dropping it without [`stop`](Self::stop) leaves PostgreSQL running and releases the lock: the next
/// start adopts it.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    /// The cluster and the programs that serve it; they do not change while we run.
    cluster: Cluster,
    /// Where clients connect. It stays the same across restarts, so that pools need not be told.
    place: Place,
    /// The process; [`supervise`](Self::supervise) puts another one here when it has died.
    postmaster: Mutex<Postmaster>,
    /// Held until the end; its drop releases the locks.
    _folder: DataFolder,
}

impl EmbeddedPostgres {
    /// Locks the data folder, finds or makes the cluster, adopts a running postmaster or starts one,
    /// and waits until it answers and the database `stagewatch` exists.
    ///
    /// # Errors
    ///
    /// Each [`EmbeddedError`] is one line that says what is wrong and what to do.
    pub async fn start(data_dir: &Path) -> Result<Self, EmbeddedError> {
        let mut folder = DataFolder::lock(data_dir)?;
        let home = folder.find_home().await?;
        let cluster = Cluster::find_or_make(home).await?;
        let mut place = Place::of(&cluster)?;
        let postmaster = bring_up(&cluster, &mut place).await?;
        Ok(Self { cluster, place, postmaster: Mutex::new(postmaster), _folder: folder })
    }

    /// How to connect: over the socket, without a password.
    pub fn connect_options(&self) -> PgConnectOptions {
        connect_options(&self.place)
    }

    /// One line for people: where the cluster is, and how to reach it with psql.
    pub fn place(&self) -> String {
        format!(
            "PostgreSQL {} in {} (psql -h {} -U {NAME} {NAME})",
            self.cluster.programs.version,
            self.cluster.data.display(),
            for_shell(&self.place.socket_dir.to_string_lossy()),
        )
    }

    /// Starts the postmaster again when it has died, until `token` is cancelled.
    ///
    /// It also keeps PostgreSQL's own log from growing without bound. Failures are logged and tried
    /// again, with a pause that doubles up to half a minute.
    pub async fn supervise(&self, token: CancellationToken) {
        // `run_until_cancelled` may drop the inner future anywhere: at worst a postmaster has been
        // started that `postmaster` does not know yet, and `stop` looks for that one too.
        if token.run_until_cancelled(self.keep_alive()).await.is_none() {
            info!("PostgreSQL is no longer supervised: the server is stopping");
        }
    }

    /// Fast shutdown: ends all sessions, writes a checkpoint, then releases the lock.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::WouldNotStop`] when it still runs after a fast and an immediate shutdown.
    pub async fn stop(self) -> Result<(), EmbeddedError> {
        let mut postmaster = self.postmaster.into_inner();
        if !postmaster.is_running(&self.cluster)
            && let Some(other) = Postmaster::find(&self.cluster)
        {
            postmaster = other;
        }
        shut_down(&self.cluster, &mut postmaster).await?;
        self.place.tidy_up(&self.cluster);
        Ok(())
    }

    async fn keep_alive(&self) {
        let (first_pause, longest_pause) = RESTART_PAUSE;
        let mut pause = first_pause;
        let mut up_since = Instant::now();
        loop {
            tokio::time::sleep(SUPERVISE_EVERY).await;
            self.cluster.bound_log();
            let mut postmaster = self.postmaster.lock().await;
            if postmaster.is_running(&self.cluster) {
                continue;
            }
            if up_since.elapsed() >= RECOVERED_AFTER {
                pause = first_pause;
            }
            error!(
                "PostgreSQL has died; starting it again. Its log: {}",
                self.cluster.log.display()
            );
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest_pause);
            let mut place = self.place.clone();
            match bring_up(&self.cluster, &mut place).await {
                Ok(started) => {
                    *postmaster = started;
                    up_since = Instant::now();
                    info!("PostgreSQL answers again");
                }
                Err(reason) => error!("PostgreSQL could not be started again: {reason}"),
            }
        }
    }
}

/// A word as a shell takes it: quoted when it has anything but plain characters.
fn for_shell(word: &str) -> String {
    if word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c)) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// How to reach the database at a place. Every part is said, so that `PG*` variables of the
/// environment, which sqlx reads first, cannot lead elsewhere.
fn connect_options(place: &Place) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(&place.socket_dir)
        .port(place::SOCKET_PORT)
        .username(NAME)
        .database(NAME)
        .ssl_mode(PgSslMode::Disable)
        .application_name(NAME)
}

/// Returns a postmaster that answers: the one that already runs, or a new one.
///
/// `place` is where a new one will listen; it is set to where an adopted one listens.
async fn bring_up(cluster: &Cluster, place: &mut Place) -> Result<Postmaster, EmbeddedError> {
    let give_up = Instant::now() + TAKEOVER_LIMIT;
    let mut told = false;
    loop {
        if let Some(running) = Postmaster::find(cluster) {
            if let Some(adopted) = adopt(cluster, running, place).await? {
                return Ok(adopted);
            }
            continue;
        }
        match postmaster::launch(cluster, place).await? {
            Launch::Ready(postmaster) => return Ok(postmaster),
            Launch::Busy { .. } if Instant::now() < give_up => {
                if !told {
                    warn!("processes of an earlier PostgreSQL are still ending; trying again");
                    told = true;
                }
                tokio::time::sleep(START_AGAIN).await;
            }
            Launch::Busy { log } | Launch::Failed { log } => {
                return Err(EmbeddedError::WouldNotStart { log, path: cluster.log.clone() });
            }
        }
    }
}

/// Takes over a postmaster that outlived its server. `None` when it is gone: it died, or it did not
/// answer and was stopped.
async fn adopt(
    cluster: &Cluster,
    mut running: Postmaster,
    place: &mut Place,
) -> Result<Option<Postmaster>, EmbeddedError> {
    let theirs = running.place().unwrap_or_else(|| place.clone());
    match running.wait_for_answer(cluster, &theirs, ADOPT_LIMIT).await {
        Answer::Ready => {
            info!(pid = running.pid(), "adopted the PostgreSQL that was already running");
            *place = theirs;
            Ok(Some(running))
        }
        Answer::Died => Ok(None),
        Answer::Silent { reason } => {
            warn!(pid = running.pid(), reason, "a running PostgreSQL does not answer; stopping it");
            shut_down(cluster, &mut running).await?;
            Ok(None)
        }
    }
}

/// Ends a postmaster: fast first, then at once (its next start then replays the log).
async fn shut_down(cluster: &Cluster, postmaster: &mut Postmaster) -> Result<(), EmbeddedError> {
    use nix::sys::signal::Signal;
    for (signal, limit) in [(Signal::SIGINT, STOP_LIMIT), (Signal::SIGQUIT, STOP_NOW_LIMIT)] {
        if !postmaster.is_running(cluster) {
            return Ok(());
        }
        postmaster.signal(signal);
        let give_up = Instant::now() + limit;
        while postmaster.is_running(cluster) && Instant::now() < give_up {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
    if postmaster.is_running(cluster) {
        return Err(EmbeddedError::WouldNotStop { pid: postmaster.pid() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_can_be_pasted_into_a_shell() {
        assert_eq!(for_shell("/srv/.stagewatch/run"), "/srv/.stagewatch/run");
        assert_eq!(for_shell("/my data/it's"), r"'/my data/it'\''s'");
    }
}
