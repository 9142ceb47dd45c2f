//! Compact JWS (RFC 7515), ES256 only: what all our signed objects have in common. A verifier works
//! on the bytes as received.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::ids::Jkt;

/// Maximum length of a JWS; longer texts are refused unread.
pub const MAX_JWS: usize = 2048;

/// The text is not one of our signed objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a signed word of the expected kind")]
pub struct BadJws;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

/// A parsed JWS whose signature has not been verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts<'a, C> {
    pub claims: C,
    /// Thumbprint of the key that is claimed to have signed.
    pub kid: Jkt,
    /// `base64url(header).base64url(claims)`: the signed bytes.
    pub signing_input: &'a str,
    /// Raw r‖s.
    pub signature: [u8; 64],
}

/// The bytes to sign (ECDSA P-256 with SHA-256, raw r‖s): header and claims without whitespace.
pub(crate) fn signing_input(typ: &str, kid: &Jkt, claims: &impl Serialize) -> String {
    let kid = URL_SAFE_NO_PAD.encode(kid.0);
    let header = Header { alg: "ES256", typ, kid: &kid };
    let json = |v: Result<Vec<u8>, serde_json::Error>| {
        URL_SAFE_NO_PAD.encode(v.expect("strings and numbers always serialise"))
    };
    format!("{}.{}", json(serde_json::to_vec(&header)), json(serde_json::to_vec(claims)))
}

/// Reads an optional member that must be a string where it is present: `null` is an error, not
/// `None`.
pub(crate) fn present<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    String::deserialize(d).map(Some)
}

/// Parses a JSON object. serde would read an array, too, as if its elements were the members in
/// their order.
fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, BadJws> {
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(BadJws);
    }
    serde_json::from_slice(json).map_err(|_| BadJws)
}

/// Joins signing input and signature into a compact JWS.
#[must_use]
pub fn compact(signing_input: &str, signature: &[u8; 64]) -> String {
    format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Parses a compact JWS without verifying its signature. `alg` is always ES256 and the caller fixes
/// `typ`; nothing in the text can choose them.
pub(crate) fn parse<'a, C: DeserializeOwned>(jws: &'a str, typ: &str) -> Result<Parts<'a, C>, BadJws> {
    if jws.len() > MAX_JWS {
        return Err(BadJws);
    }
    let (signing_input, signature) = jws.rsplit_once('.').ok_or(BadJws)?;
    let (header, claims) = signing_input.split_once('.').ok_or(BadJws)?;
    let bytes = |s: &str| URL_SAFE_NO_PAD.decode(s).map_err(|_| BadJws);
    let (header, claims) = (bytes(header)?, bytes(claims)?);
    let header: Header<'_> = object(&header)?;
    if header.alg != "ES256" || header.typ != typ {
        return Err(BadJws);
    }
    let claims = object(&claims)?;
    Ok(Parts { claims, kid: Jkt(fixed(header.kid)?), signing_input, signature: fixed(signature)? })
}

pub(crate) fn fixed<const N: usize>(text: &str) -> Result<[u8; N], BadJws> {
    URL_SAFE_NO_PAD.decode(text).ok().and_then(|b| b.try_into().ok()).ok_or(BadJws)
}

/// Reads bytes of a fixed length from base64url without padding.
///
/// # Errors
/// [`BadJws`].
pub fn bytes<const N: usize>(text: &str) -> Result<[u8; N], BadJws> {
    fixed(text)
}

pub(crate) fn write(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Whether the text is a number of this length, in ASCII digits.
pub(crate) fn is_digits(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_digit())
}
