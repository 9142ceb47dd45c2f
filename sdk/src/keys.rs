//! The store that holds account keys.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Names a key in its store. It has no meaning elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyHandle(pub String);

/// Why an operation of a key store failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key is gone, for example after a backup was restored or the device was reset.
    #[error("the key is not in this phone's key store any more")]
    Missing,
    /// The platform refused; the text is for the log.
    #[error("the key store refused: {0}")]
    Platform(String),
}

/// P-256 keys, in secure hardware where available. The app implements this trait. Signatures are
/// raw r‖s, so the platform's DER must be converted.
pub trait KeyStore {
    /// Generates a key that never leaves the store.
    ///
    /// # Errors
    /// When the platform refuses.
    fn generate(&self) -> Result<KeyHandle, KeyError>;
    /// The uncompressed point (SEC 1): `04 ‖ x ‖ y`.
    ///
    /// # Errors
    /// [`KeyError::Missing`].
    fn public(&self, key: &KeyHandle) -> Result<[u8; 65], KeyError>;
    /// Signs `message` with ECDSA and SHA-256.
    ///
    /// # Errors
    /// [`KeyError::Missing`].
    fn sign(&self, key: &KeyHandle, message: &[u8]) -> Result<[u8; 64], KeyError>;
    /// A secret of 32 bytes that belongs to this key, is always the same, and never leaves this
    /// phone: kept under a key of secure hardware where there is one, and in no backup. It goes into
    /// every PIN, so that nobody can try PINs without this phone.
    ///
    /// # Errors
    /// [`KeyError::Missing`].
    fn device_secret(&self, key: &KeyHandle) -> Result<Zeroizing<[u8; 32]>, KeyError>;
    /// Deletes a key permanently. It is no error if the key is missing.
    ///
    /// # Errors
    /// When the platform refuses.
    fn forget(&self, key: &KeyHandle) -> Result<(), KeyError>;
}
