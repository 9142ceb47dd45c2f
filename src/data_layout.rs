//! Each service's folder under `countersign all`, and the move of what lay at the top before NS had
//! one.

use std::{
    fs,
    path::{Path, PathBuf},
};

use countersign_store::lite::into_one_file;

use crate::data_dir::{DATABASE, DataDir, DataError, io_error, sync};

/// NS's folder below the data directory of `all`.
const NS: &str = "ns";

/// What lay at the top, in the order it is moved. The database is whole in its one file then, and
/// comes last: as long as it is at the top the move goes on at the next start, and an older program
/// refuses it, because the key it needs is gone.
const MOVED: [&str; 4] = ["master.key", "ns.sqlite-wal", "ns.sqlite-shm", DATABASE];

/// For tests: the process dies before this step of the move.
#[cfg(feature = "faults")]
pub(crate) static DIE_AT_STEP: std::sync::atomic::AtomicUsize =
    std::sync::atomic::AtomicUsize::new(usize::MAX);

fn step(_n: usize) {
    #[cfg(feature = "faults")]
    if DIE_AT_STEP.load(std::sync::atomic::Ordering::Relaxed) == _n {
        std::process::abort();
    }
}

/// NS's folder below the data directory of `all`, locked. What an earlier release left at the top
/// is moved there. Whatever stops the move, the next start goes on with it: each file is at one
/// place or the other.
///
/// # Errors
/// When a file cannot be moved, or is at both places.
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
        // On disk before the next one, so that the order holds after a power failure, too.
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

/// Where NS's database is in a data directory, whichever role has used it.
pub(crate) fn ns_path(data: &Path) -> PathBuf {
    let folder = data.join(NS);
    if folder.join(DATABASE).exists() && !data.join(DATABASE).exists() { folder } else { data.to_owned() }
}

/// Refuses the data directory of `all` for NS alone: it would begin an empty database beside the
/// one there is.
///
/// # Errors
/// When NS has a folder below.
pub(crate) fn refuse_folders(data: &Path) -> Result<(), DataError> {
    let folder = data.join(NS);
    if folder.join(DATABASE).exists() { Err(DataError::OfAll(folder.display().to_string())) } else { Ok(()) }
}
