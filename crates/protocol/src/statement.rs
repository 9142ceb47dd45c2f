//! The server key statement, with which the realm root certifies a static key. RETRY carries it,
//! and it is stored with the key.
//!
//! COSE_Sign1 (RFC 9052, section 4.2), untagged, ES256, the payload attached: `[ protected = {1:
//! -7} as bytes, unprotected = {}, payload as bytes, signature r‖s ]`. The payload is the map
//! below. It contains the root's public key, which the phone believes because it pinned the hash of
//! that key at enrolment.

use minicbor::{Decoder, Encoder};

use crate::cbor::{CborError, check, decode, encode, record};
use crate::ids::KeyId;

/// `{1: -7}`, which fixes the algorithm to ES256.
const PROTECTED: [u8; 3] = [0xa1, 0x01, 0x26];

/// Maximum age of a statement carried in RETRY, in seconds; an older one is refused.
pub const RETRY_MAX_AGE: u64 = 7 * 24 * 3600;

record! {
    /// Payload of the statement.
    pub struct KeyStatement {
        1 => role: String,
        2 => server_id: [u8; 16],
        3 => static_key: [u8; 32],
        4 => key_id: KeyId,
        /// Higher for every new key; a phone never goes back to a lower one.
        5 => epoch: u64,
        /// When it was signed.
        6 => issued_at: u64,
        7 => not_after: u64,
        /// The lowest and the highest channel version that the server supports.
        8 => min_version: u64,
        9 => max_version: u64,
        /// The root's uncompressed P-256 point.
        10 => root_key: [u8; 65]
    }
}

/// A statement with its signature, not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The payload bytes exactly as they were signed.
    pub payload: Vec<u8>,
    /// Raw r‖s.
    pub signature: [u8; 64],
}

/// The signed bytes: the COSE `Sig_structure` with context `Signature1`.
#[must_use]
pub fn to_be_signed(payload: &[u8]) -> Vec<u8> {
    let mut e = Encoder::new(Vec::with_capacity(payload.len() + 32));
    let fits = "writing CBOR into memory cannot fail";
    e.array(4)
        .expect(fits)
        .str("Signature1")
        .expect(fits)
        .bytes(&PROTECTED)
        .expect(fits)
        .bytes(&[])
        .expect(fits)
        .bytes(payload)
        .expect(fits);
    e.into_writer()
}

impl Signed {
    /// Writes the COSE_Sign1.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut e = Encoder::new(Vec::with_capacity(self.payload.len() + 80));
        let fits = "writing CBOR into memory cannot fail";
        e.array(4)
            .expect(fits)
            .bytes(&PROTECTED)
            .expect(fits)
            .map(0)
            .expect(fits)
            .bytes(&self.payload)
            .expect(fits)
            .bytes(&self.signature)
            .expect(fits);
        e.into_writer()
    }

    /// Parses `bytes` as exactly one COSE_Sign1.
    ///
    /// # Errors
    /// When they do not have exactly the shape above.
    pub fn parse(bytes: &[u8]) -> Result<Self, CborError> {
        check(bytes)?;
        let wrong = |_| CborError::WrongType;
        let mut d = Decoder::new(bytes);
        if d.array().map_err(wrong)? != Some(4)
            || d.bytes().map_err(wrong)? != PROTECTED
            || d.map().map_err(wrong)? != Some(0)
        {
            return Err(CborError::WrongType);
        }
        let payload = d.bytes().map_err(wrong)?.to_vec();
        let signature = d.bytes().map_err(wrong)?.try_into().map_err(|_| CborError::WrongType)?;
        Ok(Self { payload, signature })
    }

    /// Decodes the payload. This does not verify the signature.
    ///
    /// # Errors
    /// When the payload is not a statement.
    pub fn statement(&self) -> Result<KeyStatement, CborError> {
        decode(&self.payload)
    }
}

impl KeyStatement {
    /// The payload bytes to sign.
    #[must_use]
    pub fn to_payload(&self) -> Vec<u8> {
        encode(self)
    }
}
