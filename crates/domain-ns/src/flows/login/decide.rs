//! How logins get their outcome: by the phone, by cancelling, or by the end of the account.

use std::net::IpAddr;

use countersign_protocol::{
    codes::{LoginState, RefuseReason},
    decision::Verdict,
    frames,
    ids::{AccountId, LoginId},
    labels,
};

use super::{NotWon, Seen, claim::gone, expire, look, outcome, read, record};
use crate::{
    Refused,
    account::Account,
    audit::{Actor, Who},
    decision::{Judged, judge},
    factor::{Evidence, Expected, Proven},
    flows::{
        accusation::{follows_already, not_me},
        factor::{counted, evidence, verify},
    },
    login::{Claim, EndedBy, Event, Login, LoginProgress, step},
    ports::{Fact, FactorResult, Ports},
    realm::OpenRealm,
    refused::Stop,
};
use countersign_ports::{Fault, secret::sha256, time::Time};

/// Seconds within which a phone whose answer was lost repeats its command.
const REPEATED_SECS: u64 = 60;

/// The account that claimed a login answers it. `cb` is the binding of the channel the answer came
/// on, `from` the address it came from. Returns the state that the account may now rely on.
///
/// # Errors
/// Why the login cannot be decided. Repeating with the same `req_id` returns the stored answer.
pub async fn decide(
    ports: &Ports,
    realm: &OpenRealm,
    account: &Account,
    frame: &frames::Decide,
    (cb, from): (&[u8; 32], Option<IpAddr>),
) -> Result<LoginState, Stop> {
    let stored = ports.live.read(frame.login).await?;
    let open = match &stored {
        Some(s) if s.v < 3 => Some(read(ports, frame.login, s)?),
        _ => None,
    };
    let Some((login, state)) = open.filter(|(login, _)| login.realm == realm.id()) else {
        return repeated(ports, realm, account, frame, from).await;
    };
    let judged = judge(&frame.jws, &login, &account.jkt, &account.public_key, cb)?;
    let now = ports.now();
    let event = Event::Decide {
        account: account.id,
        verdict: judged.verdict,
        reason: judged.reason,
        number: judged.number.clone(),
    };
    let next = match step(&login, &state, &event, now) {
        Err(Refused::Expired) => {
            expire(ports, login, state).await?;
            return Err(Refused::Expired.into());
        }
        other => other?,
    };
    let LoginProgress::Claimed(claim) = state else { return Err(Refused::NotFound.into()) };
    let via = claim.via;
    let proven = second_factor(ports, realm, account, frame, (&login, &claim, &judged)).await;
    let proven = counted(ports, proven)?;
    let with_factor = proven.is_some();
    let mut outcome = outcome(now, &login, next.public(), next.reason().map(str::to_owned), Some(claim));
    outcome.decision = Some(frame.jws.clone());
    outcome.req_id = Some(frame.req_id);
    if let Some((evidence, proven)) = proven {
        outcome.evidence = Some(evidence);
        outcome.spent = Some(proven.spent);
    }
    if judged.verdict == Verdict::Approve && next.public() == LoginState::Approved {
        outcome.redeem_by = now.plus_secs(realm.settings().redeem_secs);
        outcome.ends_at = now.plus_secs(realm.settings().session_secs);
    }
    match record(ports, outcome, Actor::Account(account.id).into()).await? {
        Ok(state) => {
            if with_factor {
                ports.meter.note(Fact::Factor(FactorResult::Proven));
            }
            if judged.reason == Some(RefuseReason::NotMe) {
                not_me(ports, realm, account, &login, Some(via), from).await?;
            }
            Ok(state.public())
        }
        Err(NotWon::Decided(_)) => repeated(ports, realm, account, frame, from).await,
        Err(why @ (NotWon::Inactive(_) | NotWon::Spent)) => Err(why.refused().into()),
    }
}

/// Verifies the second factor of an approval. An approval that shows an attestation nobody asked for
/// is refused, so that what is stored always means something.
async fn second_factor(
    ports: &Ports,
    realm: &OpenRealm,
    account: &Account,
    frame: &frames::Decide,
    (login, claim, judged): (&Login, &Claim, &Judged),
) -> Result<Option<(Evidence, Proven)>, Stop> {
    let shown = evidence(&frame.attestation, &frame.sfs_keys, frame.factor_r)?;
    if shown.is_none() && judged.att.is_some() {
        return Err(Refused::BadDecision.into());
    }
    let (evidence, need, challenge) = match (shown, login.second_factor, &claim.factor) {
        (None, None, _) => return Ok(None),
        (None, Some(_), _) if judged.verdict == Verdict::Refuse => return Ok(None),
        (None, Some(_), _) => return Err(Refused::FactorNeeded.into()),
        (Some(evidence), Some(need), Some(challenge)) if judged.verdict == Verdict::Approve => {
            (evidence, need, challenge)
        }
        (Some(_), ..) => return Err(Refused::BadAttestation.into()),
    };
    if judged.att != Some(sha256(evidence.attestation.as_bytes())) {
        return Err(Refused::BadDecision.into());
    }
    let factor = ports.store.factor(account.realm, account.id).await?.ok_or(Refused::FactorNeeded)?;
    let now = ports.now();
    let age = need.max_age.saturating_mul(1000);
    let not_before = if age == 0 { claim.at } else { Time(now.0.saturating_sub(age)) };
    let context = login.context();
    let expected = Expected {
        realm: realm.id(),
        challenge,
        jkt: &account.jkt,
        purpose: labels::PURPOSE_LOGIN,
        payload: &context,
        factor: Some(&factor),
        not_before,
        now,
    };
    let proven = verify(ports, realm, &account.app, &evidence, &expected).await?;
    Ok(Some((evidence, proven)))
}

/// Handles a decision on a login that is not open: a command whose answer was lost gets the stored
/// answer, every other one the reason why it is too late.
async fn repeated(
    ports: &Ports,
    realm: &OpenRealm,
    account: &Account,
    frame: &frames::Decide,
    from: Option<IpAddr>,
) -> Result<LoginState, Stop> {
    let Some(record) = ports.store.outcome(realm.id(), frame.login).await? else {
        return Err(Refused::NotFound.into());
    };
    let outcome = &record.outcome;
    let mine = outcome.claim.as_ref().is_some_and(|c| c.account == account.id);
    if mine && outcome.req_id == Some(frame.req_id) {
        // The first attempt may have stopped before it applied the consequences of "not me", so
        // apply them now; but only for a while, because an administrator may have released the
        // browser since.
        let fresh = ports.now() < outcome.decided_at.plus_secs(REPEATED_SECS);
        let not_me_said = fresh && outcome.reason.as_deref() == Some(RefuseReason::NotMe.as_str());
        if not_me_said && !follows_already(ports, realm, &outcome.login).await? {
            not_me(ports, realm, account, &outcome.login, outcome.claim.as_ref().map(|c| c.via), from)
                .await?;
        }
        return Ok(record.state().public());
    }
    Err(gone(ports, realm, frame.login).await?)
}

/// The client or the page withdraws the login.
///
/// # Errors
/// [`Refused::AlreadyDecided`] when it has its outcome, [`Refused::NotFound`].
pub async fn cancel(ports: &Ports, realm: &OpenRealm, id: LoginId, who: Who) -> Result<Seen, Stop> {
    let seen = look(ports, realm, id).await?.ok_or(Refused::NotFound)?;
    step(&seen.login, &seen.state, &Event::Cancel, ports.now())?;
    let claim = if let LoginProgress::Claimed(claim) = seen.state { Some(claim) } else { None };
    let outcome = outcome(ports.now(), &seen.login, LoginState::Cancelled, None, claim);
    match record(ports, outcome, who).await? {
        Ok(state) => Ok(Seen { login: seen.login, state }),
        Err(not_won) => Err(not_won.refused().into()),
    }
}

/// The account was blocked or deleted: the logins it claimed are refused in its name.
///
/// # Errors
/// A fault of a port.
pub async fn disown(
    ports: &Ports,
    realm: &OpenRealm,
    account: AccountId,
    why: EndedBy,
    who: Who,
) -> Result<(), Fault> {
    let mut first = Ok(());
    for id in ports.live.claims(account).await? {
        // A login that cannot be written now does not keep the others from being refused.
        let done = disown_one(ports, realm, id, account, why, who).await;
        first = first.and(done);
    }
    first
}

async fn disown_one(
    ports: &Ports,
    realm: &OpenRealm,
    id: LoginId,
    account: AccountId,
    why: EndedBy,
    who: Who,
) -> Result<(), Fault> {
    let Some(seen) = look(ports, realm, id).await? else { return Ok(()) };
    let Ok(next) = step(&seen.login, &seen.state, &Event::Disown(account, why), ports.now()) else {
        return Ok(());
    };
    let LoginProgress::Claimed(claim) = seen.state else { return Ok(()) };
    let outcome =
        outcome(ports.now(), &seen.login, LoginState::Refused, next.reason().map(str::to_owned), Some(claim));
    let _lost_to_somebody_else = record(ports, outcome, who).await?;
    Ok(())
}
