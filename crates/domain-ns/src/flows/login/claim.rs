//! Claiming a login.

use countersign_protocol::{
    codes::LoginState,
    frames,
    ids::{AccountId, LoginId},
};

use super::{LINGER_SECS, live, read, write};
use crate::{
    Refused,
    account::Account,
    capability::{self, Shown},
    factor::FactorChallenge,
    flows::{factor::counted, limits::not_genuine},
    login::{Claim, Event, Login, LoginProgress, Via, step},
    ports::{Advanced, Ports},
    realm::OpenRealm,
    refused::Stop,
};
use countersign_ports::{
    Fault,
    sabotage::{Sabotage, active},
};

/// A login and the claim on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    pub login: Login,
    pub claim: Claim,
}

/// An account claims a login by a capability, or because the login was directed at it. The first
/// account wins, and repeating the claim gives the same answer. `cb` is the binding of the channel
/// that the claim came on.
///
/// # Errors
/// Why the login cannot be claimed; a fault of a port.
pub async fn claim(
    ports: &Ports,
    realm: &OpenRealm,
    account: &Account,
    frame: &frames::Claim,
    cb: &[u8; 32],
) -> Result<Claimed, Stop> {
    let shown = match capability::check(realm, frame, ports.now()) {
        Ok(shown) => shown,
        Err(why) => return Err(not_genuine(ports, realm, account.id, why).await?),
    };
    let now = current(ports, account).await?;
    now.may_log_in(ports.now())?;
    // Two rounds are enough: the version only grows, and past "pending" the answer is final.
    for _ in 0..3 {
        let Some(stored) = live(ports, frame.login).await? else {
            return Err(gone(ports, realm, frame.login).await?);
        };
        if stored.v >= LoginState::OUTCOME {
            return Err(gone(ports, realm, frame.login).await?);
        }
        let (login, state) = read(ports, frame.login, &stored)?;
        // A login that is not directed at this account does not exist for it, unless the account
        // shows its code.
        if login.realm != realm.id()
            || (shown == Shown::Nothing && !login.is_for(account.id, &account.user_id))
        {
            return Err(Refused::NotFound.into());
        }
        if !login.accepts(now.origin.client) {
            return Err(Refused::EnrolmentNotAccepted.into());
        }
        let state = if active(Sabotage::SkipCompare) { LoginProgress::Pending } else { state };
        let wanted = wanted(ports, realm, account, &login, shown);
        let LoginProgress::Claimed(mut granted) = step(&login, &state, &Event::Claim(wanted), ports.now())?
        else {
            return Err(Refused::AlreadyClaimed.into());
        };
        if stored.v == LoginState::CLAIMED && !active(Sabotage::SkipCompare) {
            return Ok(Claimed { login, claim: granted });
        }
        if shown == Shown::StaleQr {
            return Err(Refused::StaleQr.into());
        }
        granted.factor = challenge(ports, &login, account, cb).await?;
        let ttl = ports.now().until(login.expires_at) / 1000 + LINGER_SECS;
        let claimed = write(ports, &login, Some(&granted), LoginState::CLAIMED);
        match ports.live.claim(login.id, account.id, stored.v, claimed, ttl).await? {
            Advanced::Done => return Ok(Claimed { login, claim: granted }),
            Advanced::Stale(_) | Advanced::Missing => {}
        }
    }
    Err(Refused::AlreadyClaimed.into())
}

/// The claim to be made, with a number where the realm or the client requires one.
fn wanted(ports: &Ports, realm: &OpenRealm, account: &Account, login: &Login, shown: Shown) -> Claim {
    let numbers = realm.settings().number_match;
    let (via, numbered) = match shown {
        Shown::FreshQr | Shown::StaleQr => (Via::Qr, numbers.qr),
        Shown::Link => (Via::Link, numbers.link),
        Shown::Nothing if login.callback_url.is_some() => (Via::App, false),
        Shown::Nothing => (Via::Directed, numbers.directed),
    };
    // `number_match` outweighs `number_off`: it may have been set because the browser's logins
    // require a number after "not me".
    let number = ((numbered && !login.number_off) || (login.number_match && via != Via::App))
        .then(|| ports.random.short_number());
    let user_id = account.user_id.clone();
    Claim { account: account.id, user_id, via, number, at: ports.now(), factor: None }
}

/// What an attestation for this login must be about, if it needs one.
///
/// # Errors
/// [`Refused::FactorNeeded`] when the account has no second factor; a fault of the store.
pub(super) async fn challenge(
    ports: &Ports,
    login: &Login,
    account: &Account,
    cb: &[u8; 32],
) -> Result<Option<FactorChallenge>, Stop> {
    if login.second_factor.is_none() {
        return Ok(None);
    }
    let Some(factor) = ports.store.factor(account.realm, account.id).await? else {
        return counted(ports, Err(Refused::FactorNeeded.into()));
    };
    Ok(Some(FactorChallenge { challenge: ports.random.bytes(), cb: *cb, factor: Some(factor.id.0) }))
}

/// Repeats the answer for the account that has claimed the login.
pub(super) async fn resume(
    ports: &Ports,
    realm: &OpenRealm,
    account: AccountId,
    id: LoginId,
) -> Result<Claimed, Stop> {
    let Some(stored) = live(ports, id).await?.filter(|s| s.v < 3) else {
        return Err(gone(ports, realm, id).await?);
    };
    match read(ports, id, &stored)? {
        (login, LoginProgress::Claimed(claim)) if claim.account == account && login.realm == realm.id() => {
            if ports.now() >= login.expires_at {
                return Err(Refused::Expired.into());
            }
            Ok(Claimed { login, claim })
        }
        _ => Err(Refused::NotFound.into()),
    }
}

/// Why a login that is not open (any more) cannot be claimed or decided.
pub(super) async fn gone(ports: &Ports, realm: &OpenRealm, id: LoginId) -> Result<Stop, Fault> {
    let refused = match ports.store.outcome(realm.id(), id).await?.map(|r| r.state()) {
        None => Refused::NotFound,
        Some(LoginProgress::Expired) => Refused::Expired,
        Some(LoginProgress::Cancelled) => Refused::Cancelled,
        Some(_) => Refused::AlreadyDecided,
    };
    Ok(refused.into())
}

async fn current(ports: &Ports, account: &Account) -> Result<Account, Stop> {
    ports.store.account(account.realm, account.id).await?.ok_or(Stop::Refused(Refused::AccountDeleted))
}
