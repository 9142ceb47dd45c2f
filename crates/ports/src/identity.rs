//! A server's identity as it is stored. The actors' shell creates and opens it; each service
//! decides where it is stored.

use countersign_protocol::ids::KeyId;

/// The root key that phones pin, and the first channel key that it signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedIdentity {
    /// SHA-256 of the root public key, which is what phones pin.
    pub root_pin: [u8; 32],
    /// Vault envelope of the root private key (PKCS#8).
    pub sealed_root: Vec<u8>,
    pub key: SealedKey,
}

/// A static key of the phone channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedKey {
    pub key_id: KeyId,
    /// Higher for newer keys.
    pub epoch: u64,
    /// X25519 public key.
    pub public: [u8; 32],
    /// Vault envelope of the private key.
    pub sealed: Vec<u8>,
    /// The key statement, signed by the root.
    pub statement: Vec<u8>,
}

/// One secret of an identity. Each service maps it to a location name that no other secret has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The root private key.
    Root,
    /// The private half of this channel key.
    Channel(KeyId),
}
