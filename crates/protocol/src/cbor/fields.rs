//! Maps with unsigned integer keys, written and read field by field.
//!
//! Keys 0–127 are critical: a reader that does not know one refuses the whole map. Keys from 128
//! are optional extensions: a reader skips what it does not know.

use minicbor::{Decoder, Encoder, data::Type};

use super::{CborError, check};
use crate::ids;

/// The first key a reader may skip when it does not know it.
const FIRST_OPTIONAL_KEY: u64 = 128;

/// The value of a map entry.
pub trait Field: Sized {
    /// Whether the value is written at all; only `Option::None` is not.
    fn present(&self) -> bool {
        true
    }
    /// Appends the value.
    fn put(&self, e: &mut Encoder<Vec<u8>>);
    /// Reads the value.
    ///
    /// # Errors
    /// [`CborError::WrongType`] when the next item is of another type.
    fn get(d: &mut Decoder<'_>) -> Result<Self, CborError>;
    /// The value of a field whose key is absent.
    ///
    /// # Errors
    /// [`CborError::Missing`] unless the field is optional.
    fn absent() -> Result<Self, CborError> {
        Err(CborError::Missing)
    }
}

/// A struct whose fields are the entries of a map.
pub trait Record: Sized {
    /// How many entries will be written.
    fn entries(&self) -> u64;
    /// Writes the entries in ascending key order.
    fn put_entries(&self, e: &mut Encoder<Vec<u8>>);
    /// Reads the entries in ascending key order.
    ///
    /// # Errors
    /// The error of the first invalid entry.
    fn get_entries(m: &mut MapReader<'_>) -> Result<Self, CborError>;
}

/// Encodes one record as a map of its own.
#[must_use]
pub fn encode<R: Record>(record: &R) -> Vec<u8> {
    let mut e = Encoder::new(Vec::with_capacity(128));
    put(&mut e, |e| e.map(record.entries()).map(drop));
    record.put_entries(&mut e);
    e.into_writer()
}

/// Validates `bytes` and decodes the one record they consist of.
///
/// # Errors
/// The error of [`check`], else that of the first invalid entry.
pub fn decode<R: Record>(bytes: &[u8]) -> Result<R, CborError> {
    let mut m = MapReader::open(bytes)?;
    let record = R::get_entries(&mut m)?;
    m.finish()?;
    Ok(record)
}

/// Reads a validated map front to back.
pub struct MapReader<'a> {
    d: Decoder<'a>,
    left: u64,
    next: Option<u64>,
}

impl<'a> MapReader<'a> {
    /// Validates `bytes` and opens the one map they consist of.
    ///
    /// # Errors
    /// The error of [`check`], or [`CborError::WrongType`] when it is not a map with unsigned keys.
    pub fn open(bytes: &'a [u8]) -> Result<Self, CborError> {
        check(bytes)?;
        Self::nested(Decoder::new(bytes))
    }

    fn nested(mut d: Decoder<'a>) -> Result<Self, CborError> {
        let left = d.map().map_err(wrong)?.ok_or(CborError::Indefinite)?;
        let mut reader = Self { d, left, next: None };
        reader.advance()?;
        Ok(reader)
    }

    fn advance(&mut self) -> Result<(), CborError> {
        self.next = if self.left == 0 {
            None
        } else {
            self.left -= 1;
            Some(self.d.u64().map_err(wrong)?)
        };
        Ok(())
    }

    /// Reads the entry with this key, or returns [`Field::absent`] when there is none. Keys must be
    /// requested in ascending order.
    ///
    /// # Errors
    /// [`CborError::Missing`], [`CborError::WrongType`] or [`CborError::UnknownField`].
    pub fn take<F: Field>(&mut self, key: u64) -> Result<F, CborError> {
        match self.next {
            Some(k) if k == key => {
                let value = F::get(&mut self.d)?;
                self.advance()?;
                Ok(value)
            }
            Some(k) if k < key => Err(CborError::UnknownField),
            _ => F::absent(),
        }
    }

    /// Skips optional extensions; refuses unknown critical fields.
    ///
    /// # Errors
    /// [`CborError::UnknownField`].
    pub fn finish(&mut self) -> Result<(), CborError> {
        while let Some(key) = self.next {
            if key < FIRST_OPTIONAL_KEY {
                return Err(CborError::UnknownField);
            }
            self.d.skip().map_err(wrong)?;
            self.advance()?;
        }
        Ok(())
    }
}

/// Runs an encoder call. Writing into a `Vec` cannot fail, but minicbor's `Error<Infallible>` does
/// not let the compiler know.
fn put(
    e: &mut Encoder<Vec<u8>>,
    f: impl FnOnce(&mut Encoder<Vec<u8>>) -> Result<(), minicbor::encode::Error<std::convert::Infallible>>,
) {
    f(e).expect("writing CBOR into memory cannot fail");
}

fn wrong(_: minicbor::decode::Error) -> CborError {
    CborError::WrongType
}

impl Field for u64 {
    fn put(&self, e: &mut Encoder<Vec<u8>>) {
        put(e, |e| e.u64(*self).map(drop));
    }
    fn get(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        d.u64().map_err(wrong)
    }
}

impl Field for String {
    fn put(&self, e: &mut Encoder<Vec<u8>>) {
        put(e, |e| e.str(self).map(drop));
    }
    fn get(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        d.str().map(str::to_owned).map_err(wrong)
    }
}

impl Field for Vec<u8> {
    fn put(&self, e: &mut Encoder<Vec<u8>>) {
        put(e, |e| e.bytes(self).map(drop));
    }
    fn get(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        d.bytes().map(<[u8]>::to_vec).map_err(wrong)
    }
}

impl<const N: usize> Field for [u8; N] {
    fn put(&self, e: &mut Encoder<Vec<u8>>) {
        put(e, |e| e.bytes(self).map(drop));
    }
    fn get(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        d.bytes().map_err(wrong)?.try_into().map_err(|_| CborError::WrongType)
    }
}

impl<F: Field> Field for Option<F> {
    fn present(&self) -> bool {
        self.is_some()
    }
    fn put(&self, e: &mut Encoder<Vec<u8>>) {
        if let Some(value) = self {
            value.put(e);
        }
    }
    fn get(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        F::get(d).map(Some)
    }
    fn absent() -> Result<Self, CborError> {
        Ok(None)
    }
}

/// An array of records, each encoded as a map.
impl<R: Record> Field for Vec<R> {
    fn put(&self, e: &mut Encoder<Vec<u8>>) {
        put(e, |e| e.array(self.len() as u64).map(drop));
        for record in self {
            put(e, |e| e.map(record.entries()).map(drop));
            record.put_entries(e);
        }
    }
    fn get(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        let n = d.array().map_err(wrong)?.ok_or(CborError::Indefinite)?;
        (0..n).map(|_| record_inside(d)).collect()
    }
}

fn record_inside<R: Record>(d: &mut Decoder<'_>) -> Result<R, CborError> {
    if d.datatype().map_err(wrong)? != Type::Map {
        return Err(CborError::WrongType);
    }
    let start = d.position();
    let mut ahead = d.clone();
    ahead.skip().map_err(wrong)?;
    let mut m = MapReader::nested(Decoder::new(&d.input()[start..ahead.position()]))?;
    let record = R::get_entries(&mut m)?;
    m.finish()?;
    d.set_position(ahead.position());
    Ok(record)
}

macro_rules! bytes_field {
    ($($t:ty),*) => {$(
        impl Field for $t {
            fn put(&self, e: &mut Encoder<Vec<u8>>) { self.0.put(e); }
            fn get(d: &mut Decoder<'_>) -> Result<Self, CborError> { Field::get(d).map(Self) }
        }
    )*};
}
bytes_field!(
    ids::EnrolmentId,
    ids::RealmId,
    ids::LoginId,
    ids::AccountId,
    ids::FactorId,
    ids::ServerId,
    ids::ReqId,
    ids::Jkt,
    ids::KeyId
);

/// Declares a struct together with the integer key of each field.
macro_rules! record {
    ($($(#[$m:meta])* pub struct $name:ident { $($(#[$fm:meta])* $key:literal =>
        $field:ident : $ty:ty),* $(,)? })*) => {$(
        $(#[$m])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $($(#[$fm])* pub $field: $ty),* }

        impl $crate::cbor::Record for $name {
            fn entries(&self) -> u64 {
                0 $(+ u64::from($crate::cbor::Field::present(&self.$field)))*
            }

            fn put_entries(&self, e: &mut minicbor::Encoder<Vec<u8>>) {
                $(if $crate::cbor::Field::present(&self.$field) {
                    $crate::cbor::Field::put(&($key as u64), e);
                    $crate::cbor::Field::put(&self.$field, e);
                })*
            }

            fn get_entries(m: &mut $crate::cbor::MapReader<'_>) -> Result<Self, $crate::cbor::CborError> {
                Ok(Self { $($field: m.take($key)?),* })
            }
        }
    )*};
}
pub(crate) use record;
