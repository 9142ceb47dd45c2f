//! The folders of the services below the data directory of `countersign all`, and the move of the
//! files that earlier releases kept at the top.

use std::{
    fs,
    path::{Path, PathBuf},
};

use countersign_store::lite::into_one_file;

use crate::data_dir::{DATABASE, DataDir, DataError, io_error, sync};

/// NS's folder below the data directory of `all`.
const NS: &str = "ns";

/// The files that earlier releases kept at the top, in the order in which they are moved. The
/// database is complete in its one file by then, and comes last: as long as it is at the top, the
/// next start continues the move, and an older program refuses to start, because the key it needs
/// is gone.
const MOVED: [&str; 4] = ["master.key", "ns.sqlite-wal", "ns.sqlite-shm", DATABASE];

/// For tests: the process aborts before this step of the move.
#[cfg(feature = "faults")]
pub(crate) static DIE_AT_STEP: std::sync::atomic::AtomicUsize =
    std::sync::atomic::AtomicUsize::new(usize::MAX);

fn step(_n: usize) {
    #[cfg(feature = "faults")]
    if DIE_AT_STEP.load(std::sync::atomic::Ordering::Relaxed) == _n {
        std::process::abort();
    }
}

/// Opens and locks NS's folder below the data directory of `all`, and moves what an earlier release
/// left at the top into it. If the move is interrupted, the next start continues it: each file is
/// at one location or the other.
///
/// # Errors
/// When a file cannot be moved, or is at both locations.
pub(crate) fn ns_folder(data: &DataDir) -> Result<DataDir, DataError> {
    let to = data.file(NS);
    let folder = DataDir::open(&to)?;
    let mut moved = false;
    let database = data.file(DATABASE);
    if database.exists() {
        into_one_file(&database).map_err(|e| DataError::Database(e.to_string()))?;
    }
    for (n, name) in MOVED.into_iter().enumerate() {
        let (old, new) = (data.file(name), to.join(name));
        if !old.exists() {
            continue;
        }
        if new.exists() {
            return Err(DataError::Twice(old.display().to_string(), new.display().to_string()));
        }
        step(n);
        fs::rename(&old, &new).map_err(io_error(&old))?;
        // This is on disk before the next move, so that the order also holds after a power failure.
        sync(&to)?;
        sync(data.path())?;
        moved = true;
    }
    step(MOVED.len());
    if moved {
        tracing::info!(folder = %to.display(), "the database and key of NS have moved into a folder of \
            their own");
    }
    Ok(folder)
}

/// The directory of NS's database within a data directory, whichever role has used it.
pub(crate) fn ns_path(data: &Path) -> PathBuf {
    let folder = data.join(NS);
    if folder.join(DATABASE).exists() && !data.join(DATABASE).exists() { folder } else { data.to_owned() }
}

/// Refuses to run NS alone on the data directory of `all`, where it would make an empty database
/// beside the existing one.
///
/// # Errors
/// When the directory contains a folder with NS's database.
pub(crate) fn refuse_folders(data: &Path) -> Result<(), DataError> {
    let folder = data.join(NS);
    if folder.join(DATABASE).exists() { Err(DataError::OfAll(folder.display().to_string())) } else { Ok(()) }
}
