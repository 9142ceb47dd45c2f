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

/// The context that a second factor is proven for, before it is hashed: `"countersign/2fa-ctx/v1" 00
/// ‖ lp(r) ‖ lp(server_id) ‖ lp(challenge) ‖ lp(cb) ‖ lp(jkt) ‖ lp(purpose) ‖ lp(SHA-256(payload))`,
/// where `lp(x)` is the length of x as u32 big-endian, then x.
///
/// `r` is 32 random bytes that the phone shows to NS alone; they keep SFS from guessing the rest.
/// `server_id` and `challenge` are NS's, `cb` is the binding of the channel that the challenge was
/// issued on, `jkt` names the account's key.
#[must_use]
pub fn second_factor(context: &SecondFactor<'_>) -> Vec<u8> {
    let SecondFactor { r, server_id, challenge, cb, jkt, purpose, payload_hash } = context;
    let mut out = b"countersign/2fa-ctx/v1\0".to_vec();
    let parts: [&[u8]; 7] =
        [&r[..], &server_id[..], &challenge[..], &cb[..], &jkt.0, purpose.as_bytes(), &payload_hash[..]];
    for part in parts {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(part);
    }
    out
}

/// The parts of [`second_factor`].
#[derive(Clone, Copy, Debug)]
pub struct SecondFactor<'a> {
    pub r: &'a [u8; 32],
    pub server_id: &'a [u8; 16],
    pub challenge: &'a [u8; 32],
    pub cb: &'a [u8; 32],
    pub jkt: &'a Jkt,
    /// [`PURPOSE_LOGIN`] or [`PURPOSE_ENROL`].
    pub purpose: &'a str,
    /// SHA-256 of what the user agrees to: the context bytes of a login; nothing at an enrolment.
    pub payload_hash: &'a [u8; 32],
}

/// The purpose of a second factor that a login requires.
pub const PURPOSE_LOGIN: &str = "login";
/// The purpose of a second factor that a new phone brings.
pub const PURPOSE_ENROL: &str = "enrol";

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
