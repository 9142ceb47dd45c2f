//! The frames of SFS. Phones cannot register at it yet.

use minicbor::Encoder;

use super::{ClientAuth, Goodbye, Ping, Pong};
use crate::cbor::{CborError, Field, MapReader, Record};

frames! {
    /// Phone → SFS. Frame numbers have the same meaning as in NS.
    pub enum SfsPhoneFrame {
        1 Auth(ClientAuth),
        3 Ping(Ping),
    }

    /// SFS → phone.
    pub enum SfsServerFrame {
        68 Pong(Pong),
        82 Goodbye(Goodbye),
    }
}
