//! The user PostgreSQL runs as: ourselves, unless we are root, which PostgreSQL refuses.

use std::{
    fs::File,
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use nix::unistd::{Uid, User};
use tokio::process::Command;

use super::error::EmbeddedError;

/// The system user that owns new clusters when the server runs as root. Debian's packages make it.
const SYSTEM_USER: &str = "postgres";

/// A user, and whether we must change to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    uid: u32,
    gid: u32,
    /// We are root and this is somebody else.
    switch: bool,
}

impl Account {
    /// The user for a cluster that is yet to be made.
    pub(super) fn for_new_cluster() -> Result<Self, EmbeddedError> {
        if !Uid::effective().is_root() {
            return Self::from_uid(Uid::effective());
        }
        match User::from_name(SYSTEM_USER) {
            Ok(Some(user)) => Ok(Self::of(user)),
            Ok(None) | Err(_) => Err(EmbeddedError::NoUser { name: SYSTEM_USER.to_owned() }),
        }
    }

    /// The user who owns `data`. PostgreSQL runs as no other.
    pub(super) fn owner_of(data: &Path) -> Result<Self, EmbeddedError> {
        let uid = std::fs::metadata(data).map_err(|reason| unwritable("read", data, reason))?.uid();
        let owner = Self::from_uid(Uid::from_raw(uid))?;
        let me = Uid::effective();
        if (me.is_root() && uid != 0) || me.as_raw() == uid {
            return Ok(owner);
        }
        Err(EmbeddedError::NotOurs { data: data.to_owned(), owner: owner.name })
    }

    /// The name of the user we ourselves run as.
    pub(super) fn own_name() -> Option<String> {
        User::from_uid(Uid::effective()).ok().flatten().map(|user| user.name)
    }

    /// A command that will run as this user, in a folder that it may enter.
    pub(super) fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder);
        if self.switch {
            // Supplementary groups go too: the standard library drops them when root sets a uid.
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Whether this user may enter `folder`. Asked of the kernel, so that access lists and mounts
    /// count as they are.
    pub(super) async fn may_enter(&self, folder: &Path) -> bool {
        if !self.switch {
            return true;
        }
        let mut test = self.command(Path::new("/usr/bin/test"), Path::new("/"));
        test.arg("-x").arg(folder).kill_on_drop(true);
        test.status().await.is_ok_and(|status| status.success())
    }

    /// Makes `folder` (not its parents) this user's own, for nobody else: mode 0700.
    pub(super) fn make_own_folder(&self, folder: &Path) -> io::Result<()> {
        match std::fs::create_dir(folder) {
            Err(reason) if reason.kind() != io::ErrorKind::AlreadyExists => return Err(reason),
            Ok(()) | Err(_) => {}
        }
        // Not the target of a link that somebody has put there.
        let found = std::fs::symlink_metadata(folder)?;
        if !found.is_dir() {
            return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is not a folder"));
        }
        if self.switch && found.uid() == 0 {
            std::os::unix::fs::lchown(folder, Some(self.uid), Some(self.gid))?;
        } else if found.uid() != self.uid {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("it belongs to somebody else (uid {})", found.uid()),
            ));
        }
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
    }

    /// Whether a file or process with this uid is this user's.
    pub(super) fn is(&self, uid: u32) -> bool {
        self.uid == uid
    }

    fn from_uid(uid: Uid) -> Result<Self, EmbeddedError> {
        match User::from_uid(uid) {
            Ok(Some(user)) => Ok(Self::of(user)),
            Ok(None) | Err(_) => Err(EmbeddedError::NoUser { name: uid.to_string() }),
        }
    }

    fn of(user: User) -> Self {
        Self {
            switch: user.uid != Uid::effective(),
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            name: user.name,
        }
    }
}

/// Gives a file that we made to the owner of its folder, so that whoever starts next can open it.
pub(super) fn give_to_owner_of(folder: &Path, file: &File) -> io::Result<()> {
    let owner = std::fs::metadata(folder)?;
    if owner.uid() == file.metadata()?.uid() {
        return Ok(());
    }
    std::os::unix::fs::fchown(file, Some(owner.uid()), Some(owner.gid()))
}

/// The error for a file operation that failed.
pub(super) fn unwritable(action: &'static str, path: &Path, reason: io::Error) -> EmbeddedError {
    EmbeddedError::NotWritable { action, path: path.to_owned(), reason }
}
