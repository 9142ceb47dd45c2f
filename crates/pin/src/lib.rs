#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod phone;
mod rng;
pub mod server;
mod suite;
#[cfg(test)]
mod vectors;

pub use rng::Fill;

/// Length of a registration request: the blinded password (RFC 9807, section 5.1).
pub const REGISTRATION_REQUEST: usize = 32;
/// Length of a registration response: the evaluated element and the server's public key.
pub const REGISTRATION_RESPONSE: usize = 64;
/// Length of a registration record, which the server stores.
pub const RECORD: usize = 192;
/// Length of KE1, the first message of a check (RFC 9807, section 6).
pub const KE1: usize = 96;
/// Length of KE2, the server's answer.
pub const KE2: usize = 320;
/// Length of KE3, with which the phone proves that the PIN was right.
pub const KE3: usize = 64;

/// Why a message of the protocol is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// The bytes are not a message of this kind: for example a point that is not canonical, or the
    /// identity element.
    #[error("not a message of this protocol")]
    Malformed,
    /// The PIN is wrong, or the message belongs to another record, server or channel; the protocol
    /// cannot tell which.
    #[error("the PIN is wrong")]
    Wrong,
    /// The password could not be stretched, for lack of memory.
    #[error("the PIN could not be stretched; memory may be short")]
    Unable,
}

/// `"countersign/sfs-opaque/v1" ‖ cb`: the OPAQUE context of a check, which binds it to the channel
/// that it runs on.
#[must_use]
pub fn context(channel_binding: &[u8; 32]) -> Vec<u8> {
    [b"countersign/sfs-opaque/v1", &channel_binding[..]].concat()
}
