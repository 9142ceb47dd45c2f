//! The wrapper of snow, the Noise implementation.

use std::sync::Arc;

use snow::{
    Builder, HandshakeState, TransportState,
    params::{
        BaseChoice, CipherChoice, DHChoice, HandshakeChoice, HandshakeModifier, HandshakeModifierList,
        HandshakePattern, HashChoice, KemChoice, NoiseParams,
    },
};

use crate::{
    ChannelError,
    resolver::{Replay, Resolver, StaticKey},
};

/// The protocol name, which is hashed into the handshake: Noise section 8 with the `+KEM` of the
/// "hfs" extension.
const NAME: &str = "Noise_NKhfs_25519+MLKEM768_AESGCM_SHA256";

pub(crate) fn params() -> NoiseParams {
    NoiseParams::new(
        NAME.to_owned(),
        BaseChoice::Noise,
        HandshakeChoice {
            pattern: HandshakePattern::NK,
            modifiers: HandshakeModifierList { list: vec![HandshakeModifier::Hfs] },
        },
        DHChoice::Curve25519,
        Some(KemChoice::Kyber1024),
        CipherChoice::AESGCM,
        HashChoice::SHA256,
    )
}

/// A handshake in progress.
pub(crate) struct Noise(Box<HandshakeState>);

/// A finished handshake.
pub(crate) struct Transport {
    pub(crate) state: TransportState,
    pub(crate) h: [u8; 32],
}

impl Noise {
    pub(crate) fn initiator(
        server: &[u8; 32],
        prologue: &[u8],
        replay: Option<Replay>,
    ) -> Result<Self, ChannelError> {
        let ephemeral = replay.as_ref().and_then(|r| r.ephemeral);
        let resolver = Resolver { static_key: None, replay };
        let mut builder = Builder::with_resolver(params(), Box::new(resolver))
            .prologue(prologue)
            .and_then(|b| b.remote_public_key(server))
            .map_err(failed)?;
        if let Some(key) = &ephemeral {
            builder = builder.fixed_ephemeral_key_for_testing_only(key);
        }
        builder.build_initiator().map(|s| Self(Box::new(s))).map_err(failed)
    }

    pub(crate) fn responder(
        key: &Arc<StaticKey>,
        prologue: &[u8],
        replay: Option<Replay>,
    ) -> Result<Self, ChannelError> {
        let ephemeral = replay.as_ref().and_then(|r| r.ephemeral);
        let resolver = Resolver { static_key: Some(key.clone()), replay };
        let mut builder = Builder::with_resolver(params(), Box::new(resolver))
            .prologue(prologue)
            .and_then(|b| b.local_private_key(&key.raw[..]))
            .map_err(failed)?;
        if let Some(key) = &ephemeral {
            builder = builder.fixed_ephemeral_key_for_testing_only(key);
        }
        builder.build_responder().map(|s| Self(Box::new(s))).map_err(failed)
    }

    /// Writes the next handshake message.
    pub(crate) fn write(&mut self, payload: &[u8]) -> Result<Vec<u8>, ChannelError> {
        let mut out = vec![0; 2048];
        let n = self.0.write_message(payload, &mut out).map_err(failed)?;
        out.truncate(n);
        Ok(out)
    }

    /// Reads the next handshake message. The caller must have checked its exact length, because
    /// snow relies on it.
    pub(crate) fn read(&mut self, message: &[u8]) -> Result<Vec<u8>, ChannelError> {
        let mut out = vec![0; message.len()];
        let n = self.0.read_message(message, &mut out).map_err(failed)?;
        out.truncate(n);
        Ok(out)
    }

    /// Returns the pair of transport keys, and the hash that identifies this handshake.
    pub(crate) fn finish(self) -> Result<Transport, ChannelError> {
        let h = self.0.get_handshake_hash().try_into().map_err(|_| ChannelError::Handshake)?;
        let state = self.0.into_transport_mode().map_err(failed)?;
        Ok(Transport { state, h })
    }
}

fn failed(_: snow::Error) -> ChannelError {
    ChannelError::Handshake
}
