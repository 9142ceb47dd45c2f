//! Sealing and opening after the handshake.

use countersign_protocol::{
    Role,
    ids::Jkt,
    labels,
    outer::{DATA_HEADER, MAX_PLAINTEXT},
    padding,
};

use crate::{ChannelError, noise::Transport, sha256};

/// After this many messages in one direction the peer must connect again; there is no rekeying.
pub const MAX_MESSAGES: u64 = 1 << 20;

/// An established channel. It cannot be cloned or written out, so a nonce is never used twice.
pub struct Channel {
    transport: Transport,
    role: Role,
    server_id: [u8; 16],
}

impl Channel {
    pub(crate) fn new(transport: Transport, role: Role, server_id: [u8; 16]) -> Self {
        Self { transport, role, server_id }
    }

    /// Pads and seals one CBOR frame; returns the whole outer frame. Each call uses the next nonce, so what is sealed must be sent.
    ///
    /// # Errors
    /// [`ChannelError::Padding`] when too long, [`ChannelError::Exhausted`] after [`MAX_MESSAGES`].
    pub fn seal(&mut self, content: &[u8]) -> Result<Vec<u8>, ChannelError> {
        if self.transport.state.sending_nonce() >= MAX_MESSAGES {
            return Err(ChannelError::Exhausted);
        }
        let plaintext = padding::pad(content).map_err(|_| ChannelError::Padding)?;
        let mut out = vec![0; DATA_HEADER.len() + plaintext.len() + 16];
        out[..2].copy_from_slice(&DATA_HEADER);
        self.transport.state.write_message(&plaintext, &mut out[2..]).map_err(|_| ChannelError::Exhausted)?;
        Ok(out)
    }

    /// Opens the body of one DATA frame; returns the CBOR frame. After any error the channel must be closed.
    ///
    /// # Errors
    /// [`ChannelError::Open`], [`ChannelError::Padding`] or [`ChannelError::Exhausted`].
    pub fn open(&mut self, sealed: &[u8]) -> Result<Vec<u8>, ChannelError> {
        if self.transport.state.receiving_nonce() >= MAX_MESSAGES {
            return Err(ChannelError::Exhausted);
        }
        if sealed.len() > MAX_PLAINTEXT + 16 || sealed.len() < 16 {
            return Err(ChannelError::Open);
        }
        let mut plaintext = vec![0; sealed.len()];
        let n = self.transport.state.read_message(sealed, &mut plaintext).map_err(|_| ChannelError::Open)?;
        padding::unpad(&plaintext[..n]).map(<[u8]>::to_vec).map_err(|_| ChannelError::Padding)
    }

    /// The final Noise handshake hash: names this channel, and nobody else's.
    #[must_use]
    pub fn handshake_hash(&self) -> [u8; 32] {
        self.transport.h
    }

    /// The channel binding a decision carries.
    #[must_use]
    pub fn binding(&self) -> [u8; 32] {
        sha256(&labels::channel_binding(&self.transport.h))
    }

    /// What the account key signs to authenticate this channel.
    #[must_use]
    pub fn auth_message(&self, jkt: &Jkt) -> Vec<u8> {
        labels::channel_auth(self.role, &self.server_id, &self.transport.h, jkt)
    }

    /// What a new key signs on this channel to prove it is held.
    #[must_use]
    pub fn enrol_message(&self, challenge: &[u8; 32], jkt: &Jkt) -> Vec<u8> {
        labels::enrol(self.role, &self.server_id, &self.transport.h, challenge, jkt)
    }
}
