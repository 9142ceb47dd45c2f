//! Verifying what a phone signed.

use countersign_protocol::{
    codes::RefuseReason,
    decision::{Verdict, parse},
    ids::Jkt,
};
use jsonwebtoken::{Algorithm, DecodingKey, crypto::verify};

use crate::{Refused, login::Login, secret::same};

/// Judges a decision for `login`, made with `public_key` on the channel with binding `cb`. Nothing in the JWS is believed but what was verified.
///
/// # Errors
/// [`Refused::BadDecision`], whatever is wrong with it.
pub fn judge(
    jws: &str,
    login: &Login,
    jkt: &Jkt,
    public_key: &[u8; 65],
    cb: &[u8; 32],
) -> Result<(Verdict, Option<RefuseReason>), Refused> {
    let parsed = parse(jws).map_err(|_| Refused::BadDecision)?;
    let d = &parsed.decision;
    let about_this =
        d.login == login.id && d.realm == login.realm && same(&d.ctx, &login.context_hash()) && same(&d.cb, cb) && parsed.kid == *jkt;
    if !about_this {
        return Err(Refused::BadDecision);
    }
    let (_, signature) = jws.rsplit_once('.').ok_or(Refused::BadDecision)?;
    let genuine = verify(signature, parsed.signing_input.as_bytes(), &DecodingKey::from_ec_der(public_key), Algorithm::ES256);
    if genuine.unwrap_or(false) { Ok((d.verdict, d.reason)) } else { Err(Refused::BadDecision) }
}
