//! Deterministic CBOR (RFC 8949, section 4.2.1): a strict validator, and maps with unsigned keys on
//! top of it.
//!
//! minicbor decodes non-deterministic input, too (longer-than-needed integers, duplicate keys,
//! trailing bytes), so [`check`] runs over every byte that came from outside *before* a decoder
//! sees it. Once it has passed, keys are known to be sorted and unique, and a map can be read front
//! to back.

mod fields;
mod strict;

pub(crate) use fields::record;
pub use fields::{Field, MapReader, Record, decode, encode};
pub use strict::{MAX_DEPTH, check};

/// Why bytes are not the CBOR we accept. The peer never learns the detail: the connection just
/// closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    #[error("the input ends inside an item")]
    Truncated,
    #[error("bytes follow the item")]
    Trailing,
    #[error("an integer or length is longer than needed")]
    NotShortest,
    #[error("indefinite lengths are not allowed")]
    Indefinite,
    #[error("tags, floats and simple values other than true and false are not allowed")]
    Forbidden,
    #[error("map keys are not in bytewise order, or one appears twice")]
    KeyOrder,
    #[error("nested deeper than {MAX_DEPTH}")]
    TooDeep,
    #[error("a text is not UTF-8")]
    Utf8,
    #[error("a text contains the character NUL")]
    Nul,
    #[error("a field is missing")]
    Missing,
    #[error("an unknown critical field (key below 128)")]
    UnknownField,
    #[error("a field has the wrong type, size or value")]
    WrongType,
}
