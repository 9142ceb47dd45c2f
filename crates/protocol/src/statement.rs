//! The server key statement: the realm root's word on a static key. It travels in RETRY and lies
//! beside the key.
//!
//! COSE_Sign1 (RFC 9052, section 4.2), untagged, ES256, detached from nothing: `[ protected = {1:
//! -7} as bytes, unprotected = {}, payload as bytes, signature r‖s ]`. The payload is the map
//! below. The root's public key rides in the payload; what makes it believable is that the phone
//! pinned its hash at enrolment.

use minicbor::{Decoder, Encoder};

use crate::cbor::{CborError, check, decode, encode, record};
use crate::ids::KeyId;

/// `{1: -7}`: the algorithm is ES256 and nothing else.
const PROTECTED: [u8; 3] = [0xa1, 0x01, 0x26];

/// A statement carried in RETRY is refused when it was made longer ago than this, in seconds.
pub const RETRY_MAX_AGE: u64 = 7 * 24 * 3600;

record! {
    /// Payload of the statement.
    pub struct KeyStatement {
        1 => role: String,
        2 => server_id: [u8; 16],
        3 => static_key: [u8; 32],
        4 => key_id: KeyId,
        /// Grows with every new key; a phone never goes back.
        5 => epoch: u64,
        /// When it was signed.
        6 => issued_at: u64,
        7 => not_after: u64,
        /// Lowest and highest channel version the server speaks.
        8 => min_version: u64,
        9 => max_version: u64,
        /// The root's uncompressed P-256 point.
        10 => root_key: [u8; 65]
    }
}

/// A statement with its signature, not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The payload as it was signed.
    pub payload: Vec<u8>,
    /// Raw r‖s.
    pub signature: [u8; 64],
}

/// The bytes under the signature: the COSE `Sig_structure` with context `Signature1`.
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

    /// Reads a COSE_Sign1 that fills `bytes`.
    ///
    /// # Errors
    /// Anything but the exact shape above.
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

    /// The payload, decoded. Says nothing about the signature.
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
