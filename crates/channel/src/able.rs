//! Whether the cryptography works at all.
//!
//! Its functions allocate, and fail in the same way when memory is short as when an input is wrong.
//! Before a failure is told as a verdict on what a peer sent, a computation whose result is known
//! is tried: where that fails, too, the failure is ours.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey},
};
use countersign_protocol::known;

/// Whether a key can be set up, and a message sealed and opened with it.
pub(crate) fn ciphers_work() -> bool {
    let key = || UnboundKey::new(&AES_256_GCM, &[7; 32]).map(LessSafeKey::new);
    let nonce = || Nonce::assume_unique_for_key([0; 12]);
    let mut message = b"sample".to_vec();
    let sealed = key().and_then(|k| k.seal_in_place_append_tag(nonce(), Aad::empty(), &mut message));
    sealed.is_ok()
        && key().is_ok_and(|k| {
            k.open_in_place(nonce(), Aad::empty(), &mut message).is_ok_and(|plain| plain == b"sample")
        })
}

/// Whether a signature that is right is found right.
pub(crate) fn signatures_work() -> bool {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &known::PUBLIC)
        .verify(known::MESSAGE, &known::SIGNATURE)
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_comes_out_right() {
        assert!(ciphers_work() && signatures_work());
        let mut wrong = known::SIGNATURE;
        wrong[0] ^= 1;
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &known::PUBLIC);
        assert!(key.verify(known::MESSAGE, &wrong).is_err(), "it can come out wrong");
    }
}
