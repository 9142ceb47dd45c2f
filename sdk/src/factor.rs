//! The second factor as a phone stores it: the SFS of its app, and its key there.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_channel::{ServerPin, random, sha256};
use countersign_protocol::{
    ServerRole,
    ids::{FactorId, Jkt, ServerId},
    labels,
    link::SfsLink,
};
use serde::{Deserialize, Serialize};

use crate::{KeyHandle, WalletError, wallet::check_pin};

/// The SFS of an app, as its publisher pinned it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SfsServer {
    /// URL of the phone socket.
    pub url: String,
    /// The server's id, UUID text.
    pub server: String,
    /// SHA-256 of the root's key, base64url.
    pub root_pin: String,
    /// X25519 key, base64url.
    pub static_key: String,
    pub epoch: u64,
}

impl SfsServer {
    /// Pins the SFS that a link names.
    ///
    /// # Errors
    /// [`WalletError::Plaintext`] unless the URL is `wss://`, or `ws://` on loopback;
    /// [`WalletError::Contradiction`] when the key id is not the key's.
    pub fn from_link(link: &SfsLink) -> Result<Self, WalletError> {
        check_pin(&link.url, &link.static_key, link.key_id)?;
        let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Ok(Self {
            url: link.url.clone(),
            server: link.server.to_string(),
            root_pin: b64(&link.root_pin),
            static_key: b64(&link.static_key),
            epoch: link.epoch,
        })
    }

    /// The server to expect in the handshake.
    ///
    /// # Errors
    /// [`WalletError::Damaged`].
    pub fn pin(&self) -> Result<ServerPin, WalletError> {
        let id: ServerId = self.server.parse().map_err(|_| WalletError::Damaged)?;
        let key = URL_SAFE_NO_PAD.decode(&self.static_key).ok().and_then(|b| b.try_into().ok());
        let static_key = key.ok_or(WalletError::Damaged)?;
        Ok(ServerPin { role: ServerRole::Sfs, server_id: id.0, static_key })
    }
}

/// This phone at its SFS. The key is used nowhere else, so nobody can connect the phone's accounts
/// by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SfsDevice {
    pub server: SfsServer,
    pub key: KeyHandle,
}

/// What an NS asks a second factor to be proven for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorAsked {
    pub challenge: [u8; 32],
    /// Binding of the channel that the challenge was issued on.
    pub cb: [u8; 32],
    pub server_id: [u8; 16],
    /// Greatest age of the proof in seconds; 0 means that it is proven for this.
    pub max_age: u64,
    /// [`labels::PURPOSE_LOGIN`] or [`labels::PURPOSE_ENROL`].
    pub purpose: String,
    /// SHA-256 of what the user agrees to.
    pub payload_hash: [u8; 32],
    /// The factor of the account; `None` where a new one is to be made.
    pub factor: Option<[u8; 16]>,
}

impl FactorAsked {
    /// The factor that SFS is to attest.
    #[must_use]
    pub fn factor(&self) -> Option<FactorId> {
        self.factor.map(FactorId)
    }

    /// Makes the context to be attested for the account with this key: the random bytes that only
    /// NS will see, and the hash for SFS.
    #[must_use]
    pub fn context(&self, jkt: &Jkt) -> ([u8; 32], [u8; 32]) {
        let r = random();
        let context = labels::second_factor(&labels::SecondFactor {
            r: &r,
            server_id: &self.server_id,
            challenge: &self.challenge,
            cb: &self.cb,
            jkt,
            purpose: &self.purpose,
            payload_hash: &self.payload_hash,
        });
        (r, sha256(&context))
    }
}

/// The proof of a second factor, for NS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorProof {
    pub attestation: String,
    /// The key list of the SFS.
    pub keys: String,
    /// The random bytes of the context.
    pub r: [u8; 32],
}

impl FactorProof {
    /// The parts as frames carry them.
    pub(crate) fn parts(proof: Option<&Self>) -> (Option<String>, Option<String>, Option<[u8; 32]>) {
        proof.map_or((None, None, None), |p| (Some(p.attestation.clone()), Some(p.keys.clone()), Some(p.r)))
    }
}
