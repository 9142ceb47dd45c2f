//! The messages inside DATA. Each is one CBOR map: key 0 is the frame type, the other keys are
//! listed here with each frame.
//!
//! Times are whole seconds since 1970-01-01T00:00:00Z. Texts are UTF-8. A phone gives each command
//! a fresh `req_id`, and uses the same one again only to repeat the same command.

macro_rules! secret {
    ($($(#[$m:meta])* $name:ident($n:literal)),* $(,)?) => {$(
        $(#[$m])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(pub [u8; $n]);
        impl fmt::Debug for $name {
            fn fmt(&self,
                f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(concat!(stringify!($name), "(..)")) }
        }
        impl Field for $name {
            fn put(&self, e: &mut Encoder<Vec<u8>>) { self.0.put(e); }
            fn get(d: &mut minicbor::Decoder<'_>) -> Result<Self, CborError> { Field::get(d).map(Self) }
        }
    )*};
}

macro_rules! frames {
    ($($(#[$m:meta])* pub enum $name:ident { $($n:literal $variant:ident($body:ty)),* $(,)? })*) => {$(
        $(#[$m])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name { $($variant($body)),* }

        impl $name {
            /// Writes the frame as deterministic CBOR, without length or padding.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                let mut e = Encoder::new(Vec::with_capacity(128));
                match self { $(Self::$variant(body) => {
                    e.map(1 + body.entries()).expect("writing CBOR into memory cannot fail");
                    0u64.put(&mut e);
                    ($n as u64).put(&mut e);
                    body.put_entries(&mut e);
                })* }
                e.into_writer()
            }
            /// Decodes `bytes` as exactly one frame.
            ///
            /// # Errors
            /// When they are not exactly one known frame in deterministic CBOR.
            pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
                let mut m = MapReader::open(bytes)?;
                let frame = match m.take::<u64>(0)? {
                    $($n => Self::$variant(<$body>::get_entries(&mut m)?),)*
                    _ => return Err(CborError::WrongType),
                };
                m.finish()?;
                Ok(frame)
            }
            /// The names of all frames, as [`Self::name`] returns them.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($variant)),*];
            /// The frame's name in logs and metrics.
            #[must_use]
            pub fn name(&self) -> &'static str { match self { $(Self::$variant(_) =>
                stringify!($variant)),* } }
        }
        $(impl From<$body> for $name { fn from(body: $body) -> Self { Self::$variant(body) } })*
    )*};
}

mod ns;
mod sfs;
mod shared;

pub use ns::*;
pub use sfs::*;
pub use shared::*;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cbor::CborError,
        codes::LoginState,
        ids::{Jkt, LoginId, ReqId},
    };
    use proptest::prelude::*;

    fn claim() -> PhoneFrame {
        Claim {
            req_id: ReqId([1; 16]),
            login: LoginId([2; 16]),
            qr_time: Some(1_790_000_000),
            qr_mac: Some([3; 16]),
            link: None,
        }
        .into()
    }

    #[test]
    fn frames_survive_their_bytes() {
        let frames: Vec<PhoneFrame> = vec![
            ClientAuth::Account(AuthAccount { jkt: Jkt([1; 32]), sig: [2; 64], app_version: None }).into(),
            ClientAuth::Enrol(AuthEnrol { code: EnrolCode([3; 16]), app_version: Some("1.2".into()) }).into(),
            claim(),
            Ping { nonce: 7 }.into(),
        ];
        for frame in frames {
            assert_eq!(PhoneFrame::decode(&frame.encode()), Ok(frame));
        }
        let list = ServerFrame::from(Logins {
            req_id: ReqId([1; 16]),
            logins: vec![
                LoginEntry {
                    login: LoginId([9; 16]),
                    state: LoginState::Approved,
                    client_name: "Shop".into(),
                    since: 5
                };
                2
            ],
        });
        assert_eq!(ServerFrame::decode(&list.encode()), Ok(list));
    }

    #[test]
    fn unknown_critical_keys_are_refused_and_unknown_optional_keys_skipped() {
        let ping = |extra: &[u8], n: u8| [&[0xa0 | n, 0x00, 0x03, 0x01, 0x07][..], extra].concat();
        assert_eq!(PhoneFrame::decode(&ping(&[], 2)), Ok(Ping { nonce: 7 }.into()));
        assert_eq!(PhoneFrame::decode(&ping(&[0x02, 0x00], 3)), Err(CborError::UnknownField));
        assert_eq!(PhoneFrame::decode(&ping(&[0x18, 0x7f, 0x00], 3)), Err(CborError::UnknownField));
        assert_eq!(PhoneFrame::decode(&ping(&[0x18, 0x80, 0x81, 0x00], 3)), Ok(Ping { nonce: 7 }.into()));
        assert_eq!(PhoneFrame::decode(&ping(&[0x61, b'x', 0x00], 3)), Err(CborError::WrongType));
    }

    #[test]
    fn a_missing_or_mistyped_field_is_refused() {
        assert_eq!(PhoneFrame::decode(&[0xa1, 0x00, 0x03]), Err(CborError::Missing));
        assert_eq!(PhoneFrame::decode(&[0xa2, 0x00, 0x03, 0x01, 0x61, b'7']), Err(CborError::WrongType));
        assert_eq!(PhoneFrame::decode(&[0xa1, 0x00, 0x18, 0x63]), Err(CborError::WrongType));
        assert_eq!(PhoneFrame::decode(&[0x80]), Err(CborError::WrongType));
    }

    #[test]
    fn capabilities_do_not_show_in_debug() {
        let text = format!(
            "{:?}",
            PhoneFrame::from(ClientAuth::Enrol(AuthEnrol { code: EnrolCode([0xab; 16]), app_version: None }))
        );
        assert!(!text.contains("171") && text.contains("EnrolCode(..)"), "{text}");
    }

    proptest! {
        #[test]
        fn a_flipped_byte_never_panics_and_never_reads_as_the_same_frame(at in 0usize..60, bit in 0u8..8) {
            let good = claim().encode();
            let mut bad = good.clone();
            let at = at % bad.len();
            bad[at] ^= 1 << bit;
            prop_assert_ne!(PhoneFrame::decode(&bad), Ok(claim()));
        }
    }
}
