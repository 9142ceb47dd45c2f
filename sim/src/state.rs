//! The directory a virtual phone remembers things in: `wallet.json`, `keys/`, `pending/`.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use countersign_sdk::{LoginId, Wallet};
use serde::{Deserialize, Serialize};

use crate::{FileKeys, PhoneError};

/// A login that was claimed and waits for `approve` or `refuse`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pending {
    pub login: String,
    pub account: String,
    /// The link or code it was claimed with: claiming again gives the same answer.
    pub link: String,
}

/// The directory.
#[derive(Clone)]
pub struct PhoneState {
    dir: PathBuf,
    pub keys: Arc<FileKeys>,
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> PhoneError + '_ {
    move |e| PhoneError::File(path.display().to_string(), e)
}

impl PhoneState {
    /// Opens or makes it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(dir: &Path) -> Result<Self, PhoneError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir.join("pending"))
            .map_err(file_error(dir))?;
        let keys = FileKeys::open(dir.join("keys")).map_err(file_error(dir))?;
        Ok(Self { dir: dir.to_owned(), keys: Arc::new(keys) })
    }

    /// A file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// What the phone remembers.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn wallet(&self) -> Result<Wallet, PhoneError> {
        let path = self.file("wallet.json");
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|e| PhoneError::Usage(format!("{}: {e}", path.display()))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Wallet::default()),
            Err(e) => Err(file_error(&path)(e)),
        }
    }

    /// Changes what the phone remembers; one process at a time, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
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
            let mut file =
                fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&draft, &path)
        };
        write().map_err(file_error(&path))
    }

    /// Remembers a claimed login.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put_pending(&self, pending: &Pending) -> Result<(), PhoneError> {
        let json = serde_json::to_vec(pending).map_err(|e| PhoneError::Usage(e.to_string()))?;
        self.write(&format!("pending/{}.json", pending.login), &json)
    }

    /// A claimed login.
    #[must_use]
    pub fn pending(&self, login: LoginId) -> Option<Pending> {
        fs::read(self.file(&format!("pending/{login}.json")))
            .ok()
            .and_then(|b| serde_json::from_slice(&b).ok())
    }

    /// Forgets a claimed login.
    pub fn drop_pending(&self, login: LoginId) {
        // Gone already is as good as gone now.
        let _ = fs::remove_file(self.file(&format!("pending/{login}.json")));
    }
}
