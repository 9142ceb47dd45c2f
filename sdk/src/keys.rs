//! Where account keys live.

use serde::{Deserialize, Serialize};

/// Names a key in its store; means nothing elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyHandle(pub String);

/// Why a key store did not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key is gone: a restored backup, a reset device.
    #[error("the key is not in this phone's key store any more")]
    Missing,
    /// The platform refused; the text is for the log.
    #[error("the key store refused: {0}")]
    Platform(String),
}

/// P-256 keys, in secure hardware where there is some. Implemented by the app; signatures are raw
/// r‖s (convert the platform's DER).
pub trait KeyStore {
    /// Makes a key that never leaves the store.
    ///
    /// # Errors
    /// When the platform refuses.
    fn generate(&self) -> Result<KeyHandle, KeyError>;
    /// The uncompressed point (SEC 1): `04 ‖ x ‖ y`.
    ///
    /// # Errors
    /// [`KeyError::Missing`].
    fn public(&self, key: &KeyHandle) -> Result<[u8; 65], KeyError>;
    /// ECDSA with SHA-256 over `message`.
    ///
    /// # Errors
    /// [`KeyError::Missing`].
    fn sign(&self, key: &KeyHandle, message: &[u8]) -> Result<[u8; 64], KeyError>;
    /// Forgets a key for good. Forgetting a missing one is fine.
    ///
    /// # Errors
    /// When the platform refuses.
    fn forget(&self, key: &KeyHandle) -> Result<(), KeyError>;
}
