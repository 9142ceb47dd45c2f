//! The frames that every service shares.

use std::fmt;

use minicbor::Encoder;

use crate::{
    cbor::{CborError, Field, MapReader, Record, record},
    codes::{Close, Refusal},
    ids::{Jkt, ReqId},
};

secret! {
    /// The single-use capability in an enrolment link. It has no `Display`, and `Debug` hides it.
    EnrolCode(16),
}

record! {
    /// First frame of an enrolled phone. `sig` is the account key's signature over
    /// [`crate::labels::channel_auth`], raw r‖s.
    pub struct AuthAccount { 2 => jkt: Jkt, 3 => sig: [u8; 64], 5 => app_version: Option<String> }
    /// First frame of a phone with an enrolment link.
    pub struct AuthEnrol { 4 => code: EnrolCode, 5 => app_version: Option<String> }
    /// Keeps the connection alive. The answer is a [`Pong`] with the same number.
    pub struct Ping { 1 => nonce: u64 }
    /// A command was refused.
    pub struct Refused { 1 => req_id: ReqId, 2 => code: Refusal, 3 => retry_after: Option<u64> }
    /// Answer to [`Ping`].
    pub struct Pong { 1 => nonce: u64, 2 => time: u64 }
    /// Success of a command that has no result of its own.
    pub struct Done { 1 => req_id: ReqId }
    /// Ends the connection, authentically: the frame is sent inside the channel.
    pub struct Goodbye { 1 => code: Close }
    /// Payload of HELLO_OK.
    pub struct Welcome { 1 => time: u64, 2 => max_frame: u64, 3 => ping_after: u64 }
}

/// First frame after the handshake (frame type 1; key 1 is the kind).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// Kind 1.
    Account(AuthAccount),
    /// Kind 2.
    Enrol(AuthEnrol),
}

const KIND_ACCOUNT: u64 = 1;
const KIND_ENROL: u64 = 2;

impl Record for ClientAuth {
    fn entries(&self) -> u64 {
        1 + match self {
            Self::Account(a) => a.entries(),
            Self::Enrol(a) => a.entries(),
        }
    }
    fn put_entries(&self, e: &mut Encoder<Vec<u8>>) {
        1u64.put(e);
        match self {
            Self::Account(a) => {
                KIND_ACCOUNT.put(e);
                a.put_entries(e);
            }
            Self::Enrol(a) => {
                KIND_ENROL.put(e);
                a.put_entries(e);
            }
        }
    }
    fn get_entries(m: &mut MapReader<'_>) -> Result<Self, CborError> {
        match m.take::<u64>(1)? {
            KIND_ACCOUNT => AuthAccount::get_entries(m).map(Self::Account),
            KIND_ENROL => AuthEnrol::get_entries(m).map(Self::Enrol),
            _ => Err(CborError::WrongType),
        }
    }
}
