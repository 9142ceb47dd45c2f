//! What a server proves itself by, as it is stored. The actors' shell makes and opens it; each
//! service says where.

use countersign_protocol::ids::KeyId;

/// What phones pin, and the first key under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedIdentity {
    /// SHA-256 of the root public key: what phones pin.
    pub root_pin: [u8; 32],
    /// Envelope of the root private key, in PKCS#8.
    pub sealed_root: Vec<u8>,
    pub key: SealedKey,
}

/// A static key of the phone channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedKey {
    pub key_id: KeyId,
    /// Higher for newer keys.
    pub epoch: u64,
    /// X25519.
    pub public: [u8; 32],
    /// Envelope of the private half.
    pub sealed: Vec<u8>,
    /// The key statement that the root signed.
    pub statement: Vec<u8>,
}

/// A secret of an identity. A service turns it into the name of a place that no other secret has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The root private key.
    Root,
    /// The private half of this channel key.
    Channel(KeyId),
}
