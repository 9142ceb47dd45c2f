//! The signed answer to a login: a compact JWS (RFC 7515), ES256, `typ` `cs-login+jwt`, signed with
//! the account key.
//!
//! The phone signs what it was shown: `ctx` is SHA-256 of [`crate::labels::login_context`] over the
//! context bytes exactly as they arrived. `cb` binds the decision to the channel it is sent on.
//! Header and claims are written without whitespace, members in the order given here; a verifier
//! works on the bytes as received.

use serde::{Deserialize, Serialize};

use crate::codes::RefuseReason;
use crate::ids::{Jkt, LoginId, RealmId};
use crate::jws::{self, fixed};

pub use crate::jws::{BadJws, MAX_JWS, compact};

/// The `typ` header.
pub const TYP: &str = "cs-login+jwt";

/// Whether the user approves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Approve,
    Refuse,
}

/// The content of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub login: LoginId,
    pub realm: RealmId,
    /// SHA-256 over the labelled context bytes.
    pub ctx: [u8; 32],
    pub verdict: Verdict,
    /// Present exactly when the verdict is [`Verdict::Refuse`].
    pub reason: Option<RefuseReason>,
    /// The number that the user typed from the browser, when the server asked for one; only with
    /// [`Verdict::Approve`].
    pub number: Option<String>,
    /// SHA-256 of the attestation ([`crate::attestation`]) that goes with the decision, when the
    /// login needs a second factor; only with [`Verdict::Approve`].
    pub att: Option<[u8; 32]>,
    /// Seconds since 1970, by the phone's clock. It is informational: no rule looks at it.
    pub iat: u64,
    /// Channel binding of the connection that the decision is sent on.
    pub cb: [u8; 32],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    login: String,
    realm: String,
    ctx: String,
    decision: Verdict,
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "jws::present")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "jws::present")]
    number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "jws::present")]
    att: Option<String>,
    iat: u64,
    cb: String,
}

/// A parsed JWS whose signature has not been verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed<'a> {
    pub decision: Decision,
    /// Thumbprint of the key that is claimed to have signed.
    pub kid: Jkt,
    /// `base64url(header).base64url(claims)`: the signed bytes.
    pub signing_input: &'a str,
    /// Raw r‖s.
    pub signature: [u8; 64],
}

impl Decision {
    /// The bytes the account key signs (ECDSA P-256 with SHA-256, raw r‖s).
    #[must_use]
    pub fn signing_input(&self, kid: &Jkt) -> String {
        let claims = Claims {
            login: self.login.to_string(),
            realm: self.realm.to_string(),
            ctx: jws::write(&self.ctx),
            decision: self.verdict,
            reason: self.reason.map(|r| r.as_str().to_owned()),
            number: self.number.clone(),
            att: self.att.as_ref().map(|att| jws::write(att)),
            iat: self.iat,
            cb: jws::write(&self.cb),
        };
        jws::signing_input(TYP, kid, &claims)
    }
}

/// Length of the number that a browser shows.
const NUMBER_DIGITS: usize = 2;

/// Parses a compact JWS without verifying its signature. `alg` and `typ` are fixed here; nothing in
/// the text can choose them.
///
/// # Errors
/// [`BadJws`] when the text is too long, is not a compact JWS of this type, or has missing, unknown
/// or invalid members.
pub fn parse(jws: &str) -> Result<Parsed<'_>, BadJws> {
    let parts = jws::parse::<Claims>(jws, TYP)?;
    let claims = &parts.claims;
    let reason = claims.reason.as_deref().map(|r| RefuseReason::parse(r).ok_or(BadJws)).transpose()?;
    if reason.is_some() != (claims.decision == Verdict::Refuse)
        || ((claims.number.is_some() || claims.att.is_some()) && claims.decision == Verdict::Refuse)
        || claims.number.as_deref().is_some_and(|number| !jws::is_digits(number, NUMBER_DIGITS))
    {
        return Err(BadJws);
    }
    let decision = Decision {
        login: claims.login.parse().map_err(|_| BadJws)?,
        realm: claims.realm.parse().map_err(|_| BadJws)?,
        ctx: fixed(&claims.ctx)?,
        verdict: claims.decision,
        reason,
        number: claims.number.clone(),
        att: claims.att.as_deref().map(fixed).transpose()?,
        iat: claims.iat,
        cb: fixed(&claims.cb)?,
    };
    Ok(Parsed { decision, kid: parts.kid, signing_input: parts.signing_input, signature: parts.signature })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    fn decision(verdict: Verdict, reason: Option<RefuseReason>) -> Decision {
        Decision {
            login: LoginId([1; 16]),
            realm: RealmId([2; 16]),
            ctx: [3; 32],
            verdict,
            reason,
            number: None,
            att: None,
            iat: 1_790_000_000,
            cb: [4; 32],
        }
    }

    #[test]
    fn a_decision_survives_its_text() {
        let numbered =
            Decision { number: Some("42".into()), att: Some([7; 32]), ..decision(Verdict::Approve, None) };
        for d in
            [decision(Verdict::Approve, None), numbered, decision(Verdict::Refuse, Some(RefuseReason::NotMe))]
        {
            let input = d.signing_input(&Jkt([5; 32]));
            let jws = compact(&input, &[6; 64]);
            assert_eq!(
                parse(&jws),
                Ok(Parsed { decision: d, kid: Jkt([5; 32]), signing_input: &input, signature: [6; 64] })
            );
        }
    }

    #[test]
    fn other_algorithms_types_and_claims_are_refused() {
        let b64 = |s: &str| URL_SAFE_NO_PAD.encode(s);
        let good = decision(Verdict::Approve, None).signing_input(&Jkt([5; 32]));
        let claims = good.split_once('.').expect("two parts").1;
        let sig = URL_SAFE_NO_PAD.encode([6; 64]);
        let kid = URL_SAFE_NO_PAD.encode([5; 32]);
        for header in [
            format!(r#"{{"alg":"none","typ":"cs-login+jwt","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"HS256","typ":"cs-login+jwt","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"ES256","typ":"JWT","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"ES256","typ":"cs-login+jwt","kid":"{kid}","crit":[]}}"#),
            r#"{"alg":"ES256","typ":"cs-login+jwt"}"#.to_owned(),
            format!(r#"["ES256","cs-login+jwt","{kid}"]"#),
        ] {
            assert_eq!(parse(&format!("{}.{claims}.{sig}", b64(&header))), Err(BadJws), "{header}");
        }
        let refuse_without_reason = decision(Verdict::Refuse, None).signing_input(&Jkt([5; 32]));
        assert_eq!(parse(&compact(&refuse_without_reason, &[6; 64])), Err(BadJws));
        for bad in
            ["", "a.b", "a.b.c.d", &format!("{good}."), &format!("{good}.AA"), &"x".repeat(MAX_JWS + 1)]
        {
            assert_eq!(parse(bad), Err(BadJws));
        }
    }

    #[test]
    fn claims_that_are_almost_right_are_refused() {
        let good = compact(&decision(Verdict::Approve, None).signing_input(&Jkt([5; 32])), &[6; 64]);
        let [header, claims, signature] =
            good.split('.').collect::<Vec<_>>().try_into().expect("three parts");
        let said = String::from_utf8(URL_SAFE_NO_PAD.decode(claims).expect("base64url")).expect("UTF-8");
        let with = |claims: &str| {
            parse(&format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims))).map(|p| p.decision.iat)
        };
        assert_eq!(
            with(&format!(" {}\n", said.replace(',', ", "))),
            Ok(1_790_000_000),
            "white space does not matter"
        );
        let hash = URL_SAFE_NO_PAD.encode([3; 32]);
        let ids = (LoginId([1; 16]), RealmId([2; 16]));
        for bad in [
            format!(r#"["{}","{}","{hash}","approve",1,"{hash}"]"#, ids.0, ids.1),
            said.replace(r#""iat""#, r#""reason":null,"iat""#),
            said.replace(r#""iat""#, r#""reason":"declined","iat""#),
            said.replace(r#""iat""#, r#""iat":1,"iat""#),
            said.replace(r#""iat""#, r#""more":1,"iat""#),
            said.replace("1790000000", "1790000000.0"),
            said.replace("1790000000", "179e7"),
            said.replace("1790000000", "-1"),
            said.replace("1790000000", r#""1790000000""#),
            format!("{said} {said}"),
        ] {
            assert_ne!(bad, said);
            assert_eq!(with(&bad), Err(BadJws), "{bad}");
        }
    }
}
