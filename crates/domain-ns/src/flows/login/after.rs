//! Logins after their approval: redeeming them, ending them, and listing them.

use countersign_protocol::{
    codes::LoginState,
    ids::{AccountId, ClientId, LoginId},
};

use super::{Seen, ended_by_itself, look, write};
use crate::{
    Refused,
    account::Account,
    audit::{Actor, Who},
    capability,
    flows::limits::{let_change, let_list},
    login::{EndedBy, Event, Login, LoginProgress, Record, step},
    ports::{Fact, Ports, Redeemed, Topic},
    realm::OpenRealm,
    refused::Stop,
};
use countersign_ports::{
    Fault,
    sabotage::{Sabotage, active},
};

/// What the client gets for an approved login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redemption {
    pub record: Record,
    pub account: Account,
}

/// The client exchanges an approved login for the identity, once; the same keyed request gets the
/// same answer again. A login of another client is not found.
///
/// # Errors
/// Why the login cannot be redeemed; a fault of a port.
pub async fn redeem(
    ports: &Ports,
    realm: &OpenRealm,
    id: LoginId,
    return_token: Option<[u8; 16]>,
    who: Who,
) -> Result<Redemption, Stop> {
    let mine = |login: &Login| who.client.is_none_or(|client| client == login.client);
    let Some(mut record) =
        ports.store.outcome(realm.id(), id).await?.filter(|record| mine(&record.outcome.login))
    else {
        // Undecided logins are not in the store; looking also records an expiry that no one has
        // noticed yet.
        let seen = look(ports, realm, id).await?.filter(|seen| mine(&seen.login));
        return Err(seen.map_or(Refused::NotFound, |_| Refused::NotApproved).into());
    };
    let claim = record.outcome.claim.clone().ok_or(Refused::NotApproved)?;
    // The login may have ended by its lifetime or by its phone's silence without anyone having
    // looked since.
    let state = ended_by_itself(ports, realm, record.clone()).await?.state;
    if record.redeemed.is_some()
        && !matches!(state, LoginProgress::Ended { .. })
        && let Some(account) = redeemed_before(ports, realm, &record, claim.account, who).await?
    {
        return Ok(Redemption { record, account });
    }
    let expected = capability::return_token(realm, id, claim.account).0;
    step(&record.outcome.login, &state, &Event::Redeem { return_token, expected }, ports.now())?;
    let account = match ports.store.redeem(&record.outcome, claim.account, &ports.stamp(who)).await? {
        Redeemed::Won(account) => *account,
        Redeemed::Lost if active(Sabotage::ApproveTwice) => {
            ports.store.account(realm.id(), claim.account).await?.ok_or(Refused::AccountDeleted)?
        }
        // The same request, sent twice at a time, may have been the faster one.
        Redeemed::Lost => redeemed_before(ports, realm, &record, claim.account, who)
            .await?
            .ok_or(Refused::AlreadyRedeemed)?,
        Redeemed::Ended => return Err(Refused::NotApproved.into()),
        Redeemed::AccountNotActive => return Err(Refused::AccountBlocked.into()),
        Redeemed::NotAccepted => return Err(Refused::EnrolmentNotAccepted.into()),
    };
    ports.meter.note(Fact::Redeemed);
    record.redeemed = Some(ports.now());
    Ok(Redemption { record, account })
}

/// The account that the same keyed request was given when it redeemed this login; `None` when
/// another request did.
async fn redeemed_before(
    ports: &Ports,
    realm: &OpenRealm,
    record: &Record,
    account: AccountId,
    who: Who,
) -> Result<Option<Account>, Stop> {
    let Some(mark) = who.mark else { return Ok(None) };
    if !ports.store.redeemed_by(realm.id(), record.outcome.login.id, &mark.id).await? {
        return Ok(None);
    }
    if ports.store.request(&mark.id).await?.is_some_and(|body| body != mark.hash) {
        return Err(Refused::RequestChanged.into());
    }
    let account = ports.store.account(realm.id(), account).await?;
    Ok(Some(account.ok_or(Refused::AccountDeleted)?))
}

/// Ends an approved login. Ending an ended one is refused, except that the same party may repeat
/// itself.
///
/// # Errors
/// [`Refused::NotFound`], [`Refused::NotApproved`].
pub async fn end(ports: &Ports, realm: &OpenRealm, id: LoginId, by: EndedBy, who: Who) -> Result<Seen, Stop> {
    let seen = look(ports, realm, id).await?.ok_or(Refused::NotFound)?;
    if let (Actor::Account(account), Some(record)) = (who.actor, ports.store.outcome(realm.id(), id).await?)
        && record.outcome.claim.is_none_or(|c| c.account != account)
    {
        return Err(Refused::NotFound.into());
    }
    if matches!(&seen.state, LoginProgress::Ended { by: was, .. } if *was == by) {
        return Ok(seen);
    }
    let next = step(&seen.login, &seen.state, &Event::End(by), ports.now())?;
    if !ports.store.end_login(realm.id(), id, by, &ports.stamp(who)).await? {
        // Another request was faster, and announces the end. Only the same party gets "done" twice.
        let there = look(ports, realm, id).await?.ok_or(Refused::NotFound)?;
        return if matches!(&there.state, LoginProgress::Ended { by: was, .. } if *was == by) {
            Ok(there)
        } else {
            Err(Refused::NotApproved.into())
        };
    }
    let ended = write(ports, &seen.login, None, next.public().version());
    ports.live.settle(id, ended, None).await?;
    Ok(Seen { login: seen.login, state: next })
}

/// Ends all running logins of a user, on all phones: at the client that asks, or at every client
/// when none does. Returns how many it ended.
///
/// # Errors
/// [`Stop::Limited`] for a phone that asks too often.
pub async fn end_all_of_user(
    ports: &Ports,
    realm: &OpenRealm,
    user_id: &str,
    who: Who,
) -> Result<usize, Stop> {
    if let Actor::Account(me) = who.actor {
        // A phone that has not been let in yet must not end what the user's phones approved.
        ports.store.account(realm.id(), me).await?.ok_or(Refused::AccountDeleted)?.may_log_in(ports.now())?;
        let_change(ports, realm, me).await?;
    }
    let ended = ports.store.end_logins_of_user(realm.id(), user_id, who.client, &ports.stamp(who)).await?;
    announce_ended(ports, &ended).await?;
    Ok(ended.len())
}

/// Announces that these logins have ended, after the store has committed that.
///
/// # Errors
/// A fault of the KV.
pub async fn announce_ended(ports: &Ports, ids: &[LoginId]) -> Result<(), Fault> {
    for id in ids {
        ports.announce(Topic::Login(*id), LoginState::Ended.version()).await?;
    }
    Ok(())
}

/// The logins that wait for an account, those that it has claimed, and those that are running.
///
/// # Errors
/// A fault of a port.
pub async fn list(ports: &Ports, realm: &OpenRealm, account: &Account) -> Result<Vec<Seen>, Stop> {
    let_list(ports, realm, account.id).await?;
    let mut found = Vec::new();
    for id in ports.live.offers(account.id).await?.into_iter().rev() {
        if let Some(seen) = look(ports, realm, id).await?
            && seen.state == LoginProgress::Pending
            && seen.login.is_for(account.id, &account.user_id)
        {
            found.push(seen);
        }
    }
    for id in ports.live.claims(account.id).await?.into_iter().rev() {
        if let Some(seen) = look(ports, realm, id).await?
            && matches!(&seen.state, LoginProgress::Claimed(c) if c.account == account.id)
        {
            found.push(seen);
        }
    }
    for record in ports.store.running_logins(realm.id(), account.id, ports.now()).await? {
        found.push(ended_by_itself(ports, realm, record).await?);
    }
    found.retain(|s| s.state.public() != LoginState::Ended);
    Ok(found)
}

/// A user's running logins on all phones, of one client or all, the longest-lived first, at most
/// 200.
///
/// # Errors
/// A fault of a port.
pub async fn running_of_user(
    ports: &Ports,
    realm: &OpenRealm,
    user_id: &str,
    client: Option<ClientId>,
) -> Result<Vec<Seen>, Fault> {
    let mut found = Vec::new();
    for record in ports.store.running_logins_of_user(realm.id(), user_id, client, ports.now()).await? {
        found.push(ended_by_itself(ports, realm, record).await?);
    }
    found.retain(|s| s.state.public() != LoginState::Ended);
    Ok(found)
}
