//! SFS: nobody can register yet.

use minicbor::Encoder;

use super::{ClientAuth, Goodbye, Ping, Pong};
use crate::cbor::{CborError, Field, MapReader, Record};

frames! {
    /// Phone → SFS. Numbers mean what they mean towards NS.
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
