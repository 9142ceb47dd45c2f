//! Sealing and opening after the handshake.

use countersign_protocol::{
    ServerRole,
    ids::Jkt,
    labels,
    outer::{DATA_HEADER, MAX_PLAINTEXT},
    padding,
};

use crate::{ChannelError, noise::Transport, sha256};

/// After this many messages in one direction the peer must connect again; there is no rekeying.
pub const MAX_MESSAGES: u64 = 1 << 20;

/// An established channel. It cannot be cloned or serialised, so a nonce is never used twice.
pub struct Channel {
    transport: Transport,
    role: ServerRole,
    server_id: [u8; 16],
}

impl Channel {
    pub(crate) fn new(transport: Transport, role: ServerRole, server_id: [u8; 16]) -> Self {
        Self { transport, role, server_id }
    }

    /// Pads and seals one CBOR frame; returns the whole outer frame. Each call uses the next nonce,
    /// so every sealed frame must be sent.
    ///
    /// # Errors
    /// [`ChannelError::Padding`] when `content` is too long, [`ChannelError::Exhausted`] after
    /// [`MAX_MESSAGES`].
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

    /// Opens the body of one DATA frame; returns the CBOR frame. After any error the channel must
    /// be closed.
    ///
    /// # Errors
    /// [`ChannelError::Open`], [`ChannelError::Padding`], [`ChannelError::Exhausted`] or
    /// [`ChannelError::Unable`].
    pub fn open(&mut self, sealed: &[u8]) -> Result<Vec<u8>, ChannelError> {
        if self.transport.state.receiving_nonce() >= MAX_MESSAGES {
            return Err(ChannelError::Exhausted);
        }
        if sealed.len() > MAX_PLAINTEXT + 16 || sealed.len() < 16 {
            return Err(ChannelError::Open);
        }
        let mut plaintext = vec![0; sealed.len()];
        let n = self
            .transport
            .state
            .read_message(sealed, &mut plaintext)
            .map_err(|_| ChannelError::Open.explained())?;
        padding::unpad(&plaintext[..n]).map(<[u8]>::to_vec).map_err(|_| ChannelError::Padding)
    }

    /// The final Noise handshake hash, which is unique to this channel.
    #[must_use]
    pub fn handshake_hash(&self) -> [u8; 32] {
        self.transport.h
    }

    /// The channel binding that a decision carries.
    #[must_use]
    pub fn binding(&self) -> [u8; 32] {
        sha256(&labels::channel_binding(&self.transport.h))
    }

    /// What the account key signs to authenticate this channel.
    #[must_use]
    pub fn auth_message(&self, jkt: &Jkt) -> Vec<u8> {
        labels::channel_auth(self.role, &self.server_id, &self.transport.h, jkt)
    }

    /// What a new key signs on this channel to prove possession of it.
    #[must_use]
    pub fn enrol_message(&self, challenge: &[u8; 32], jkt: &Jkt) -> Vec<u8> {
        labels::enrol(self.role, &self.server_id, &self.transport.h, challenge, jkt)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::{Greeting, ServerKey, ServerPin, accept, random};
    use countersign_protocol::outer::Outer;

    fn established(key: &ServerKey) -> (Channel, Channel) {
        let pin = ServerPin { role: key.role(), server_id: key.server_id(), static_key: key.public() };
        let (greeting, hello) = Greeting::start(&pin).unwrap();
        let Ok(Outer::Hello { noise, .. }) = Outer::parse(&hello) else { panic!("HELLO") };
        let (hello_ok, at_server) = accept(key, noise, b"").unwrap();
        let Ok(Outer::HelloOk { noise }) = Outer::parse(&hello_ok) else { panic!("HELLO_OK") };
        (greeting.finish(noise).unwrap().0, at_server)
    }

    fn server() -> ServerKey {
        ServerKey::new(ServerRole::Ns, [7; 16], random()).unwrap()
    }

    #[test]
    fn sealed_padding_that_is_wrong_is_refused() {
        let good = padding::pad(b"content").unwrap();
        let mut dirty = good.clone();
        dirty[255] = 1;
        let mut long = good.clone();
        long[..2].copy_from_slice(&255_u16.to_be_bytes());
        let larger = [&good[..], &[0; 256]].concat();
        for (what, plaintext, opened) in [
            ("right", &good[..], Ok(b"content".to_vec())),
            ("not zero", &dirty, Err(ChannelError::Padding)),
            ("a length beyond the frame", &long, Err(ChannelError::Padding)),
            ("a larger bucket than needed", &larger, Err(ChannelError::Padding)),
            ("no bucket", &good[..255], Err(ChannelError::Padding)),
            ("nothing", &[], Err(ChannelError::Padding)),
        ] {
            let (mut phone, mut server) = established(&server());
            let mut sealed = vec![0; plaintext.len() + 16];
            phone.transport.state.write_message(plaintext, &mut sealed).unwrap();
            assert_eq!(server.open(&sealed), opened, "{what}");
        }
    }

    #[test]
    fn no_counter_beyond_the_limit_is_used_up_to_the_largest_there_is() {
        for nonce in [MAX_MESSAGES, MAX_MESSAGES + 1, u64::MAX - 2, u64::MAX - 1, u64::MAX] {
            let (mut phone, mut server) = established(&server());
            let sealed = phone.seal(b"").unwrap();
            server.transport.state.set_receiving_nonce(nonce);
            assert_eq!(server.open(&sealed[2..]), Err(ChannelError::Exhausted), "{nonce}");
        }
    }

    /// Checks at compile time that a type is neither `Clone` nor `Serialize`: a type that is one of
    /// them implements `Never` in two ways, and the compiler cannot choose between them.
    trait Never<How> {
        const IS: () = ();
    }
    struct Clones;
    struct Writes;
    impl<T> Never<()> for T {}
    impl<T: Clone> Never<Clones> for T {}
    impl<T: serde::Serialize> Never<Writes> for T {}

    #[test]
    fn a_channel_is_never_copied_and_each_connection_has_keys_of_its_own() {
        let () = <Channel as Never<_>>::IS;
        let () = <Transport as Never<_>>::IS;
        let () = <Greeting as Never<_>>::IS;
        let key = server();
        let (mut one, _) = established(&key);
        let (mut two, mut far) = established(&key);
        assert_ne!(one.handshake_hash(), two.handshake_hash());
        // Both use counter 0; with the same key the same content would give the same bytes.
        let (first, again) = (one.seal(b"content").unwrap(), two.seal(b"content").unwrap());
        assert_ne!(first, again);
        assert_eq!(far.open(&first[2..]), Err(ChannelError::Open), "the connection before this one");
        assert_eq!(far.open(&again[2..]).unwrap(), b"content");
    }
}
