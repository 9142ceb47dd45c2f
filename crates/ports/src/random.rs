//! What is made from randomness, given a source of it.

use crate::{secret::Secret, time::Time};

/// A source of randomness; the program gives the operating system's, tests give their own.
pub trait Random: Send + Sync {
    /// Fills `out`.
    fn fill(&self, out: &mut [u8]);
}

impl dyn Random + '_ {
    /// A fixed number of random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// The same, as a secret.
    #[must_use]
    pub fn secret<const N: usize>(&self) -> Secret<N> {
        Secret::new(self.bytes())
    }

    /// A UUIDv7 (RFC 9562, section 5.7): sorted by time, so that databases append.
    #[must_use]
    pub fn id(&self, now: Time) -> [u8; 16] {
        let mut id = self.bytes::<16>();
        id[..6].copy_from_slice(&now.0.to_be_bytes()[2..]);
        id[6] = 0x70 | (id[6] & 0x0f);
        id[8] = 0x80 | (id[8] & 0x3f);
        id
    }

    /// Four decimal digits, each number equally likely.
    #[must_use]
    pub fn number(&self) -> String {
        // 2^32 is so far above 10,000 that the bias is below one in 400,000.
        format!("{:04}", u32::from_be_bytes(self.bytes()) % 10_000)
    }

    /// Two decimal digits for number matching.
    #[must_use]
    pub fn short_number(&self) -> String {
        format!("{:02}", u32::from_be_bytes(self.bytes()) % 100)
    }
}

/// The id of what a keyed request makes: a UUIDv8 (RFC 9562, section 5.8) that is the same for the
/// same key.
#[must_use]
pub fn id_from(hash: &[u8; 32]) -> [u8; 16] {
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    id[6] = 0x80 | (id[6] & 0x0f);
    id[8] = 0x80 | (id[8] & 0x3f);
    id
}
