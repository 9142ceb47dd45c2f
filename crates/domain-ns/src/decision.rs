//! Verifying what a phone signed.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_protocol::{
    codes::RefuseReason,
    decision::{Verdict, parse},
    ids::Jkt,
    known,
    vouch::{self, Vouch},
};
use jsonwebtoken::{Algorithm, DecodingKey, crypto::verify};

use crate::{Refused, enrolment::Enrolment, login::Login};
use countersign_ports::secret::same;

/// The content of a verified decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub verdict: Verdict,
    pub reason: Option<RefuseReason>,
    pub number: Option<String>,
    /// Hash of the attestation that the decision goes with.
    pub att: Option<[u8; 32]>,
}

/// Judges a decision for `login`, made with `public_key` on the channel with binding `cb`: it must
/// be about this login in its context, sent on this channel and signed with this key. Only verified
/// content is returned.
///
/// # Errors
/// [`Refused::BadDecision`], whatever is wrong with it.
pub fn judge(
    jws: &str,
    login: &Login,
    jkt: &Jkt,
    public_key: &[u8; 65],
    cb: &[u8; 32],
) -> Result<Judged, Refused> {
    let parsed = parse(jws).map_err(|_| Refused::BadDecision)?;
    let d = &parsed.decision;
    let about_this = d.login == login.id
        && d.realm == login.realm
        && same(&d.ctx, &login.context_hash())
        && same(&d.cb, cb)
        && parsed.kid == *jkt;
    if !about_this {
        return Err(Refused::BadDecision);
    }
    genuine(jws, parsed.signing_input, public_key)?;
    Ok(Judged { verdict: d.verdict, reason: d.reason, number: d.number.clone(), att: d.att })
}

/// Judges a vouch, an old phone's signed statement on a new phone, in the same way.
///
/// # Errors
/// [`Refused::NotRedeemed`] when the enrolment has no new phone yet; [`Refused::BadDecision`],
/// whatever is wrong with the vouch.
pub fn judge_vouch(
    jws: &str,
    enrolment: &Enrolment,
    jkt: &Jkt,
    public_key: &[u8; 65],
    cb: &[u8; 32],
) -> Result<Vouch, Refused> {
    let parsed = vouch::parse(jws).map_err(|_| Refused::BadDecision)?;
    let v = &parsed.claims;
    let new = enrolment.redeemed.as_ref().ok_or(Refused::NotRedeemed)?;
    let about_this = v.enrolment == enrolment.id
        && v.realm == enrolment.realm
        && v.jkt == new.jkt
        && same(&v.cb, cb)
        && parsed.kid == *jkt;
    if !about_this {
        return Err(Refused::BadDecision);
    }
    genuine(jws, parsed.signing_input, public_key)?;
    Ok(parsed.claims)
}

/// Whether two verified vouches were signed with the same key and state the same. Only their time
/// (`iat`) and their connection (`cb`) may differ.
#[must_use]
pub fn same_word(one: &str, other: &str) -> bool {
    let (Ok(one), Ok(other)) = (vouch::parse(one), vouch::parse(other)) else { return false };
    one.kid == other.kid
        && Vouch { iat: 0, cb: [0; 32], ..one.claims } == Vouch { iat: 0, cb: [0; 32], ..other.claims }
}

/// Whether a JWS is signed with this key.
///
/// # Errors
/// [`Refused::BadDecision`]; [`Refused::Unable`].
pub(crate) fn genuine(jws: &str, signing_input: &str, public_key: &[u8; 65]) -> Result<(), Refused> {
    let (_, signature) = jws.rsplit_once('.').ok_or(Refused::BadDecision)?;
    let genuine =
        verify(signature, signing_input.as_bytes(), &DecodingKey::from_ec_der(public_key), Algorithm::ES256);
    match genuine {
        Ok(true) => Ok(()),
        // The verification fails in the same way when memory is short.
        _ if !signatures_work() => Err(Refused::Unable),
        _ => Err(Refused::BadDecision),
    }
}

/// Whether a signature that is right is found right.
fn signatures_work() -> bool {
    let signature = URL_SAFE_NO_PAD.encode(known::SIGNATURE);
    let key = DecodingKey::from_ec_der(&known::PUBLIC);
    verify(&signature, known::MESSAGE, &key, Algorithm::ES256).unwrap_or(false)
}
