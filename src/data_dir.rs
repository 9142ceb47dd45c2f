//! The files in a data directory: the lock, the master key, the root API key, `ready.json`.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use countersign_api::Ready;
use countersign_domain_ns::api_key;
use countersign_ports::{random::Random, secret::Secret};
use zeroize::Zeroizing;

use crate::secret_files;

/// File name of the embedded database.
pub(crate) const DATABASE: &str = "ns.sqlite";

/// A data directory, which no other process can use as long as this value exists.
pub(crate) struct DataDir {
    path: PathBuf,
    /// This is held, but not read: the operating system releases it when the process ends.
    _lock: File,
}

/// Why the directory cannot be used. The texts say what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    #[error("another countersign uses {0}; stop it first, or give this one another --data")]
    InUse(String),
    #[error("{path}: {error}")]
    Io { path: String, error: io::Error },
    #[error("{0} does not hold what belongs there ({1}); restore it from a backup")]
    Damaged(String, &'static str),
    #[error(
        "{0} is missing, and {1} was sealed with it; restore it from where it was kept, or name it with \
            keys.master_key_file"
    )]
    NoKey(String, String),
    #[error(
        "{0} is missing, and the PINs in {1} were registered with it; restore it from where it was kept, or \
            name it with sfs_keys.seed_file"
    )]
    NoSeed(String, String),
    #[error("{0}")]
    Database(String),
    #[error("{0} and {1} are both there, and one is a copy: take away the one that is not in use")]
    Twice(String, String),
    #[error("this is the data directory of `countersign all`, and NS's part of it is {0}: give --data {0}")]
    OfAll(String),
}

pub(crate) fn io_error(path: &Path) -> impl FnOnce(io::Error) -> DataError + '_ {
    move |error| DataError::Io { path: path.display().to_string(), error }
}

impl DataDir {
    /// Creates the directory if it is missing, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_error(path))?;
        let lock_path = path.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock_path)
            .map_err(io_error(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DataError::InUse(path.display().to_string())),
            Err(TryLockError::Error(error)) => return Err(io_error(&lock_path)(error)),
        }
        let dir = Self { path: path.to_owned(), _lock: lock };
        dir.remove(Ready::FILE)?;
        Ok(dir)
    }

    /// The path of the directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Creates a database file that only its owner can read, even if the directory was made with
    /// wider permissions. SQLite gives the files beside it the same mode; those left by an earlier
    /// run get it here.
    pub(crate) fn database(&self, name: &str) -> Result<PathBuf, DataError> {
        let path = self.file(name);
        let restricted = |path: &Path, file: File| secret_files::restrict(&file, path, 0o600);
        let open = || OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        open().and_then(|file| restricted(&path, file)).map_err(io_error(&path))?;
        for beside in ["-wal", "-shm"].map(|end| self.file(&format!("{name}{end}"))) {
            if beside.exists() {
                File::open(&beside).and_then(|file| restricted(&beside, file)).map_err(io_error(&beside))?;
            }
        }
        Ok(path)
    }

    /// Reads the master key from the given file, or from `master.key`, which is made on first
    /// start. None is made if `sealed` names a database that was sealed with the missing one.
    pub(crate) fn master_key(
        &self,
        given: Option<&Path>,
        random: &dyn Random,
        sealed: Option<&str>,
    ) -> Result<Secret<32>, DataError> {
        let path = given.map_or_else(|| self.file("master.key"), Path::to_owned);
        if given.is_none() && !path.exists() {
            if let Some(database) = sealed {
                return Err(DataError::NoKey(path.display().to_string(), database.to_owned()));
            }
            let fresh: Secret<32> = random.secret();
            write_new(&path, &secret_files::line(&STANDARD, fresh.expose()))?;
        }
        let text = secret_files::read(&path).map_err(io_error(&path))?;
        let damaged = || DataError::Damaged(path.display().to_string(), "32 bytes in base64");
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| damaged())?);
        <[u8; 32]>::try_from(&bytes[..]).map(Secret::new).map_err(|_| damaged())
    }

    /// The root API key in this directory, if there is one.
    pub(crate) fn root_api_key(&self) -> Result<Option<Secret<32>>, DataError> {
        let path = self.file("root-api-key");
        let text = match secret_files::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(io_error(&path)(e)),
        };
        api_key::read(text.trim())
            .map(Some)
            .ok_or_else(|| DataError::Damaged(path.display().to_string(), "an API key"))
    }

    /// The root API key in this directory, or a new one; also returns whether it is new.
    pub(crate) fn make_root_api_key(&self, random: &dyn Random) -> Result<(Secret<32>, bool), DataError> {
        if let Some(there) = self.root_api_key()? {
            return Ok((there, false));
        }
        let secret = random.secret();
        let mut text = Zeroizing::new(api_key::write(&secret));
        text.push('\n');
        write_new(&self.file("root-api-key"), &text)?;
        Ok((secret, true))
    }

    /// Removes the root API key that was made just now, because no database knows it.
    pub(crate) fn drop_root_api_key(&self) -> Result<(), DataError> {
        self.remove("root-api-key")
    }

    fn remove(&self, name: &str) -> Result<(), DataError> {
        let path = self.file(name);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(io_error(&path)(e)),
            _ => Ok(()),
        }
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        // The pod is no longer ready. If this fails, the next start removes the file.
        let _ = self.remove(Ready::FILE);
    }
}

/// Writes `ready.json`, from which scripts read all URLs. It appears complete or not at all.
pub(crate) fn say_ready(dir: &Path, ready: &Ready) -> Result<(), DataError> {
    ready.write(dir).map_err(io_error(&dir.join(Ready::FILE)))
}

/// Waits until the entries of a directory are on disk.
pub(crate) fn sync(dir: &Path) -> Result<(), DataError> {
    secret_files::sync(dir).map_err(io_error(dir))
}

/// Writes a secret to a new file that only its owner can read.
pub(crate) fn write_new(path: &Path, text: &str) -> Result<(), DataError> {
    secret_files::make(path, text.as_bytes()).map_err(io_error(path))
}
