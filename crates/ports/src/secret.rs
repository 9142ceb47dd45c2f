//! Secret bytes: no `Display`, an opaque `Debug`, wiped on drop, compared in constant time.

use std::fmt;

use aws_lc_rs::{constant_time, digest, hmac};
use zeroize::Zeroizing;

/// A secret of fixed length.
#[derive(Clone)]
pub struct Secret<const N: usize>(Zeroizing<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// Wraps the bytes.
    #[must_use]
    pub fn new(bytes: [u8; N]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Exposes the bytes. Call this as late as possible.
    #[must_use]
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// The SHA-256 of the secret, which is what gets stored.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        sha256(&self.0[..])
    }

    /// Whether the secret equals `other`, compared in constant time.
    #[must_use]
    pub fn is(&self, other: &[u8]) -> bool {
        same(&self.0[..], other)
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// SHA-256 (FIPS 180-4).
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// The first 16 bytes of HMAC-SHA256 (RFC 2104).
#[must_use]
pub fn mac16(key: &Secret<32>, message: &[u8]) -> [u8; 16] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()), message);
    let mut out = [0; 16];
    out.copy_from_slice(&tag.as_ref()[..16]);
    out
}

/// Compares two byte strings in constant time.
#[must_use]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}
