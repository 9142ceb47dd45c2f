//! The validator: one pass, no allocation, limited depth.

use super::CborError::{
    self, Forbidden, Indefinite, KeyOrder, NotShortest, Nul, TooDeep, Trailing, Truncated, Utf8,
};

/// How deep arrays and maps may be nested.
pub const MAX_DEPTH: usize = 8;

/// Accepts `input` when it is exactly one deterministically encoded item.
///
/// # Errors
/// The first deviation found; see [`CborError`].
pub fn check(input: &[u8]) -> Result<(), CborError> {
    let mut at = Cursor { input, at: 0 };
    at.item(0)?;
    if at.at == input.len() { Ok(()) } else { Err(Trailing) }
}

struct Cursor<'a> {
    input: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], CborError> {
        let end = self.at.checked_add(n).ok_or(Truncated)?;
        let out = self.input.get(self.at..end).ok_or(Truncated)?;
        self.at = end;
        Ok(out)
    }

    /// Reads the argument of an initial byte (RFC 8949, section 3); only the shortest form is
    /// accepted.
    fn argument(&mut self, info: u8) -> Result<u64, CborError> {
        let (value, least) = match info {
            0..=23 => return Ok(u64::from(info)),
            24 => (u64::from(self.take(1)?[0]), 24),
            25 => (be(self.take(2)?), 0x100),
            26 => (be(self.take(4)?), 0x1_0000),
            27 => (be(self.take(8)?), 0x1_0000_0000),
            31 => return Err(Indefinite),
            _ => return Err(Forbidden),
        };
        if value < least { Err(NotShortest) } else { Ok(value) }
    }

    fn item(&mut self, depth: usize) -> Result<(), CborError> {
        let initial = self.take(1)?[0];
        let (major, info) = (initial >> 5, initial & 0x1f);
        match major {
            0 | 1 => self.argument(info).map(drop),
            2 | 3 => {
                let n = usize::try_from(self.argument(info)?).map_err(|_| Truncated)?;
                let bytes = self.take(n)?;
                match major {
                    3 if std::str::from_utf8(bytes).is_err() => Err(Utf8),
                    // It is a character, but not one that every database can store.
                    3 if bytes.contains(&0) => Err(Nul),
                    _ => Ok(()),
                }
            }
            4 => {
                let n = self.container(info, depth)?;
                (0..n).try_for_each(|_| self.item(depth + 1))
            }
            5 => {
                let n = self.container(info, depth)?;
                self.map(n, depth)
            }
            7 if info == 20 || info == 21 => Ok(()),
            7 if info == 31 => Err(Indefinite),
            _ => Err(Forbidden),
        }
    }

    fn container(&mut self, info: u8, depth: usize) -> Result<u64, CborError> {
        let n = self.argument(info)?;
        if depth >= MAX_DEPTH {
            return Err(TooDeep);
        }
        // Each item takes at least one byte, so a huge declared count fails here instead of causing
        // a long loop.
        if n > (self.input.len() - self.at) as u64 { Err(Truncated) } else { Ok(n) }
    }

    fn map(&mut self, n: u64, depth: usize) -> Result<(), CborError> {
        let mut last: &[u8] = &[];
        for _ in 0..n {
            let start = self.at;
            self.item(depth + 1)?;
            let key = &self.input[start..self.at];
            if key <= last {
                return Err(KeyOrder);
            }
            last = key;
            self.item(depth + 1)?;
        }
        Ok(())
    }
}

fn be(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, b| (n << 8) | u64::from(*b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn deterministic_items_are_accepted() {
        for good in [
            &[0x00][..],
            &[0x17],
            &[0x18, 0x18],
            &[0xa0],
            &[0xa2, 0x01, 0x02, 0x03, 0x04],
            &[0x82, 0xf4, 0xf5],
            &[0x62, b'h', b'i'],
            &[0x20],
        ] {
            assert_eq!(check(good), Ok(()), "{good:02x?}");
        }
    }

    #[test]
    fn each_deviation_is_named() {
        let deep = [[0x81; MAX_DEPTH].as_slice(), &[0x81, 0x00]].concat();
        let cases: &[(&[u8], CborError)] = &[
            (&[], Truncated),
            (&[0x18, 0x17], NotShortest),
            (&[0x19, 0x00, 0xff], NotShortest),
            (&[0x1a, 0, 0, 0xff, 0xff], NotShortest),
            (&[0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], NotShortest),
            (&[0x58, 0x01, 0xaa], NotShortest),
            (&[0x5f, 0x41, 0x00, 0xff], Indefinite),
            (&[0x9f, 0xff], Indefinite),
            (&[0xbf, 0xff], Indefinite),
            (&[0xff], Indefinite),
            (&[0xa2, 0x01, 0x00, 0x01, 0x00], KeyOrder),
            (&[0xa2, 0x02, 0x00, 0x01, 0x00], KeyOrder),
            (&[0x00, 0x00], Trailing),
            (&[0xc0, 0x00], Forbidden),
            (&[0xf6], Forbidden),
            (&[0xf9, 0x3c, 0x00], Forbidden),
            (&[0x1c], Forbidden),
            (&[0x62, 0xff, 0xfe], Utf8),
            // An unpaired surrogate is no UTF-8.
            (&[0x63, 0xed, 0xa0, 0x80], Utf8),
            (&[0x63, b'a', 0, b'b'], Nul),
            (&[0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Truncated),
            (&[0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Truncated),
            (&[0xbb, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Truncated),
            (&deep, TooDeep),
        ];
        for (bytes, why) in cases {
            assert_eq!(check(bytes), Err(*why), "{bytes:02x?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic_the_validator(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = check(&bytes);
        }
    }
}
