//! Encryption of secrets at rest: AES-256-GCM envelopes under the master key.
//!
//! Envelope = `1 | key id (4) | nonce (12) | ciphertext | tag (16)`. The associated data names the
//! row and column, so that an envelope copied to another location does not open.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::{
    Fault,
    random::Random,
    secret::{Secret, mac16, sha256},
};

const VERSION: u8 = 1;
const HEADER: usize = 1 + 4 + 12;

/// The master key, prepared for sealing and opening.
pub struct Vault {
    key: LessSafeKey,
    key_id: [u8; 4],
    /// Key of [`Vault::mac`], derived from the master key.
    mac_key: Secret<32>,
}

impl Vault {
    /// Creates a vault from the 32 bytes of the master key.
    ///
    /// # Panics
    /// Never: 32 bytes are an AES-256 key.
    #[must_use]
    pub fn new(master: &Secret<32>) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, master.expose()).expect("32 bytes are an AES-256 key");
        let mut key_id = [0; 4];
        key_id.copy_from_slice(&sha256(&[b"countersign/master-key-id", &master.expose()[..]].concat())[..4]);
        let mac_key = Secret::new(sha256(&[b"countersign/mac-key/v1", &master.expose()[..]].concat()));
        Self { key: LessSafeKey::new(key), key_id, mac_key }
    }

    /// Returns a MAC over `message` that is valid for one purpose only, for example to recognise a
    /// pagination token that a caller returns. It is the first 16 bytes of an HMAC-SHA256 under a
    /// key derived from the master key.
    #[must_use]
    pub fn mac(&self, purpose: &str, message: &[u8]) -> [u8; 16] {
        mac16(&self.mac_key, &[purpose.as_bytes(), b"\0", message].concat())
    }

    /// Encrypts `plain` into an envelope that opens only for the location named `place`.
    ///
    /// # Panics
    /// Never: what we seal is far below the GCM limit.
    #[must_use]
    pub fn seal(&self, random: &dyn Random, place: &str, plain: &[u8]) -> Vec<u8> {
        let nonce = random.bytes::<12>();
        let mut out = plain.to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.as_bytes()),
                &mut out,
            )
            .expect("far below the GCM limit");
        [&[VERSION][..], &self.key_id, &nonce, &out].concat()
    }

    /// Opens an envelope that was sealed for the same `place`.
    ///
    /// # Errors
    /// When it was sealed under another master key or for another place, or was altered.
    pub fn open(&self, place: &str, envelope: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let damaged = || Fault::Inconsistent(format!("the secret at {place} is damaged"));
        if envelope.len() < HEADER || envelope[0] != VERSION {
            return Err(damaged());
        }
        if envelope[1..5] != self.key_id {
            return Err(Fault::Inconsistent(format!(
                "the secret at {place} was sealed under another master key; give the program the key file \
                    that belongs to this database"
            )));
        }
        let nonce = envelope[5..HEADER].try_into().map_err(|_| damaged())?;
        let mut body = Zeroizing::new(envelope[HEADER..].to_vec());
        let n = self
            .key
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(place.as_bytes()), &mut body)
            .map_err(|_| damaged())?
            .len();
        body.truncate(n);
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(std::sync::atomic::AtomicU8);
    impl Random for Counting {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    #[test]
    fn an_envelope_opens_only_with_its_key_at_its_place_and_unaltered() {
        let random = Counting(std::sync::atomic::AtomicU8::new(0));
        let vault = Vault::new(&Secret::new([1; 32]));
        let sealed = vault.seal(&random, "realms/demo/qr", b"secret");
        assert_eq!(vault.open("realms/demo/qr", &sealed).expect("opens")[..], b"secret"[..]);
        assert!(vault.open("realms/other/qr", &sealed).is_err());
        let other =
            Vault::new(&Secret::new([2; 32])).open("realms/demo/qr", &sealed).expect_err("another key");
        assert!(other.to_string().contains("another master key"), "{other}");
        for at in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[at] ^= 1;
            assert!(vault.open("realms/demo/qr", &bad).is_err(), "byte {at}");
            assert!(vault.open("realms/demo/qr", &sealed[..at]).is_err(), "cut at {at}");
        }
        assert_ne!(vault.seal(&random, "realms/demo/qr", b"secret"), sealed, "a fresh nonce each time");
    }
}
