#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod able;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod attacker;
mod channel;
mod handshake;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod known_answers;
mod noise;
pub mod p256;
mod resolver;
pub mod statement;

#[cfg(any(test, feature = "vectors"))]
pub mod vectors;

pub use channel::{Channel, MAX_MESSAGES};
pub use handshake::{Greeting, ServerKey, ServerPin, accept, key_id};

/// Why the channel fails. The peer learns only that the connection closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// A handshake message is not what this key, role and server id expect.
    #[error("the handshake failed")]
    Handshake,
    /// A sealed message was altered, replayed, reordered or belongs to another channel.
    #[error("a message could not be opened")]
    Open,
    /// The content is longer than 32 KiB − 2 bytes, or the padding is wrong.
    #[error("a message does not fit its padding")]
    Padding,
    /// One direction has carried 2^20 messages; the peer must connect again.
    #[error("the channel has carried its limit of messages")]
    Exhausted,
    /// The cryptography does not work here, for lack of memory. It says nothing about the peer.
    #[error("the cryptography does not work; memory may be short")]
    Unable,
}

impl ChannelError {
    /// Tells a failure of ours from one of the peer's.
    fn explained(self) -> Self {
        match self {
            Self::Handshake | Self::Open if !able::ciphers_work() => Self::Unable,
            other => other,
        }
    }
}

/// SHA-256 (FIPS 180-4).
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    out
}

/// Fills an array from the operating system's generator.
///
/// # Panics
/// When the operating system provides no randomness, as there is no safe way to continue.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    aws_lc_rs::rand::fill(&mut out).expect("the operating system gives randomness");
    out
}
