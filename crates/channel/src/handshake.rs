//! The two handshake messages. The phone sends the first; the server proves its identity by being
//! able to answer.

use std::sync::Arc;

use countersign_protocol::{
    ServerRole,
    ids::KeyId,
    labels,
    outer::{NOISE_MSG1, NOISE_MSG2_OVERHEAD, Outer},
};

use crate::{
    Channel, ChannelError,
    noise::Noise,
    resolver::{Replay, StaticKey},
    sha256,
};

/// A service's static key, with the role and server id that it is used for.
#[derive(Clone)]
pub struct ServerKey {
    role: ServerRole,
    server_id: [u8; 16],
    key_id: KeyId,
    key: Arc<StaticKey>,
}

impl ServerKey {
    /// Creates the key from a raw X25519 private key.
    ///
    /// # Errors
    /// [`ChannelError::Handshake`] when the bytes are not a key.
    pub fn new(role: ServerRole, server_id: [u8; 16], private: [u8; 32]) -> Result<Self, ChannelError> {
        let key = StaticKey::from_raw(private).ok_or(ChannelError::Handshake)?;
        Ok(Self { role, server_id, key_id: key_id(&key.public), key: Arc::new(key) })
    }

    /// The X25519 public key.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.key.public
    }

    /// The key id that HELLO names.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The server id in the prologue.
    #[must_use]
    pub fn server_id(&self) -> [u8; 16] {
        self.server_id
    }

    /// The role in the prologue.
    #[must_use]
    pub fn role(&self) -> ServerRole {
        self.role
    }
}

/// First 8 bytes of SHA-256 of an X25519 public key.
#[must_use]
pub fn key_id(public: &[u8; 32]) -> KeyId {
    let mut id = [0; 8];
    id.copy_from_slice(&sha256(public)[..8]);
    KeyId(id)
}

/// What a phone knows of a server before it connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPin {
    pub role: ServerRole,
    pub server_id: [u8; 16],
    pub static_key: [u8; 32],
}

/// The phone's handshake after HELLO was sent, while it waits for HELLO_OK.
pub struct Greeting {
    noise: Noise,
    pin: ServerPin,
}

impl Greeting {
    /// Makes a fresh HELLO (the whole outer frame).
    ///
    /// # Errors
    /// [`ChannelError::Handshake`] when the pinned key is not a usable point.
    pub fn start(pin: &ServerPin) -> Result<(Self, Vec<u8>), ChannelError> {
        Self::start_with(pin, None)
    }

    pub(crate) fn start_with(
        pin: &ServerPin,
        replay: Option<Replay>,
    ) -> Result<(Self, Vec<u8>), ChannelError> {
        let id = key_id(&pin.static_key);
        let mut noise =
            Noise::initiator(&pin.static_key, &labels::prologue(pin.role, &pin.server_id, &id.0), replay)?;
        let message = noise.write(&[])?;
        let hello = Outer::Hello { key_id: id.0, noise: &message }.to_bytes();
        Ok((Self { noise, pin: pin.clone() }, hello))
    }

    /// Reads the Noise message of HELLO_OK; returns the channel and the server's first payload (a
    /// `Welcome`).
    ///
    /// # Errors
    /// [`ChannelError::Handshake`] when it is not this server's answer to this HELLO.
    pub fn finish(mut self, noise: &[u8]) -> Result<(Channel, Vec<u8>), ChannelError> {
        if noise.len() < NOISE_MSG2_OVERHEAD {
            return Err(ChannelError::Handshake);
        }
        let payload = self.noise.read(noise)?;
        Ok((Channel::new(self.noise.finish()?, self.pin.role, self.pin.server_id), payload))
    }
}

/// Answers a HELLO's Noise message, on the server: returns HELLO_OK (the whole outer frame), which
/// carries `payload`, and the channel.
///
/// # Errors
/// [`ChannelError::Handshake`] when the message was not made for this key, role and server id, or
/// carries data; [`ChannelError::Unable`].
pub fn accept(key: &ServerKey, noise: &[u8], payload: &[u8]) -> Result<(Vec<u8>, Channel), ChannelError> {
    accept_with(key, noise, payload, None).map_err(ChannelError::explained)
}

pub(crate) fn accept_with(
    key: &ServerKey,
    message: &[u8],
    payload: &[u8],
    replay: Option<Replay>,
) -> Result<(Vec<u8>, Channel), ChannelError> {
    if message.len() != NOISE_MSG1 {
        return Err(ChannelError::Handshake);
    }
    let mut noise =
        Noise::responder(&key.key, &labels::prologue(key.role, &key.server_id, &key.key_id.0), replay)?;
    // 0-RTT data could be replayed and has no forward secrecy, so NOISE_MSG1 leaves no room for
    // any.
    noise.read(message)?;
    let answer = noise.write(payload)?;
    let channel = Channel::new(noise.finish()?, key.role, key.server_id);
    Ok((Outer::HelloOk { noise: &answer }.to_bytes(), channel))
}
