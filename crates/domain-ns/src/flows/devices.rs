//! A user's phones, as one of them sees the others.

use countersign_protocol::{
    codes::{AccountState, DeviceAction},
    frames,
    ids::{AccountId, RealmId},
};

use super::{
    account::change,
    enrolment, limits,
    siblings::{MOST, tell_siblings},
};
use crate::{
    Refused,
    account::{Account, Event},
    audit::Actor,
    decision::{judge_vouch, same_word},
    enrolment::{Enrolment, EnrolmentState, Event as Enrolling},
    ports::{AccountQuery, Ports},
    realm::OpenRealm,
    refused::Stop,
    text,
};
use countersign_ports::Fault;

/// Most new phones that a phone is notified of when it connects.
const MOST_NEWS: usize = 10;

/// The account as it is now, if it may log in.
async fn working(ports: &Ports, realm: RealmId, id: AccountId) -> Result<Account, Stop> {
    let account = ports.store.account(realm, id).await?.ok_or(Refused::AccountDeleted)?;
    account.may_log_in(ports.now())?;
    Ok(account)
}

/// The phones of its user, as an active phone sees them. This marks all of them as seen.
///
/// # Errors
/// Why the account may not log in; that it asks too often; a fault of a port.
pub async fn seen_by(ports: &Ports, realm: &OpenRealm, me: &Account) -> Result<Vec<Account>, Stop> {
    limits::let_list(ports, realm, me.id).await?;
    let me = working(ports, me.realm, me.id).await?;
    let all = listed(ports, &me).await?;
    if me.phones.came > me.phones.seen {
        // The number from before the list was read: a phone that comes later is not marked as seen.
        ports.store.saw_phones(me.realm, me.id, me.phones.came).await?;
    }
    Ok(all)
}

/// Phones that came to its user since this one last read the list, newest first, including those
/// that have left again. It is notified of them at each connection until it reads the list.
///
/// # Errors
/// A fault of the store.
pub async fn news_for(ports: &Ports, me: &Account) -> Result<Vec<Account>, Fault> {
    let news = me.phones.came.saturating_sub(me.phones.seen);
    if news == 0 {
        return Ok(Vec::new());
    }
    let mut all = let_in(ports, me, true).await?;
    all.retain(|a| a.id != me.id);
    all.sort_by_key(|a| std::cmp::Reverse(a.origin.confirmed_at));
    all.truncate(MOST_NEWS.min(news as usize));
    Ok(all)
}

/// The newest phones of its user that have been let in, including deleted ones if `gone`.
async fn let_in(ports: &Ports, me: &Account, gone: bool) -> Result<Vec<Account>, Fault> {
    let user_id = Some(me.user_id.clone());
    let query = AccountQuery {
        user_id,
        newest_first: true,
        let_in: true,
        gone,
        limit: MOST,
        ..AccountQuery::default()
    };
    Ok(ports.store.accounts(me.realm, &query).await?.items)
}

/// The phones that are listed for a phone: those that have been let in, the newest of them if there
/// are many; itself; and as many pending ones as there is room for. Invitations are cheap, so
/// pending phones must not displace those that work.
async fn listed(ports: &Ports, me: &Account) -> Result<Vec<Account>, Fault> {
    let mut all = let_in(ports, me, false).await?;
    if !all.iter().any(|a| a.id == me.id) {
        all.pop();
        all.push(me.clone());
    }
    let room = MOST.saturating_sub(u32::try_from(all.len()).unwrap_or(MOST));
    if room > 0 {
        let state = Some(AccountState::Pending);
        let waits = AccountQuery {
            user_id: Some(me.user_id.clone()),
            state,
            newest_first: true,
            limit: room,
            ..AccountQuery::default()
        };
        all.extend(ports.store.accounts(me.realm, &waits).await?.items);
    }
    all.sort_by_key(|a| (a.created_at, a.id));
    Ok(all)
}

/// An active phone manages an account of its user, which may be its own. A phone undoes only what a
/// phone has done: what an administrator blocked stays blocked.
///
/// # Errors
/// [`Refused::NotFound`] for an account of another user, [`Refused::NotAllowed`], or why the
/// account does not change.
pub async fn manage(
    ports: &Ports,
    realm: &OpenRealm,
    me: AccountId,
    asked: &frames::ManageDevice,
) -> Result<(), Stop> {
    let me = working(ports, realm.id(), me).await?;
    let device = ports.store.account(realm.id(), asked.account).await?.ok_or(Refused::NotFound)?;
    if device.user_id != me.user_id || device.state == AccountState::Deleted {
        return Err(Refused::NotFound.into());
    }
    limits::let_change(ports, realm, me.id).await?;
    let who = Actor::Account(me.id).into();
    if device.id != me.id {
        me.may_rule_phones(ports.now())?;
    }
    let event = match (asked.action, &asked.name) {
        (DeviceAction::Rename, Some(name)) => {
            text::shown(name, 100, false).map_err(|_| Refused::NotAllowed)?;
            ports.store.rename_account(realm.id(), device.id, name, &ports.stamp(who)).await?;
            return Ok(tell_siblings(ports, realm.id(), device.id, &device.user_id).await?);
        }
        (DeviceAction::Block, None) => Event::Block,
        (DeviceAction::Unblock, None) => Event::Unblock,
        (DeviceAction::Delete, None) => Event::Delete,
        _ => return Err(Refused::NotAllowed.into()),
    };
    change(ports, realm, device.id, event, who).await?;
    Ok(())
}

/// New phones that wait for one of this user's phones to vouch for them.
///
/// # Errors
/// Why the account may not log in; that it asks too often; a fault of a port.
pub async fn waiting(
    ports: &Ports,
    realm: &OpenRealm,
    account: &Account,
) -> Result<Vec<(Enrolment, Account)>, Stop> {
    limits::let_list(ports, realm, account.id).await?;
    working(ports, account.realm, account.id).await?;
    let mut found = Vec::new();
    for e in ports.store.enrolments_to_vouch(realm.id(), &account.user_id).await? {
        let Some(new) = e.redeemed.as_ref().map(|r| r.account).filter(|new| *new != account.id) else {
            continue;
        };
        let e = enrolment::look(ports, realm, e.id).await?.filter(|e| e.state == EnrolmentState::Redeemed);
        if let (Some(e), Some(new)) = (e, ports.store.account(realm.id(), new).await?) {
            found.push((e, new));
        }
    }
    Ok(found)
}

/// An old phone's signed vouch for or against a new one. `cb` is the binding of the channel it came
/// on.
///
/// # Errors
/// [`Refused::NotFound`] for an enrolment of another user, [`Refused::BadDecision`],
/// [`Refused::WrongNumber`], or why it cannot be confirmed any more.
pub async fn vouch(
    ports: &Ports,
    realm: &OpenRealm,
    me: &Account,
    asked: &frames::DecideEnrolment,
    cb: &[u8; 32],
) -> Result<(), Stop> {
    working(ports, realm.id(), me.id).await?;
    let e = enrolment::look(ports, realm, asked.enrolment).await?.ok_or(Refused::NotFound)?;
    let mine = e.redeemed.as_ref().is_some_and(|r| r.account == me.id);
    if e.user_id != me.user_id || mine {
        return Err(Refused::NotFound.into());
    }
    let word = judge_vouch(&asked.jws, &e, &me.jkt, &me.public_key, cb)?;
    // A repetition, because its answer was lost, perhaps on another connection. It is compared with
    // the vouch that counted, which is stored.
    let done = if word.number.is_some() { EnrolmentState::Confirmed } else { EnrolmentState::Refused };
    if e.state == done && e.approval.as_deref().is_some_and(|kept| same_word(kept, &asked.jws)) {
        return Ok(());
    }
    let event = word.number.map_or(Enrolling::Turn, Enrolling::Vouch);
    enrolment::act(ports, realm, e.id, &event, Some(&asked.jws), Actor::Account(me.id).into()).await?;
    Ok(())
}
