//! The signed decision of an old phone on a new one: a compact JWS, ES256, `typ` `cs-vouch+jwt`,
//! signed with the old phone's account key.
//!
//! It names the new phone by the thumbprint of its key, and carries the number that the new phone
//! shows, so the user who vouches has the new phone in front of them.

use serde::{Deserialize, Serialize};

use crate::{
    decision::Verdict,
    ids::{EnrolmentId, Jkt, RealmId},
    jws::{self, BadJws},
};

/// The `typ` header.
pub const TYP: &str = "cs-vouch+jwt";

/// The content of a vouch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouch {
    pub enrolment: EnrolmentId,
    pub realm: RealmId,
    /// Thumbprint of the new phone's key.
    pub jkt: Jkt,
    pub verdict: Verdict,
    /// The number that the new phone shows; present exactly when the verdict is
    /// [`Verdict::Approve`].
    pub number: Option<String>,
    /// Seconds since 1970, by the phone's clock.
    pub iat: u64,
    /// Channel binding of the connection that the vouch is sent on.
    pub cb: [u8; 32],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    enrolment: String,
    realm: String,
    jkt: String,
    decision: Verdict,
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "jws::present")]
    number: Option<String>,
    iat: u64,
    cb: String,
}

/// A parsed JWS whose signature has not been verified yet.
pub type Parsed<'a> = jws::Parts<'a, Vouch>;

impl Vouch {
    /// The bytes the account key signs (ECDSA P-256 with SHA-256, raw r‖s).
    #[must_use]
    pub fn signing_input(&self, kid: &Jkt) -> String {
        let claims = Claims {
            enrolment: self.enrolment.to_string(),
            realm: self.realm.to_string(),
            jkt: jws::write(&self.jkt.0),
            decision: self.verdict,
            number: self.number.clone(),
            iat: self.iat,
            cb: jws::write(&self.cb),
        };
        jws::signing_input(TYP, kid, &claims)
    }
}

/// Length of the number that a new phone shows.
const NUMBER_DIGITS: usize = 4;

/// Parses a compact JWS without verifying its signature.
///
/// # Errors
/// [`BadJws`] when the text is too long, is not a compact JWS of this type, or has missing, unknown
/// or invalid members.
pub fn parse(text: &str) -> Result<Parsed<'_>, BadJws> {
    let parts = jws::parse::<Claims>(text, TYP)?;
    let c = &parts.claims;
    if c.number.is_some() != (c.decision == Verdict::Approve)
        || c.number.as_deref().is_some_and(|number| !jws::is_digits(number, NUMBER_DIGITS))
    {
        return Err(BadJws);
    }
    let vouch = Vouch {
        enrolment: c.enrolment.parse().map_err(|_| BadJws)?,
        realm: c.realm.parse().map_err(|_| BadJws)?,
        jkt: Jkt(jws::fixed(&c.jkt)?),
        verdict: c.decision,
        number: c.number.clone(),
        iat: c.iat,
        cb: jws::fixed(&c.cb)?,
    };
    Ok(jws::Parts {
        claims: vouch,
        kid: parts.kid,
        signing_input: parts.signing_input,
        signature: parts.signature,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vouch_survives_its_text_and_a_decision_is_none() {
        for (verdict, number) in [(Verdict::Approve, Some("1234".to_owned())), (Verdict::Refuse, None)] {
            let vouch = Vouch {
                enrolment: EnrolmentId([1; 16]),
                realm: RealmId([2; 16]),
                jkt: Jkt([3; 32]),
                verdict,
                number,
                iat: 1_790_000_000,
                cb: [4; 32],
            };
            let input = vouch.signing_input(&Jkt([5; 32]));
            let text = jws::compact(&input, &[6; 64]);
            let parsed = parse(&text).expect("ours");
            assert_eq!((parsed.claims, parsed.kid, parsed.signature), (vouch, Jkt([5; 32]), [6; 64]));
            assert!(crate::decision::parse(&text).is_err());
        }
        let unnumbered = Vouch {
            enrolment: EnrolmentId([1; 16]),
            realm: RealmId([2; 16]),
            jkt: Jkt([3; 32]),
            verdict: Verdict::Approve,
            number: None,
            iat: 0,
            cb: [4; 32],
        };
        assert!(parse(&jws::compact(&unnumbered.signing_input(&Jkt([5; 32])), &[6; 64])).is_err());
    }
}
