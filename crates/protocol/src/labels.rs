//! Every domain-separation label, and the byte strings that are signed or hashed under them.
//!
//! `00` below is one zero byte; `‖` is concatenation; ids, hashes and keys are raw bytes of fixed
//! length.

use crate::{ServerRole, ids::Jkt};

/// `"countersign/1" 00 role 00 server_id(16) key_id(8)`: the Noise prologue.
#[must_use]
pub fn prologue(role: ServerRole, server_id: &[u8; 16], key_id: &[u8; 8]) -> Vec<u8> {
    [b"countersign/1\0", role.as_str().as_bytes(), b"\0", server_id, key_id].concat()
}

/// `"countersign/channel-auth/v1" 00 role 00 server_id ‖ h ‖ jkt`: what the account key signs to
/// authenticate a channel.
#[must_use]
pub fn channel_auth(role: ServerRole, server_id: &[u8; 16], h: &[u8; 32], jkt: &Jkt) -> Vec<u8> {
    [b"countersign/channel-auth/v1\0", role.as_str().as_bytes(), b"\0", server_id, h, &jkt.0].concat()
}

/// `"countersign/enrol/v1" 00 role 00 server_id ‖ h ‖ challenge ‖ jkt`: what a new account key
/// signs to prove possession of it.
#[must_use]
pub fn enrol(
    role: ServerRole,
    server_id: &[u8; 16],
    h: &[u8; 32],
    challenge: &[u8; 32],
    jkt: &Jkt,
) -> Vec<u8> {
    [b"countersign/enrol/v1\0", role.as_str().as_bytes(), b"\0", server_id, h, challenge, &jkt.0].concat()
}

/// `"countersign/cb/v1" ‖ h`: its SHA-256 is the channel binding.
#[must_use]
pub fn channel_binding(h: &[u8; 32]) -> Vec<u8> {
    [b"countersign/cb/v1", &h[..]].concat()
}

/// `"countersign/login-ctx/v1" 00 ‖ context`: its SHA-256 is the `ctx` of a decision.
#[must_use]
pub fn login_context(context: &[u8]) -> Vec<u8> {
    [b"countersign/login-ctx/v1\0", context].concat()
}

/// `"countersign/qr/v1" 00 server_id ‖ login_id ‖ t(u32)`: the message that the QR code's HMAC
/// covers.
#[must_use]
pub fn qr(server_id: &[u8; 16], login_id: &[u8; 16], t: u32) -> Vec<u8> {
    [b"countersign/qr/v1\0", &server_id[..], login_id, &t.to_be_bytes()].concat()
}
