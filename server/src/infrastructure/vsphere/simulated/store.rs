//! The inventory's file: one JSON document, replaced as a whole, so that it is never half written.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::SimulatedError;
use super::inventory::Inventory;

/// The file's name in the data folder.
const FILE_NAME: &str = "simulated-vcenter.json";
/// What it is called while it is written.
const TEMPORARY_NAME: &str = "simulated-vcenter.json.new";

/// Locked by the one server that writes the inventory.
const LOCK_NAME: &str = "simulated-vcenter.lock";

/// The inventory in memory and on disk.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    /// Whether what is saved is on the disk when that returns.
    synced: bool,
    current: Mutex<Versioned>,
    /// The version that is on disk. Held while the file is written: one writer at a time.
    saved: Arc<tokio::sync::Mutex<u64>>,
    /// The lock, if it was taken. A std mutex: it is held for a move.
    locked: Mutex<Option<File>>,
}

#[derive(Debug)]
struct Versioned {
    inventory: Inventory,
    version: u64,
}

impl Store {
    /// Reads the inventory of this folder, or begins a new one.
    ///
    /// With `synced` what is saved outlives a power cut, which costs some milliseconds each time.
    pub(super) fn open(folder: &Path, synced: bool) -> Result<Self, SimulatedError> {
        let path = folder.join(FILE_NAME);
        let write_error = |source| SimulatedError::Write { path: path.clone(), source };
        let mut inventory = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|source| SimulatedError::Damaged { path: path.clone(), source })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Inventory::new(),
            Err(source) => return Err(SimulatedError::Read { path, source }),
        };
        inventory.complete();
        fs::create_dir_all(folder).map_err(write_error)?;
        let bytes = serde_json::to_vec(&inventory).map_err(io::Error::from).map_err(write_error)?;
        write(folder, &bytes, synced).map_err(write_error)?;
        Ok(Self {
            folder: folder.to_owned(),
            synced,
            current: Mutex::new(Versioned { inventory, version: 0 }),
            saved: Arc::new(tokio::sync::Mutex::new(0)),
            locked: Mutex::new(None),
        })
    }

    /// Takes the folder's lock for as long as this lives; false when another server has it.
    pub(super) fn lock(&self) -> io::Result<bool> {
        let file = File::create(self.folder.join(LOCK_NAME))?;
        match file.try_lock() {
            Ok(()) => {
                *self.locked.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Looks at the inventory, or changes it in memory. [`save`](Self::save) makes a change last.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Inventory) -> T) -> T {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.version += 1;
        act(&mut current.inventory)
    }

    /// Returns when everything that was changed before the call is in the file. Calls that come together
    /// share one write.
    pub(super) async fn save(&self) -> io::Result<()> {
        let wanted = self.current.lock().unwrap_or_else(PoisonError::into_inner).version;
        let mut saved = Arc::clone(&self.saved).lock_owned().await;
        if *saved >= wanted {
            return Ok(());
        }
        let (bytes, version) = {
            let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            (serde_json::to_vec(&current.inventory)?, current.version)
        };
        let (folder, synced) = (self.folder.clone(), self.synced);
        // The guard goes with the write: a caller that gives up does not let a second writer in.
        let written = tokio::task::spawn_blocking(move || {
            write(&folder, &bytes, synced)?;
            *saved = version;
            Ok(())
        });
        written.await.map_err(io::Error::other)?
    }
}

fn write(folder: &Path, bytes: &[u8], synced: bool) -> io::Result<()> {
    // Of this process alone: another server in the same folder may be writing too.
    let temporary = folder.join(format!("{TEMPORARY_NAME}-{}", std::process::id()));
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    if synced {
        file.sync_all()?;
    }
    fs::rename(temporary, folder.join(FILE_NAME))?;
    if synced {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
