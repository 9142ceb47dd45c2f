//! The identity of this second factor server.

use countersign_ports::{
    identity::{Part, SealedKey},
    time::Time,
};
use countersign_protocol::ids::ServerId;

/// The identity of a server as it is stored, with its secrets sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedServer {
    pub id: ServerId,
    pub created_at: Time,
    /// SHA-256 of the root public key, which phones pin.
    pub root_pin: [u8; 32],
    /// Envelope of the root private key. The root signs channel keys and is not needed to serve.
    pub sealed_root: Option<Vec<u8>>,
    /// Channel keys that are in use, newest first.
    pub keys: Vec<SealedKey>,
}

/// The name of the place a secret is sealed for. An envelope opens only under the name it was
/// sealed for.
#[must_use]
pub fn place(server: ServerId, part: Part) -> String {
    match part {
        Part::Root => format!("sfs/server/{server}/root"),
        Part::Channel(key) => format!("sfs/server/{server}/keys/{key:?}"),
    }
}
