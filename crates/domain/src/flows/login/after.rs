//! What happens to a login after its approval: redeemed once, ended once, listed meanwhile.

use countersign_protocol::{
    codes::LoginState,
    ids::{AccountId, LoginId},
};

use super::{Seen, ended_by_time, look, write};
use crate::{
    Refused,
    account::Account,
    audit::Actor,
    capability,
    faults::{FaultName, active},
    login::{EndedBy, Event, Record, State, step},
    ports::{Ports, Redeemed, Topic},
    realm::OpenRealm,
    refused::{Fault, Stop},
};

/// The client exchanges an approved login for the identity, once.
///
/// # Errors
/// Why not.
pub async fn redeem(
    ports: &Ports,
    realm: &OpenRealm,
    id: LoginId,
    return_token: Option<[u8; 16]>,
    actor: Actor,
) -> Result<(Record, Account), Stop> {
    let Some(mut record) = ports.store.outcome(realm.realm.id, id).await? else {
        // Pending logins are not in the store; looking also records an expiry nobody noticed yet.
        return Err(look(ports, realm, id).await?.map_or(Refused::NotFound, |_| Refused::NotApproved).into());
    };
    let claim = record.outcome.claim.clone().ok_or(Refused::NotApproved)?;
    let expected = capability::return_token(realm, id, claim.account).0;
    step(&record.outcome.login, &record.state(), &Event::Redeem { return_token, expected }, ports.now())?;
    let account = match ports.store.redeem(realm.realm.id, id, claim.account, &ports.stamp(actor)).await? {
        Redeemed::Won(account) => *account,
        Redeemed::Lost if active(FaultName::ApproveTwice) => {
            ports.store.account(realm.realm.id, claim.account).await?.ok_or(Refused::AccountDeleted)?
        }
        Redeemed::Lost => return Err(Refused::AlreadyRedeemed.into()),
        Redeemed::Ended => return Err(Refused::NotApproved.into()),
        Redeemed::AccountNotActive => return Err(Refused::AccountBlocked.into()),
    };
    record.redeemed = true;
    Ok((record, account))
}

/// Somebody ends an approved login. Ending an ended one is refused, except that the same side may repeat itself.
///
/// # Errors
/// [`Refused::NotFound`], [`Refused::NotApproved`].
pub async fn end(ports: &Ports, realm: &OpenRealm, id: LoginId, by: EndedBy, actor: Actor) -> Result<Seen, Stop> {
    let seen = look(ports, realm, id).await?.ok_or(Refused::NotFound)?;
    if let (Actor::Account(account), Some(record)) = (actor, ports.store.outcome(realm.realm.id, id).await?)
        && record.outcome.claim.is_none_or(|c| c.account != account)
    {
        return Err(Refused::NotFound.into());
    }
    if matches!(&seen.state, State::Ended { by: was, .. } if *was == by) {
        return Ok(seen);
    }
    let next = step(&seen.login, &seen.state, &Event::End(by), ports.now())?;
    if !ports.store.end_login(realm.realm.id, id, by, &ports.stamp(actor)).await? {
        // Somebody else was faster; they tell. Only the same side hears "done" twice.
        let there = look(ports, realm, id).await?.ok_or(Refused::NotFound)?;
        return if matches!(&there.state, State::Ended { by: was, .. } if *was == by) {
            Ok(there)
        } else {
            Err(Refused::NotApproved.into())
        };
    }
    ports.live.settle(id, write(&seen.login, None, next.public().version())).await?;
    Ok(Seen { login: seen.login, state: next })
}

/// Tells everybody that these logins have ended, after the store said so.
///
/// # Errors
/// A fault of the KV.
pub async fn announce_ended(ports: &Ports, ids: &[LoginId]) -> Result<(), Fault> {
    for id in ids {
        ports.live.announce(Topic::Login(*id), LoginState::Ended.version()).await?;
    }
    Ok(())
}

/// What an account has open and running.
///
/// # Errors
/// A fault of a port.
pub async fn list(ports: &Ports, realm: &OpenRealm, account: AccountId) -> Result<Vec<Seen>, Fault> {
    let mut found = Vec::new();
    for id in ports.live.claims(account).await?.into_iter().rev() {
        if let Some(seen) = look(ports, realm, id).await?
            && matches!(&seen.state, State::Claimed(c) if c.account == account)
        {
            found.push(seen);
        }
    }
    for record in ports.store.running_logins(realm.realm.id, account).await? {
        found.push(ended_by_time(ports, realm, record).await?);
    }
    found.retain(|s| s.state.public() != LoginState::Ended);
    Ok(found)
}
