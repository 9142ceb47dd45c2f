//! What SFS states about a second factor, and which keys it states it with.
//!
//! Both are compact JWS, ES256. An *attestation*, `typ` `cs-2fa+jwt`, says that the owner of a
//! factor proved it at a time, for one context ([`crate::labels::second_factor`]). SFS gives it to
//! the phone, which passes it on to NS; the two servers never talk to each other, and SFS learns
//! neither the NS nor the purpose, because it sees only the hash. A *key list*, `typ`
//! `cs-sfs-keys+jwt`, is signed by the root of an SFS and names the keys that its attestations are
//! signed with. The phone carries it, too.

use serde::{Deserialize, Serialize};

use crate::{
    codes::{FactorKind, PinPolicy},
    ids::{FactorId, Jkt, ServerId},
    jws::{self, BadJws, fixed},
};

/// The `typ` header of an attestation.
pub const TYP: &str = "cs-2fa+jwt";
/// The `typ` header of a key list.
pub const KEYS_TYP: &str = "cs-sfs-keys+jwt";
/// Longest life of an attestation in seconds.
pub const MAX_LIFE_SECS: u64 = 60;
/// Most keys in one list.
pub const MAX_KEYS: usize = 4;

/// The content of an attestation. Times are seconds since 1970, by the clock of SFS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// The SFS.
    pub iss: ServerId,
    /// The factor, which was created for one account.
    pub sub: FactorId,
    /// The context that the phone named, as a hash.
    pub ctx: [u8; 32],
    /// How the owner was verified.
    pub kind: FactorKind,
    /// The policy that guards the factor at SFS.
    pub policy: PinPolicy,
    /// When the owner proved the factor.
    pub auth_time: u64,
    pub iat: u64,
    pub exp: u64,
    /// Unique to this attestation, which counts only once.
    pub jti: [u8; 16],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    sub: String,
    ctx: String,
    amr: [String; 1],
    policy: String,
    auth_time: u64,
    iat: u64,
    exp: u64,
    jti: String,
}

/// A parsed attestation whose signature has not been verified yet.
pub type Parsed<'a> = jws::Parts<'a, Attestation>;

impl Attestation {
    /// The bytes that the attestation key signs (ECDSA P-256 with SHA-256, raw r‖s).
    #[must_use]
    pub fn signing_input(&self, kid: &Jkt) -> String {
        let claims = Claims {
            iss: self.iss.to_string(),
            sub: self.sub.to_string(),
            ctx: jws::write(&self.ctx),
            amr: [self.kind.as_str().to_owned()],
            policy: self.policy.as_str().to_owned(),
            auth_time: self.auth_time,
            iat: self.iat,
            exp: self.exp,
            jti: jws::write(&self.jti),
        };
        jws::signing_input(TYP, kid, &claims)
    }
}

/// Parses an attestation without verifying its signature. Its times are consistent: it was issued
/// after the factor was proven, and lives at most [`MAX_LIFE_SECS`].
///
/// # Errors
/// [`BadJws`].
pub fn parse(text: &str) -> Result<Parsed<'_>, BadJws> {
    let parts = jws::parse::<Claims>(text, TYP)?;
    let c = &parts.claims;
    let life = c.exp.checked_sub(c.iat).ok_or(BadJws)?;
    if c.auth_time > c.iat || life > MAX_LIFE_SECS {
        return Err(BadJws);
    }
    let attestation = Attestation {
        iss: c.iss.parse().map_err(|_| BadJws)?,
        sub: c.sub.parse().map_err(|_| BadJws)?,
        ctx: fixed(&c.ctx)?,
        kind: FactorKind::parse(&c.amr[0]).ok_or(BadJws)?,
        policy: PinPolicy::parse(&c.policy).ok_or(BadJws)?,
        auth_time: c.auth_time,
        iat: c.iat,
        exp: c.exp,
        jti: fixed(&c.jti)?,
    };
    Ok(jws::Parts {
        claims: attestation,
        kid: parts.kid,
        signing_input: parts.signing_input,
        signature: parts.signature,
    })
}

/// A key that signs attestations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestationKey {
    /// RFC 7638 thumbprint of the key.
    pub kid: Jkt,
    /// Uncompressed P-256 point.
    pub public: [u8; 65],
    /// Attestations issued before this time or from `exp` on are not this key's.
    pub nbf: u64,
    pub exp: u64,
}

/// The keys of an SFS. Of two lists of one root, the one with the higher `seq` applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyList {
    /// The SFS.
    pub iss: ServerId,
    pub seq: u64,
    pub keys: Vec<AttestationKey>,
    pub iat: u64,
    /// From this time on the list counts for nothing.
    pub exp: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListClaims {
    iss: String,
    seq: u64,
    keys: Vec<KeyClaims>,
    iat: u64,
    exp: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyClaims {
    kid: String,
    /// The uncompressed point in base64url.
    key: String,
    nbf: u64,
    exp: u64,
}

/// A parsed key list whose signature has not been verified yet; its `kid` names the root.
pub type ParsedKeys<'a> = jws::Parts<'a, KeyList>;

impl KeyList {
    /// The bytes that the root signs (ECDSA P-256 with SHA-256, raw r‖s).
    #[must_use]
    pub fn signing_input(&self, root: &Jkt) -> String {
        let key = |k: &AttestationKey| KeyClaims {
            kid: jws::write(&k.kid.0),
            key: jws::write(&k.public),
            nbf: k.nbf,
            exp: k.exp,
        };
        let claims = ListClaims {
            iss: self.iss.to_string(),
            seq: self.seq,
            keys: self.keys.iter().map(key).collect(),
            iat: self.iat,
            exp: self.exp,
        };
        jws::signing_input(KEYS_TYP, root, &claims)
    }

    /// The key with this id, if it is listed and may have signed at this time.
    #[must_use]
    pub fn key(&self, kid: &Jkt, at: u64) -> Option<&AttestationKey> {
        self.keys.iter().find(|k| k.kid == *kid && (k.nbf..k.exp).contains(&at))
    }
}

/// Parses a key list without verifying its signature.
///
/// # Errors
/// [`BadJws`].
pub fn parse_keys(text: &str) -> Result<ParsedKeys<'_>, BadJws> {
    let parts = jws::parse::<ListClaims>(text, KEYS_TYP)?;
    let c = &parts.claims;
    if c.keys.is_empty() || c.keys.len() > MAX_KEYS {
        return Err(BadJws);
    }
    let key = |k: &KeyClaims| -> Result<AttestationKey, BadJws> {
        Ok(AttestationKey { kid: Jkt(fixed(&k.kid)?), public: fixed(&k.key)?, nbf: k.nbf, exp: k.exp })
    };
    let list = KeyList {
        iss: c.iss.parse().map_err(|_| BadJws)?,
        seq: c.seq,
        keys: c.keys.iter().map(key).collect::<Result<_, _>>()?,
        iat: c.iat,
        exp: c.exp,
    };
    Ok(jws::Parts {
        claims: list,
        kid: parts.kid,
        signing_input: parts.signing_input,
        signature: parts.signature,
    })
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;

    fn attestation() -> Attestation {
        Attestation {
            iss: ServerId([1; 16]),
            sub: FactorId([2; 16]),
            ctx: [3; 32],
            kind: FactorKind::Pin,
            policy: PinPolicy::Lock,
            auth_time: 1_790_000_000,
            iat: 1_790_000_010,
            exp: 1_790_000_070,
            jti: [4; 16],
        }
    }

    fn signed(input: &str) -> String {
        jws::compact(input, &[6; 64])
    }

    #[test]
    fn an_attestation_and_a_key_list_survive_their_texts_and_are_not_taken_for_each_other() {
        let text = signed(&attestation().signing_input(&Jkt([5; 32])));
        let parsed = parse(&text).expect("ours");
        assert_eq!((&parsed.claims, parsed.kid), (&attestation(), Jkt([5; 32])));
        assert!(parse_keys(&text).is_err() && crate::decision::parse(&text).is_err());
        let key = AttestationKey { kid: Jkt([7; 32]), public: [4; 65], nbf: 10, exp: 20 };
        let list = KeyList { iss: ServerId([1; 16]), seq: 3, keys: vec![key.clone()], iat: 5, exp: 50 };
        let text = signed(&list.signing_input(&Jkt([8; 32])));
        assert_eq!(parse_keys(&text).expect("ours").claims, list);
        assert!(parse(&text).is_err());
        assert_eq!(list.key(&Jkt([7; 32]), 19), Some(&key));
        assert!(list.key(&Jkt([7; 32]), 9).is_none() && list.key(&Jkt([7; 32]), 20).is_none());
        assert!(list.key(&Jkt([8; 32]), 15).is_none());
        let none = KeyList { keys: Vec::new(), ..list.clone() };
        let many = KeyList { keys: vec![key; MAX_KEYS + 1], ..list };
        for bad in [none, many] {
            assert!(parse_keys(&signed(&bad.signing_input(&Jkt([8; 32])))).is_err());
        }
    }

    #[test]
    fn the_longest_list_fits_a_jws() {
        let key = AttestationKey { kid: Jkt([255; 32]), public: [255; 65], nbf: u64::MAX, exp: u64::MAX };
        let list = KeyList {
            iss: ServerId([255; 16]),
            seq: u64::MAX,
            keys: vec![key; MAX_KEYS],
            iat: u64::MAX,
            exp: u64::MAX,
        };
        let text = signed(&list.signing_input(&Jkt([255; 32])));
        assert!(text.len() <= jws::MAX_JWS, "{}", text.len());
    }

    #[test]
    fn attestations_that_are_almost_right_are_refused() {
        let good = signed(&attestation().signing_input(&Jkt([5; 32])));
        let [header, claims, signature] =
            good.split('.').collect::<Vec<_>>().try_into().expect("three parts");
        let said = String::from_utf8(URL_SAFE_NO_PAD.decode(claims).expect("base64url")).expect("UTF-8");
        for (what, bad) in [
            ("it lives 61 seconds", said.replace("1790000070", "1790000071")),
            ("it ends before it begins", said.replace("1790000070", "1790000009")),
            ("it is older than the proof", said.replace("1790000000", "1790000011")),
            ("exp is a text", said.replace("1790000070", "\"1790000070\"")),
            ("exp is a fraction", said.replace("1790000070", "1790000070.5")),
            ("exp is missing", said.replace(",\"exp\":1790000070", "")),
            ("there are two exp", said.replace("\"exp\"", "\"exp\":1,\"exp\"")),
            ("two methods", said.replace("[\"pin\"]", "[\"pin\",\"pin\"]")),
            ("no method", said.replace("[\"pin\"]", "[]")),
            ("a method nobody knows", said.replace("\"pin\"", "\"sms\"")),
            ("a policy nobody knows", said.replace("\"lock\"", "\"none\"")),
            ("an audience", said.replace("\"iss\"", "\"aud\":\"x\",\"iss\"")),
        ] {
            assert_ne!(bad, said, "{what}");
            let text = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(bad));
            assert_eq!(parse(&text).map(|p| p.claims), Err(BadJws), "{what}");
        }
        let kid = URL_SAFE_NO_PAD.encode([5; 32]);
        for header in [
            format!(r#"{{"alg":"none","typ":"cs-2fa+jwt","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"HS256","typ":"cs-2fa+jwt","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"ES384","typ":"cs-2fa+jwt","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"ES256","typ":"JWT","kid":"{kid}"}}"#),
            r#"{"alg":"ES256","typ":"cs-2fa+jwt"}"#.to_owned(),
        ] {
            let text = format!("{}.{claims}.{signature}", URL_SAFE_NO_PAD.encode(&header));
            assert_eq!(parse(&text).map(|p| p.claims), Err(BadJws), "{header}");
        }
    }
}
