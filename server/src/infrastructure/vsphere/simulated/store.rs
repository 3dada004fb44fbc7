//! The inventory's file: one JSON document, replaced as a whole, so that it is never half written.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

use super::SimulatedError;
use super::inventory::Inventory;

/// The file's name in the data folder.
const FILE_NAME: &str = "simulated-vcenter.json";
/// What it is called while it is written.
const TEMPORARY_NAME: &str = "simulated-vcenter.json.new";

/// The inventory in memory and on disk.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    current: Mutex<Versioned>,
    /// The version that is on disk. Held while the file is written: one writer at a time.
    saved: Arc<tokio::sync::Mutex<u64>>,
}

#[derive(Debug)]
struct Versioned {
    inventory: Inventory,
    version: u64,
}

impl Store {
    /// Reads the inventory of this folder, or begins a new one.
    pub(super) fn open(folder: &Path) -> Result<Self, SimulatedError> {
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
        write(folder, &bytes).map_err(write_error)?;
        Ok(Self {
            folder: folder.to_owned(),
            current: Mutex::new(Versioned { inventory, version: 0 }),
            saved: Arc::new(tokio::sync::Mutex::new(0)),
        })
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
        let folder = self.folder.clone();
        // The guard goes with the write: a caller that gives up does not let a second writer in.
        let written = tokio::task::spawn_blocking(move || {
            write(&folder, &bytes)?;
            *saved = version;
            Ok(())
        });
        written.await.map_err(io::Error::other)?
    }
}

fn write(folder: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = folder.join(TEMPORARY_NAME);
    // Not synced to the disk: this must outlive the server, not a power cut, and a sync would make
    // every call of a simulation some twenty milliseconds slower.
    fs::write(&temporary, bytes)?;
    fs::rename(temporary, folder.join(FILE_NAME))
}
