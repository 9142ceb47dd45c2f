//! Who this second factor server is.

use countersign_ports::{
    identity::{Part, SealedKey},
    time::Time,
};
use countersign_protocol::ids::ServerId;

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

/// Where secrets belong: an envelope opens at its place alone.
#[must_use]
pub fn place(server: ServerId, part: Part) -> String {
    match part {
        Part::Root => format!("sfs/server/{server}/root"),
        Part::Channel(key) => format!("sfs/server/{server}/keys/{key:?}"),
    }
}
