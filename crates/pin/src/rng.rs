//! Hands the caller's randomness to `opaque-ke`.

use opaque_ke::rand::{CryptoRng, Error, RngCore};

/// Fills a buffer with random bytes.
pub type Fill<'a> = dyn Fn(&mut [u8]) + 'a;

/// A random generator over [`Fill`].
pub(crate) struct Rng<'a>(pub(crate) &'a Fill<'a>);

impl RngCore for Rng<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        (self.0)(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        (self.0)(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        (self.0)(out);
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Error> {
        (self.0)(out);
        Ok(())
    }
}

impl CryptoRng for Rng<'_> {}
