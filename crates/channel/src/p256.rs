//! The P-256 keys of accounts and realm roots. Signatures are raw r‖s (64 bytes). Both low and high
//! s are accepted, so signature bytes never identify anything.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, ParsedPublicKey,
        UnparsedPublicKey,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_protocol::ids::Jkt;
use zeroize::Zeroizing;

use crate::able;

/// Why a key or signature is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum P256Error {
    #[error("not a point on P-256 in uncompressed form")]
    Key,
    #[error("the signature does not verify")]
    Signature,
    /// Nothing can be verified here, for lack of memory. It says nothing about the signature.
    #[error("signatures cannot be verified; memory may be short")]
    Unable,
}

/// A key held in software. Phones with secure hardware never use it; the virtual phone, realm roots
/// and tests do.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    public: [u8; 65],
}

impl SigningKey {
    /// Generates a fresh key.
    ///
    /// # Panics
    /// When the operating system provides no randomness.
    #[must_use]
    pub fn generate() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .expect("the operating system gives randomness");
        Self::from_pair(pair).expect("a fresh key has a public half")
    }

    /// Parses the output of [`SigningKey::to_pkcs8`].
    ///
    /// # Errors
    /// [`P256Error::Key`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, P256Error> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
            .map_err(|_| P256Error::Key)
            .and_then(Self::from_pair)
    }

    fn from_pair(pair: EcdsaKeyPair) -> Result<Self, P256Error> {
        let public = pair.public_key().as_ref().try_into().map_err(|_| P256Error::Key)?;
        Ok(Self { pair, public })
    }

    /// The private key as PKCS#8 (RFC 5208), to be kept like any secret.
    ///
    /// # Panics
    /// Never for a key made by this type.
    #[must_use]
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.pair.to_pkcs8v1().expect("the key was made by us").as_ref().to_vec())
    }

    /// Uncompressed point, 65 bytes (SEC 1, section 2.3.3).
    #[must_use]
    pub fn public(&self) -> [u8; 65] {
        self.public
    }

    /// Signs with ECDSA and SHA-256; the signature is raw r‖s.
    ///
    /// # Panics
    /// When the operating system provides no randomness.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature =
            self.pair.sign(&SystemRandom::new(), message).expect("the operating system gives randomness");
        signature.as_ref().try_into().expect("fixed-length signatures are 64 bytes")
    }
}

/// Checks that the bytes are a public key.
///
/// # Errors
/// [`P256Error::Key`] for compressed, off-curve or infinite points.
pub fn check_public(public: &[u8; 65]) -> Result<(), P256Error> {
    if public[0] != 4 {
        return Err(P256Error::Key);
    }
    ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public).map(drop).map_err(|_| P256Error::Key)
}

/// Verifies a raw r‖s signature over `message`.
///
/// # Errors
/// [`P256Error::Signature`]; [`P256Error::Unable`].
pub fn verify(public: &[u8; 65], message: &[u8], signature: &[u8; 64]) -> Result<(), P256Error> {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public)
        .verify(message, signature)
        .map_err(|_| if able::signatures_work() { P256Error::Signature } else { P256Error::Unable })
}

/// RFC 7638 thumbprint: SHA-256 over `{"crv":"P-256","kty":"EC","x":"…","y":"…"}`.
#[must_use]
pub fn thumbprint(public: &[u8; 65]) -> Jkt {
    let (x, y) = (URL_SAFE_NO_PAD.encode(&public[1..33]), URL_SAFE_NO_PAD.encode(&public[33..]));
    Jkt(crate::sha256(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#).as_bytes()))
}
