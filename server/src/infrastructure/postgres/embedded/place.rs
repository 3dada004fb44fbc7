//! Where things are: the data folder and its lock, the cluster's home, and the socket's folder.
//!
//! The home is `postgres/` in the data folder. As root, PostgreSQL's user may be unable to enter the
//! data folder (root's home is closed); then the home is below `/var/lib/stagewatch/`, and a file in
//! the data folder says where. A data folder that was deleted begins anew: its old home is not taken
//! up again, because whoever deleted the folder wanted that.

use std::{
    fs::{DirBuilder, File, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use nix::{fcntl::OFlag, sys::signal::Signal, unistd::Uid};
use tracing::{debug, info, warn};
use uuid::Uuid;

use super::{
    account::{Account, give_to_owner_of, unwritable},
    cluster::Cluster,
    error::EmbeddedError,
    postmaster::Postmaster,
};

/// The file whose lock says that a folder is in use; it holds the process id of the holder.
const LOCK_FILE: &str = "lock";
/// The cluster's home in the data folder.
const HOME: &str = "postgres";
/// The file in the data folder that says where the home is when it is not there.
const RECORD: &str = "postgres-place";
/// The file in such a home that says whose it is, for people who look around.
const BELONGS_TO: &str = "belongs-to";
/// How the name of the socket's folder in the home begins.
const SOCKETS: &str = "run-";
/// Where homes are that cannot be in their data folder.
const OTHER_HOMES: &str = "/var/lib/stagewatch";
/// Where sockets are when the home's path is too long for one. It has room, and root owns it.
const SYSTEM_SOCKETS: &str = "/run/stagewatch";
/// Only a number in the socket's name, since there is no TCP.
pub(super) const SOCKET_PORT: u16 = 5432;
/// The longest path that a Unix socket can have, in bytes (`sun_path` less its final zero).
const SOCKET_PATH_MAX: usize = 107;

/// The locked data folder.
#[derive(Debug)]
pub(super) struct DataFolder {
    /// Without links, so that its name does not depend on how it was reached.
    path: PathBuf,
    /// Held until they are dropped.
    locks: Vec<FolderLock>,
}

/// Where a cluster lives, or will.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) path: PathBuf,
    /// Whom PostgreSQL runs as.
    pub(super) account: Account,
}

/// Where clients connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) socket_dir: PathBuf,
}

impl DataFolder {
    /// Makes the folder if need be, and locks it.
    pub(super) fn lock(data_dir: &Path) -> Result<Self, EmbeddedError> {
        make_folders(data_dir).map_err(|reason| unwritable("create", data_dir, reason))?;
        let path =
            data_dir.canonicalize().map_err(|reason| unwritable("open", data_dir, reason))?;
        let locks = vec![lock(&path)?];
        Ok(Self { path, locks })
    }

    /// Finds the cluster's home, or makes the folder for it, and checks that its user can reach it.
    pub(super) async fn find_home(&mut self) -> Result<Home, EmbeddedError> {
        let record = self.path.join(RECORD);
        let inside = self.path.join(HOME);
        if let Some(elsewhere) = read_record(&record)? {
            if !elsewhere.is_dir() {
                return Err(EmbeddedError::Gone { home: elsewhere, record });
            }
            // A copy of the data folder names the same home.
            self.locks.push(lock(&elsewhere)?);
            return reachable(elsewhere).await;
        }
        if inside.join("data").exists() {
            return reachable(inside).await;
        }
        let account = Account::for_new_cluster()?;
        let home = if account.may_enter(&self.path).await {
            make_folders(&inside).map_err(|reason| unwritable("create", &inside, reason))?;
            inside
        } else {
            let elsewhere = self.make_home_elsewhere(&record)?;
            self.locks.push(lock(&elsewhere)?);
            elsewhere
        };
        reachable(home).await
    }

    /// Makes a home below `/var/lib/stagewatch` and records it. The name says whose it is and is
    /// never used twice; should we die before the record is written, an empty folder is left.
    fn make_home_elsewhere(&self, record: &Path) -> Result<PathBuf, EmbeddedError> {
        let homes = Path::new(OTHER_HOMES);
        make_root_folder(homes).map_err(|reason| unwritable("create", homes, reason))?;
        let key = short_name(&self.path);
        for left in entries(homes, &format!("{key}-")) {
            // Locked, it serves a data folder that was moved here from there.
            let Ok(_lock) = lock(&left) else { continue };
            warn!(
                "{} belonged to an earlier {}; remove it when it is not needed",
                left.display(),
                self.path.display()
            );
            if let Some(forgotten) = Postmaster::find_in(&left.join("data")) {
                info!(pid = forgotten.pid(), "stopping its PostgreSQL, which nobody uses any more");
                forgotten.signal(Signal::SIGINT);
            }
        }
        let unique = Uuid::new_v4().simple().to_string();
        let home = homes.join(format!("{key}-{}", unique.get(..8).unwrap_or(&unique)));
        let made = make_folders(&home)
            .and_then(|()| write_whole(&home.join(BELONGS_TO), self.path.as_os_str().as_bytes()));
        made.map_err(|reason| unwritable("create", &home, reason))?;
        write_whole(record, home.as_os_str().as_bytes())
            .map_err(|reason| unwritable("write", record, reason))?;
        Ok(home)
    }
}

impl Place {
    /// Where a new postmaster of this cluster listens: in its home, or, if that makes too long a
    /// path, in a short folder that is surely ours.
    ///
    /// The folder has a name of its own for each cluster: a postmaster whose data folder was deleted
    /// ends a minute later, and then removes its socket by name, be it another's by then.
    pub(super) fn of(cluster: &Cluster) -> Result<Self, EmbeddedError> {
        let natural = entries(&cluster.home, SOCKETS).into_iter().next().unwrap_or_else(|| {
            let unique = Uuid::new_v4().simple().to_string();
            cluster.home.join(format!("{SOCKETS}{}", unique.get(..8).unwrap_or(&unique)))
        });
        let make = |folder: &Path| {
            let made = cluster.account.make_own_folder(folder);
            made.map_err(|reason| unwritable("use", folder, reason))
        };
        make(&natural)?;
        if fits(&natural) {
            return Ok(Self { socket_dir: natural });
        }
        let mut why = "there is no other place".to_owned();
        for folder in short_folders(&natural) {
            match make(&folder) {
                Ok(()) => return Ok(Self { socket_dir: folder }),
                Err(reason) => why = reason.to_string(),
            }
        }
        Err(EmbeddedError::NoSocketFolder { long: natural, limit: SOCKET_PATH_MAX, reason: why })
    }

    /// Removes a short folder that was made for the socket, now that nobody listens.
    pub(super) fn tidy_up(&self, cluster: &Cluster) {
        if !self.socket_dir.starts_with(&cluster.home)
            && let Err(reason) = std::fs::remove_dir(&self.socket_dir)
        {
            debug!("{} is left: {reason}", self.socket_dir.display());
        }
    }
}

/// The home with the user who will serve it: the owner of what is there, who must be able to go in.
async fn reachable(path: PathBuf) -> Result<Home, EmbeddedError> {
    let data = path.join("data");
    let account =
        if data.exists() { Account::owner_of(&data)? } else { Account::for_new_cluster()? };
    if account.may_enter(&path).await {
        Ok(Home { path, account })
    } else {
        Err(EmbeddedError::NotReachable { user: account.name, path })
    }
}

/// A lock that is held. It is given up by hand: a program that another thread is just starting has the
/// file open too until it has begun, and would keep the lock for that long.
#[derive(Debug)]
struct FolderLock(File);

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Should this fail, the lock still goes with the last open file.
        self.0.unlock().ok();
    }
}

/// Locks a folder through its lock file, and writes our process id into it.
fn lock(folder: &Path) -> Result<FolderLock, EmbeddedError> {
    let path = folder.join(LOCK_FILE);
    let failed = |reason| unwritable("lock", &path, reason);
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let pid =
                file.read_to_string(&mut holder).ok().and_then(|_| holder.trim().parse().ok());
            return Err(EmbeddedError::InUse { folder: folder.to_owned(), pid });
        }
        Err(TryLockError::Error(reason)) => return Err(failed(reason)),
    }
    give_to_owner_of(folder, &file)
        .and_then(|()| file.set_len(0))
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(failed)?;
    Ok(FolderLock(file))
}

/// Makes a folder and its parents. Root's may be passed through by others, since PostgreSQL's user
/// must reach its data inside; nobody else may list them.
fn make_folders(path: &Path) -> io::Result<()> {
    let mode = if Uid::effective().is_root() { 0o711 } else { 0o700 };
    DirBuilder::new().recursive(true).mode(mode).create(path)
}

/// Makes a folder of root's that everybody may pass; refuses one that others could have filled.
fn make_root_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(path)?;
    let found = std::fs::symlink_metadata(path)?;
    if found.is_dir() && found.uid() == 0 && found.permissions().mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is not a folder of root's alone"))
}

/// Writes a small file so that it is whole or not there.
pub(super) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_added_extension("new");
    match std::fs::remove_file(&beside) {
        Err(reason) if reason.kind() != io::ErrorKind::NotFound => return Err(reason),
        Ok(()) | Err(_) => {}
    }
    let mut file = File::options().write(true).create_new(true).mode(0o644).open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

fn read_record(record: &Path) -> Result<Option<PathBuf>, EmbeddedError> {
    match std::fs::read(record) {
        Ok(path) => Ok(Some(PathBuf::from(std::ffi::OsString::from_vec(path)))),
        Err(reason) if reason.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(reason) => Err(unwritable("read", record, reason)),
    }
}

/// What is in a folder under a name that begins so.
fn entries(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .collect()
}

/// A short, stable name for a path.
fn short_name(path: &Path) -> String {
    let name = Uuid::new_v5(&Uuid::NAMESPACE_OID, path.as_os_str().as_bytes()).simple().to_string();
    name.get(..12).unwrap_or(&name).to_owned()
}

/// Whether a socket in this folder has a path that the system takes and that
/// `postmaster.pid`, a file of lines, can hold.
fn fits(folder: &Path) -> bool {
    let socket = folder.join(format!(".s.PGSQL.{SOCKET_PORT}"));
    let bytes = socket.as_os_str().as_bytes();
    bytes.len() <= SOCKET_PATH_MAX && !bytes.iter().any(u8::is_ascii_control)
}

/// Short folders that stand for a long one, best first.
fn short_folders(long: &Path) -> Vec<PathBuf> {
    let key = short_name(long);
    let mut folders = Vec::new();
    if Uid::effective().is_root() {
        if make_root_folder(Path::new(SYSTEM_SOCKETS)).is_ok() {
            folders.push(Path::new(SYSTEM_SOCKETS).join(&key));
        }
    } else {
        folders.push(PathBuf::from(format!("/run/user/{}/stagewatch-{key}", Uid::effective())));
    }
    // Everybody may write to /tmp, so the name may be taken: `make_own_folder` then refuses it.
    folders.push(PathBuf::from(format!("/tmp/stagewatch-{key}")));
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_path_may_have_107_bytes_and_no_more() {
        let name = "/.s.PGSQL.5432".len();
        let longest = format!("/{}", "a".repeat(SOCKET_PATH_MAX - name - 1));
        assert!(fits(Path::new(&longest)));
        assert!(!fits(Path::new(&format!("{longest}a"))));
        assert!(!fits(Path::new("/with a\nline break")));
    }

    #[test]
    fn the_short_folders_fit_and_are_the_same_every_time() {
        let home = PathBuf::from(format!("/{}", "long/".repeat(60)));
        let folders = short_folders(&home);
        assert!(!folders.is_empty());
        assert!(folders.iter().all(|folder| fits(folder)), "{folders:?}");
        assert_eq!(folders, short_folders(&home));
        assert_ne!(folders, short_folders(Path::new("/another")));
    }

    #[test]
    fn a_second_lock_names_the_process_that_has_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(folder.path()).unwrap();
        let message = lock(folder.path()).unwrap_err().to_string();
        let expected = format!("in use by another stagewatch (process {})", std::process::id());
        assert!(message.contains(&expected), "{message}");
        drop(first);
        lock(folder.path()).unwrap();
    }

    #[test]
    fn a_data_folder_below_a_file_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let message = DataFolder::lock(&file.join("data")).unwrap_err().to_string();
        assert!(message.contains("cannot create"), "{message}");
        assert!(message.contains("STAGEWATCH_DATA_DIR"), "{message}");
    }

    #[tokio::test]
    async fn a_recorded_home_that_is_gone_is_not_silently_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        write_whole(&folder.path().join(RECORD), gone.as_os_str().as_bytes()).unwrap();
        let mut locked = DataFolder::lock(folder.path()).unwrap();
        let error = locked.find_home().await.unwrap_err();
        assert!(matches!(&error, EmbeddedError::Gone { home, .. } if *home == gone), "{error}");
    }
}
