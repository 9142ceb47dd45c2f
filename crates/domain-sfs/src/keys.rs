//! The keys that attestations are signed with. The root of the SFS signs lists of them, each list
//! with a higher number than the one before, and phones carry the lists to NS.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_ports::{Fault, time::Time};
use countersign_protocol::{
    attestation::{self, Attestation, AttestationKey, KeyList},
    ids::{Jkt, ServerId},
    jws,
};
use jsonwebtoken::{Algorithm, EncodingKey, crypto::sign};

/// Days that a key signs and its list is valid.
const LIFE_DAYS: u64 = 30;
/// Days before the end of a key at which the next one takes over.
const RENEW_DAYS: u64 = 10;
const DAY_SECS: u64 = 86_400;
/// Seconds that a key is valid before it was made, because clocks differ.
const SKEW_SECS: u64 = 60;

/// A key list as it is stored, with the newest of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedKeys {
    pub seq: u64,
    /// The list, signed by the root.
    pub list: String,
    /// Thumbprint of the newest key.
    pub kid: Jkt,
    /// The private half (PKCS#8) in an envelope of the vault.
    pub sealed: Vec<u8>,
    pub made_at: Time,
}

/// The name of the place a private key is sealed for.
#[must_use]
pub fn place(server: ServerId, kid: &Jkt) -> String {
    format!("sfs/server/{server}/attestation/{}", URL_SAFE_NO_PAD.encode(kid.0))
}

/// Whether the newest key should get a successor.
#[must_use]
pub fn is_due(made_at: Time, now: Time) -> bool {
    now >= made_at.plus_secs((LIFE_DAYS - RENEW_DAYS) * DAY_SECS)
}

/// The list that follows `before`: with a new key, and those of `before` that are still valid.
///
/// # Errors
/// [`Fault::Inconsistent`] when `before` cannot be read.
pub fn next_list(
    before: Option<&SealedKeys>,
    server: ServerId,
    (kid, public): (Jkt, [u8; 65]),
    now: Time,
) -> Result<KeyList, Fault> {
    let unreadable = |_| Fault::Inconsistent("the stored key list cannot be read".to_owned());
    let before = before.map(|b| attestation::parse_keys(&b.list)).transpose().map_err(unreadable)?;
    let seq = before.as_ref().map_or(1, |b| b.claims.seq + 1);
    let now = now.secs();
    let exp = now + LIFE_DAYS * DAY_SECS;
    let mut keys = vec![AttestationKey { kid, public, nbf: now.saturating_sub(SKEW_SECS), exp }];
    let older = before.into_iter().flat_map(|b| b.claims.keys).filter(|k| k.exp > now);
    keys.extend(older.take(attestation::MAX_KEYS - 1));
    Ok(KeyList { iss: server, seq, keys, iat: now, exp })
}

/// A key that signs, with the list that names it.
pub struct Signer {
    pub server: ServerId,
    pub seq: u64,
    pub kid: Jkt,
    pub made_at: Time,
    /// The list for NS.
    pub list: String,
    key: EncodingKey,
}

impl Signer {
    /// Opens stored keys; `private` is the content of the envelope.
    #[must_use]
    pub fn new(server: ServerId, keys: &SealedKeys, private: &[u8]) -> Self {
        let key = EncodingKey::from_ec_der(private);
        Self { server, seq: keys.seq, kid: keys.kid, made_at: keys.made_at, list: keys.list.clone(), key }
    }

    /// Signs an attestation.
    ///
    /// # Errors
    /// [`Fault::Inconsistent`] when the key is not one.
    pub fn sign(&self, attestation: &Attestation) -> Result<String, Fault> {
        let input = attestation.signing_input(&self.kid);
        let broken = |e: &dyn std::fmt::Display| Fault::Inconsistent(format!("an attestation key: {e}"));
        let signature = sign(input.as_bytes(), &self.key, Algorithm::ES256).map_err(|e| broken(&e))?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|e| broken(&e))?;
        let signature = signature.try_into().map_err(|_| broken(&"a signature of another length"))?;
        Ok(jws::compact(&input, &signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_count_upwards_and_keep_keys_that_are_still_valid() {
        let server = ServerId([1; 16]);
        let day = |n: u64| Time(n * DAY_SECS * 1000);
        let sealed = |list: &KeyList, at| SealedKeys {
            seq: list.seq,
            list: jws::compact(&list.signing_input(&Jkt([9; 32])), &[0; 64]),
            kid: list.keys[0].kid,
            sealed: Vec::new(),
            made_at: at,
        };
        let first = next_list(None, server, (Jkt([1; 32]), [4; 65]), day(100)).expect("a list");
        assert_eq!((first.seq, first.keys.len()), (1, 1));
        assert!(!is_due(day(100), day(119)) && is_due(day(100), day(120)));
        let second = next_list(Some(&sealed(&first, day(100))), server, (Jkt([2; 32]), [5; 65]), day(120))
            .expect("a list");
        let kids: Vec<_> = second.keys.iter().map(|k| k.kid.0[0]).collect();
        assert_eq!((second.seq, kids), (2, vec![2, 1]));
        let third = next_list(Some(&sealed(&second, day(120))), server, (Jkt([3; 32]), [6; 65]), day(140))
            .expect("a list");
        let kids: Vec<_> = third.keys.iter().map(|k| k.kid.0[0]).collect();
        assert_eq!((third.seq, kids), (3, vec![3, 2]), "the first key is over");
    }
}
