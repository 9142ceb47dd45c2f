//! The directory that holds a virtual phone's state: `wallet.json`, `keys/`, `pending/`.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use countersign_sdk::{FactorAsked, LoginId, Wallet};
use serde::{Deserialize, Serialize};

use crate::{FileKeys, PhoneError};

/// A login that was claimed and waits for `approve` or `refuse`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pending {
    pub login: String,
    pub account: String,
    /// The link or code it was claimed with. Claiming again with it returns the same answer.
    pub link: String,
    /// The second factor that an approval takes, if the login asks for one.
    #[serde(default)]
    pub factor: Option<FactorAsked>,
}

/// The state directory of a virtual phone.
#[derive(Clone)]
pub struct PhoneState {
    dir: PathBuf,
    pub keys: Arc<FileKeys>,
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> PhoneError + '_ {
    move |e| PhoneError::File(path.display().to_string(), e)
}

impl PhoneState {
    /// Opens the directory, which is created if it is missing.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn open(dir: &Path) -> Result<Self, PhoneError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir.join("pending"))
            .map_err(file_error(dir))?;
        let keys = FileKeys::open(dir.join("keys")).map_err(file_error(dir))?;
        Ok(Self { dir: dir.to_owned(), keys: Arc::new(keys) })
    }

    /// Returns the path of a file in the directory.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Reads the wallet, which is empty if nothing was stored yet.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn wallet(&self) -> Result<Wallet, PhoneError> {
        let path = self.file("wallet.json");
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|e| PhoneError::Usage(format!("{}: {e}", path.display()))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Wallet::default()),
            Err(e) => Err(file_error(&path)(e)),
        }
    }

    /// Changes the wallet under a file lock and replaces its file atomically.
    ///
    /// # Errors
    /// When the wallet cannot be locked, read or written.
    pub fn change<T>(&self, f: impl FnOnce(&mut Wallet) -> T) -> Result<T, PhoneError> {
        let lock_path = self.file("wallet.lock");
        let lock = File::create(&lock_path).map_err(file_error(&lock_path))?;
        lock.lock().map_err(file_error(&lock_path))?;
        let mut wallet = self.wallet()?;
        let result = f(&mut wallet);
        let json = serde_json::to_vec_pretty(&wallet).map_err(|e| PhoneError::Usage(e.to_string()))?;
        self.write("wallet.json", &json)?;
        Ok(result)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), PhoneError> {
        let (path, draft) = (self.file(name), self.file(&format!("{name}.new")));
        let write = || {
            // What is there is a draft that was never finished, or a link that nobody asked for.
            let _none_there = fs::remove_file(&draft);
            let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&draft)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&draft, &path)
        };
        write().map_err(file_error(&path))
    }

    /// Stores a claimed login.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put_pending(&self, pending: &Pending) -> Result<(), PhoneError> {
        let json = serde_json::to_vec(pending).map_err(|e| PhoneError::Usage(e.to_string()))?;
        self.write(&format!("pending/{}.json", pending.login), &json)
    }

    /// Returns a claimed login, if it is stored.
    #[must_use]
    pub fn pending(&self, login: LoginId) -> Option<Pending> {
        fs::read(self.file(&format!("pending/{login}.json")))
            .ok()
            .and_then(|b| serde_json::from_slice(&b).ok())
    }

    /// Removes a claimed login.
    pub fn drop_pending(&self, login: LoginId) {
        // A file that is already gone needs no removal.
        let _ = fs::remove_file(self.file(&format!("pending/{login}.json")));
    }
}
