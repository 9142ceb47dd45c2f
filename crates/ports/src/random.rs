//! Values derived from a source of randomness.

use crate::{secret::Secret, time::Time};

/// A source of randomness. The program supplies the operating system's; tests supply their own.
pub trait Random: Send + Sync {
    /// Fills `out` with random bytes.
    fn fill(&self, out: &mut [u8]);
}

impl dyn Random + '_ {
    /// Returns `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// Returns `N` random bytes as a [`Secret`].
    #[must_use]
    pub fn secret<const N: usize>(&self) -> Secret<N> {
        Secret::new(self.bytes())
    }

    /// Returns a UUIDv7 (RFC 9562, section 5.7). The ids are ordered by time, so that database
    /// indexes append.
    #[must_use]
    pub fn id(&self, now: Time) -> [u8; 16] {
        let mut id = self.bytes::<16>();
        id[..6].copy_from_slice(&now.0.to_be_bytes()[2..]);
        id[6] = 0x70 | (id[6] & 0x0f);
        id[8] = 0x80 | (id[8] & 0x3f);
        id
    }

    /// Returns four decimal digits; every number is equally likely.
    #[must_use]
    pub fn number(&self) -> String {
        // 2^32 is so far above 10,000 that the bias is below one in 400,000.
        format!("{:04}", u32::from_be_bytes(self.bytes()) % 10_000)
    }

    /// Returns two decimal digits for number matching.
    #[must_use]
    pub fn short_number(&self) -> String {
        format!("{:02}", u32::from_be_bytes(self.bytes()) % 100)
    }
}

/// Derives a UUIDv8 (RFC 9562, section 5.8) from a hash, so that repeating a keyed request yields
/// the same id.
#[must_use]
pub fn id_from(hash: &[u8; 32]) -> [u8; 16] {
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    id[6] = 0x80 | (id[6] & 0x0f);
    id[8] = 0x80 | (id[8] & 0x3f);
    id
}
