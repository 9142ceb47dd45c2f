//! Who this second factor server is.

use countersign_ports::time::Time;
use countersign_protocol::ids::{KeyId, ServerId};

/// The identity of a server, as it is stored: secrets are sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedServer {
    pub id: ServerId,
    pub created_at: Time,
    /// SHA-256 of the root public key: what phones pin.
    pub root_pin: [u8; 32],
    /// The root private key in an envelope. It signs channel keys, and is not needed to serve.
    pub sealed_root: Option<Vec<u8>>,
    /// Channel keys that are in use, newest first.
    pub keys: Vec<SealedKey>,
}

/// A channel key, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedKey {
    pub key_id: KeyId,
    /// Higher for newer keys.
    pub epoch: u64,
    /// X25519.
    pub public: [u8; 32],
    /// The private half in an envelope.
    pub sealed: Vec<u8>,
    /// The root's word for the key (`countersign_channel::statement`).
    pub statement: Vec<u8>,
}

/// Where secrets belong: an envelope opens at its place alone.
pub mod place {
    use countersign_protocol::ids::{KeyId, ServerId};

    /// The root private key.
    #[must_use]
    pub fn root(server: ServerId) -> String {
        format!("sfs/server/{server}/root")
    }

    /// A channel key.
    #[must_use]
    pub fn channel(server: ServerId, key: KeyId) -> String {
        format!("sfs/server/{server}/keys/{key:?}")
    }
}
