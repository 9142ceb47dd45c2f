//! A second reader and writer of CBOR, to compare the strict validator with. It uses minicbor's
//! lenient decoder and its own encoder.

use countersign_protocol::cbor::MAX_DEPTH;
use minicbor::{Decoder, data::Type};

/// Every CBOR item that the protocol may contain.
#[derive(Debug)]
pub enum Item {
    Unsigned(u64),
    /// The integer −1 − n.
    Negative(u64),
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Self>),
    Map(Vec<(Self, Self)>),
    Bool(bool),
}

impl Item {
    /// Reads the item that fills `bytes`, in any encoding. Returns `None` if there is no such item
    /// or the protocol does not use its type.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut d = Decoder::new(bytes);
        let item = Self::next(&mut d, 0)?;
        (d.position() == bytes.len()).then_some(item)
    }

    fn next(d: &mut Decoder<'_>, depth: usize) -> Option<Self> {
        Some(match d.datatype().ok()? {
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => Self::Unsigned(d.u64().ok()?),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => {
                let n = i128::from(d.int().ok()?);
                u64::try_from(n).map_or_else(
                    |_| u64::try_from(-1 - n).ok().map(Self::Negative),
                    |n| Some(Self::Unsigned(n)),
                )?
            }
            Type::Bytes => Self::Bytes(d.bytes().ok()?.to_vec()),
            Type::String => Self::Text(d.str().ok().filter(|text| !text.contains('\0'))?.to_owned()),
            Type::Bool => Self::Bool(d.bool().ok()?),
            Type::Array if depth < MAX_DEPTH => {
                let n = d.array().ok()??;
                Self::Array((0..n).map(|_| Self::next(d, depth + 1)).collect::<Option<_>>()?)
            }
            Type::Map if depth < MAX_DEPTH => {
                let n = d.map().ok()??;
                let entry = |_| Some((Self::next(d, depth + 1)?, Self::next(d, depth + 1)?));
                Self::Map((0..n).map(entry).collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    /// Encodes the item by RFC 8949 section 4.2.1, implemented from the RFC.
    pub fn written(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Unsigned(n) => head(0, *n, out),
            Self::Negative(n) => head(1, *n, out),
            Self::Bytes(b) => {
                head(2, b.len() as u64, out);
                out.extend_from_slice(b);
            }
            Self::Text(t) => {
                head(3, t.len() as u64, out);
                out.extend_from_slice(t.as_bytes());
            }
            Self::Array(items) => {
                head(4, items.len() as u64, out);
                items.iter().for_each(|i| i.write(out));
            }
            Self::Map(entries) => {
                let mut written: Vec<_> = entries.iter().map(|(k, v)| (k.written(), v)).collect();
                written.sort_by(|a, b| a.0.cmp(&b.0));
                written.dedup_by(|a, b| a.0 == b.0);
                head(5, written.len() as u64, out);
                for (key, value) in written {
                    out.extend_from_slice(&key);
                    value.write(out);
                }
            }
            Self::Bool(b) => out.push(if *b { 0xf5 } else { 0xf4 }),
        }
    }

    /// Removes the entries that a reader may skip: those whose key is 128 or more.
    #[must_use]
    pub fn without_extensions(self) -> Self {
        match self {
            Self::Array(items) => Self::Array(items.into_iter().map(Self::without_extensions).collect()),
            Self::Map(entries) => {
                let known = entries.into_iter().filter(|(k, _)| !matches!(k, Self::Unsigned(128..)));
                Self::Map(known.map(|(k, v)| (k, v.without_extensions())).collect())
            }
            other => other,
        }
    }
}

fn head(major: u8, n: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    let bytes = n.to_be_bytes();
    let (info, tail) = match n {
        0..24 => (bytes[7], 8),
        24..0x100 => (24, 7),
        0x100..0x1_0000 => (25, 6),
        0x1_0000..0x1_0000_0000 => (26, 4),
        _ => (27, 0),
    };
    out.push(major | info);
    out.extend_from_slice(&bytes[tail..]);
}
