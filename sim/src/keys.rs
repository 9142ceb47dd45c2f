//! Software key stores: in files for the virtual phone, in memory for the swarm and tests.

use std::{
    collections::HashMap,
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_channel::{p256::SigningKey, random, sha256};
use countersign_sdk::{KeyError, KeyHandle, KeyStore};
use zeroize::Zeroizing;

fn fresh_name() -> String {
    URL_SAFE_NO_PAD.encode(random::<12>())
}

/// The device secret of a key in software: derived from the key, so that it needs no file.
fn secret_of(key: &SigningKey) -> Zeroizing<[u8; 32]> {
    let text = Zeroizing::new([b"countersign-phone/device-secret/v1", &key.to_pkcs8()[..]].concat());
    Zeroizing::new(sha256(&text))
}

/// A key store with one PKCS#8 file per key, readable only by its owner.
#[derive(Clone)]
pub struct FileKeys {
    dir: PathBuf,
}

impl FileKeys {
    /// Opens the key store in this directory, which is created if it is missing.
    ///
    /// # Errors
    /// When the directory cannot be created.
    pub fn open(dir: PathBuf) -> std::io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        Ok(Self { dir })
    }

    fn path(&self, key: &KeyHandle) -> Result<PathBuf, KeyError> {
        // The handle comes from a file that a person may have edited: it must not lead outside
        // `dir`.
        let plain =
            !key.0.is_empty() && key.0.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if plain { Ok(self.dir.join(format!("{}.p8", key.0))) } else { Err(KeyError::Missing) }
    }

    fn load(&self, key: &KeyHandle) -> Result<SigningKey, KeyError> {
        let der = fs::read(self.path(key)?).map_err(|_| KeyError::Missing)?;
        SigningKey::from_pkcs8(&der).map_err(|_| KeyError::Missing)
    }
}

impl KeyStore for FileKeys {
    fn generate(&self) -> Result<KeyHandle, KeyError> {
        let handle = KeyHandle(fresh_name());
        let write = || -> std::io::Result<()> {
            let path = self.path(&handle).map_err(std::io::Error::other)?;
            let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
            file.write_all(&SigningKey::generate().to_pkcs8())?;
            file.sync_all()
        };
        write().map(|()| handle.clone()).map_err(|e| KeyError::Platform(e.to_string()))
    }
    fn public(&self, key: &KeyHandle) -> Result<[u8; 65], KeyError> {
        self.load(key).map(|k| k.public())
    }
    fn sign(&self, key: &KeyHandle, message: &[u8]) -> Result<[u8; 64], KeyError> {
        self.load(key).map(|k| k.sign(message))
    }
    fn device_secret(&self, key: &KeyHandle) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        self.load(key).map(|k| secret_of(&k))
    }
    fn forget(&self, key: &KeyHandle) -> Result<(), KeyError> {
        match fs::remove_file(self.path(key)?) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(KeyError::Platform(e.to_string())),
            _ => Ok(()),
        }
    }
}

/// A key store in memory; its keys are never written to disk.
#[derive(Clone, Default)]
pub struct MemoryKeys(Arc<Mutex<HashMap<String, SigningKey>>>);

impl MemoryKeys {
    fn with<T>(&self, key: &KeyHandle, f: impl FnOnce(&SigningKey) -> T) -> Result<T, KeyError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key.0).map(f).ok_or(KeyError::Missing)
    }
}

impl KeyStore for MemoryKeys {
    fn generate(&self) -> Result<KeyHandle, KeyError> {
        let name = fresh_name();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), SigningKey::generate());
        Ok(KeyHandle(name))
    }
    fn public(&self, key: &KeyHandle) -> Result<[u8; 65], KeyError> {
        self.with(key, SigningKey::public)
    }
    fn sign(&self, key: &KeyHandle, message: &[u8]) -> Result<[u8; 64], KeyError> {
        self.with(key, |k| k.sign(message))
    }
    fn device_secret(&self, key: &KeyHandle) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        self.with(key, secret_of)
    }
    fn forget(&self, key: &KeyHandle) -> Result<(), KeyError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key.0);
        Ok(())
    }
}
