//! What each fuzz target of `crates/protocol` does with its bytes. The fuzzers call it, and so does
//! `crates/protocol/tests/corpus.rs` for every committed file.
//!
//! A body panics when a guarantee is violated, and returns whether the bytes were accepted: a
//! corpus needs both kinds.

pub mod attestation;
pub mod cbor;
pub mod decision;
pub mod frames;
pub mod item;
pub mod link;
pub mod outer;
pub mod padding;
pub mod statement;
