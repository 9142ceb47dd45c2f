//! Second factors: which logins need one, and whether an attestation proves it.
//!
//! NS never talks to an SFS. The phone carries an attestation and the SFS's key list; NS lists the
//! roots it trusts for each app, and believes nothing else.

use countersign_ports::{
    sabotage::{Sabotage, active},
    secret::{same, sha256},
    time::Time,
};
use countersign_protocol::{
    attestation::{self, KeyList},
    codes::{FactorKind, PinPolicy},
    ids::{AccountId, FactorId, Jkt, RealmId},
    labels::{self, SecondFactor},
};
use serde::{Deserialize, Serialize};

use crate::{Refused, app::TrustedSfs, decision::genuine};

/// How far the clocks of an SFS and of NS may be apart, in seconds.
pub const CLOCKS_APART_SECS: u64 = 5;

/// What a login needs besides the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactorNeed {
    /// Greatest age of the proof in seconds. 0 means that the user proves the factor for this very
    /// login.
    #[serde(default)]
    pub max_age: u64,
}

impl FactorNeed {
    /// What satisfies both.
    #[must_use]
    pub fn both(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(a), Some(b)) => Some(Self { max_age: a.max_age.min(b.max_age) }),
            (a, b) => a.or(b),
        }
    }
}

/// Whether a realm wants new phones to bring a second factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnrolmentFactor {
    /// Phones are not asked.
    #[default]
    None,
    Optional,
    Required,
}

/// What an attestation must be about: made when an account claims a login that needs a factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorChallenge {
    pub challenge: [u8; 32],
    /// Binding of the channel that the challenge was issued on. It stays the same when the phone
    /// connects again, so that a lost connection does not cost the user a second PIN.
    pub cb: [u8; 32],
    /// The factor to prove; `None` where a new one is bound.
    pub factor: Option<[u8; 16]>,
}

/// The second factor of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    pub realm: RealmId,
    pub account: AccountId,
    /// Thumbprint of the root of its SFS.
    pub root: Jkt,
    pub id: FactorId,
    /// The policy that guarded it when it was bound.
    pub policy: PinPolicy,
    pub bound_at: Time,
}

/// What a phone shows to prove a second factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    pub attestation: String,
    /// The key list of the SFS.
    pub keys: String,
    /// The random bytes in the context, in base64url.
    pub r: String,
}

/// What the attestation must say.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    pub realm: RealmId,
    pub challenge: &'a FactorChallenge,
    pub jkt: &'a Jkt,
    pub purpose: &'static str,
    /// What the user agrees to.
    pub payload: &'a [u8],
    /// The factor of the account; `None` where a new one is bound.
    pub factor: Option<&'a Factor>,
    /// The earliest time at which the factor may have been proven.
    pub not_before: Time,
    pub now: Time,
}

/// A proof that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    pub root: Jkt,
    pub id: FactorId,
    pub kind: FactorKind,
    pub policy: PinPolicy,
    /// When the factor was proven, by the clock of SFS.
    pub at: Time,
    /// The attestation's id, which counts once, until this time.
    pub spent: Spent,
    /// The key list that came with it, when it is newer than the one we had.
    pub newer_list: Option<(u64, String)>,
}

/// An attestation that is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// SHA-256 over root and id: ids are unique to one SFS only.
    pub key: [u8; 32],
    pub until: Time,
}

/// The thumbprint of the SFS root that a key list names; nothing is verified yet.
///
/// # Errors
/// [`Refused::BadAttestation`].
pub fn root_of(evidence: &Evidence) -> Result<Jkt, Refused> {
    Ok(attestation::parse_keys(&evidence.keys).map_err(|_| Refused::BadAttestation)?.kid)
}

/// Judges an attestation. `sfs` is the entry of the app for the root that the key list names, and
/// `known` the newest list of that root that was seen before.
///
/// # Errors
/// [`Refused::BadAttestation`], whatever is wrong with it.
pub fn judge(
    evidence: &Evidence,
    sfs: Option<&TrustedSfs>,
    known: Option<&str>,
    expected: &Expected<'_>,
) -> Result<Proven, Refused> {
    let bad = || Refused::BadAttestation;
    let parsed = attestation::parse(&evidence.attestation).map_err(|_| bad())?;
    let shown = attestation::parse_keys(&evidence.keys).map_err(|_| bad())?;
    let root = shown.kid;
    let killed = match sfs {
        Some(sfs) => {
            genuine(&evidence.keys, shown.signing_input, &sfs.root).map_err(unless_unable)?;
            &sfs.killed[..]
        }
        None if active(Sabotage::TrustAnyRoot) => &[],
        None => return Err(bad()),
    };
    let known = known.map(attestation::parse_keys).transpose().map_err(|_| bad())?.map(|k| k.claims);
    let newer = known.as_ref().is_none_or(|known| shown.claims.seq > known.seq);
    let list: &KeyList = match &known {
        Some(known) if !newer => known,
        _ => &shown.claims,
    };
    let (said, now) = (&parsed.claims, expected.now.secs());
    if list.exp <= now || said.iss != list.iss || killed.contains(&parsed.kid) {
        return Err(bad());
    }
    let key = list.key(&parsed.kid, said.iat).ok_or_else(bad)?;
    genuine(&evidence.attestation, parsed.signing_input, &key.public).map_err(unless_unable)?;
    let in_time = said.iat <= now + CLOCKS_APART_SECS && now < said.exp + CLOCKS_APART_SECS;
    let fresh = said.auth_time + CLOCKS_APART_SECS >= expected.not_before.secs();
    let mine = expected.factor.is_none_or(|f| f.id == said.sub && f.root == root);
    if !in_time || !fresh || !mine || !same(&said.ctx, &context(evidence, expected)?) {
        return Err(bad());
    }
    Ok(Proven {
        root,
        id: said.sub,
        kind: said.kind,
        policy: said.policy,
        at: Time(said.auth_time.saturating_mul(1000)),
        spent: Spent {
            key: sha256(&[&root.0[..], &said.jti].concat()),
            until: Time((said.exp + 2 * CLOCKS_APART_SECS).saturating_mul(1000)),
        },
        newer_list: newer.then(|| (shown.claims.seq, evidence.keys.clone())),
    })
}

/// A signature that cannot be checked for lack of memory is nobody's fault; every other failure is
/// the attestation's.
fn unless_unable(why: Refused) -> Refused {
    if why == Refused::Unable { why } else { Refused::BadAttestation }
}

/// The context that the attestation must carry.
fn context(evidence: &Evidence, expected: &Expected<'_>) -> Result<[u8; 32], Refused> {
    let r = countersign_protocol::jws::bytes(&evidence.r).map_err(|_| Refused::BadAttestation)?;
    Ok(sha256(&labels::second_factor(&SecondFactor {
        r: &r,
        server_id: &expected.realm.server_id(),
        challenge: &expected.challenge.challenge,
        cb: &expected.challenge.cb,
        jkt: expected.jkt,
        purpose: expected.purpose,
        payload_hash: &sha256(expected.payload),
    })))
}

/// What is told of the factor that a login was approved with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    pub kind: FactorKind,
    pub policy: PinPolicy,
    pub at: Time,
}

impl Evidence {
    /// What verified evidence says about the factor; `None` when it cannot be read.
    #[must_use]
    pub fn used(&self) -> Option<Used> {
        let said = attestation::parse(&self.attestation).ok()?.claims;
        Some(Used { kind: said.kind, policy: said.policy, at: Time(said.auth_time.saturating_mul(1000)) })
    }
}

#[cfg(test)]
mod tests;
