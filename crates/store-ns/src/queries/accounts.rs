use countersign_domain_ns::{
    account::Account,
    audit::{About, Actor, Stamp, changed},
    authority::{Authority, Lineage},
    enrolment::Enrolment,
    further::{Admission, Closer, Past, UserHash},
    login::EndedBy,
    ports::Alert,
};
use countersign_ports::time::Time;
use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, Jkt, LoginId, RealmId},
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn, enrolments, factors, insert_new, lock, logins, trail::append, users};
use crate::{
    rows::{AccountRow, At, millis, time},
    schema::{accounts, closings},
};

macro_rules! of_user {
    ($realm:expr, $user_id:expr) => {
        accounts::table
            .filter(accounts::realm.eq($realm.0.to_vec()))
            .filter(accounts::user_id.eq($user_id.to_owned()))
    };
}

pub(crate) async fn add(c: &mut Conn, account: &Account) -> Answer<()> {
    diesel::insert_into(accounts::table).values(AccountRow::from(account)).execute(c).await?;
    Ok(())
}

pub(crate) async fn get(c: &mut Conn, realm: RealmId, id: AccountId) -> Answer<Option<Account>> {
    let row: Option<AccountRow> = accounts::table
        .find((realm.0.to_vec(), id.0.to_vec()))
        .select(AccountRow::as_select())
        .get_result(c)
        .await
        .optional()?;
    row.map(Account::try_from).transpose()
}

pub(crate) async fn by_jkt(c: &mut Conn, realm: RealmId, jkt: &Jkt) -> Answer<Option<Account>> {
    let row: Option<AccountRow> = accounts::table
        .filter(accounts::realm.eq(realm.0.to_vec()))
        .filter(accounts::jkt.eq(jkt.0.to_vec()))
        .select(AccountRow::as_select())
        .get_result(c)
        .await
        .optional()?;
    row.map(Account::try_from).transpose()
}

/// Reads an account and locks it until the transaction ends, so that no other transaction changes
/// it.
async fn held(c: &mut Conn, realm: RealmId, id: AccountId) -> Answer<Option<Account>> {
    let row: Option<AccountRow> =
        lock!(accounts::table.find((realm.0.to_vec(), id.0.to_vec())).select(AccountRow::as_select()))
            .get_result(c)
            .await
            .optional()?;
    row.map(Account::try_from).transpose()
}

/// The state of an account, which is locked until the transaction ends.
pub(crate) async fn held_state(c: &mut Conn, realm: RealmId, id: AccountId) -> Answer<AccountState> {
    Ok(held(c, realm, id).await?.map_or(AccountState::Deleted, |a| a.state))
}

/// Whether the user has or had a phone, and who took phones away.
pub(crate) async fn past(c: &mut Conn, realm: RealmId, user_id: &str, hash: UserHash) -> Answer<Past> {
    let found: Vec<(Vec<u8>, i32)> = closings::table
        .filter(closings::realm.eq(realm.0.to_vec()))
        .filter(closings::user_hash.eq(hash.0.to_vec()))
        .select((closings::lineage, closings::authority))
        .load(c)
        .await?;
    let had = !found.is_empty() || had_one(c, realm, user_id).await?;
    let at = At { table: "closings", row: &hash.0 };
    let closer = |(lineage, authority): (Vec<u8>, i32)| {
        let lineage = Some(at.fixed(&lineage)?).filter(|l| *l != UNKNOWN).map(Lineage);
        Ok(Closer { lineage, authority: Authority::from_rank(authority).ok_or_else(|| at.bad("authority"))? })
    };
    let mut closers = found.into_iter().map(closer).collect::<Answer<Vec<_>>>()?;
    // The previous release stored neither lineage nor authority of a key that blocked an account.
    // Such a block counts as root's, with an unknown lineage.
    let unknown: Option<Vec<u8>> = of_user!(realm, user_id)
        .filter(accounts::state.eq(i32::from(AccountState::Blocked.code())))
        .filter(accounts::blocked_by.like("key:%"))
        .filter(accounts::blocked_authority.is_null())
        .select(accounts::id)
        .first(c)
        .await
        .optional()?;
    closers.extend(unknown.map(|_| Closer { lineage: None, authority: Authority::Root }));
    closers.sort_unstable();
    closers.dedup();
    Ok(Past { had, closers })
}

/// Whether a phone of the user was ever let in. The previous release did not store when, so a phone
/// also counts if it is active or blocked, or if its enrolment was confirmed.
async fn had_one(c: &mut Conn, realm: RealmId, user_id: &str) -> Answer<bool> {
    let active = [AccountState::Active, AccountState::Blocked].map(|s| i32::from(s.code()));
    let known = accounts::confirmed_at.is_not_null().or(accounts::state.eq_any(active));
    let one: Option<Vec<u8>> =
        of_user!(realm, user_id).filter(known).select(accounts::id).first(c).await.optional()?;
    if one.is_some() {
        return Ok(true);
    }
    let gone: Vec<Vec<u8>> = of_user!(realm, user_id).select(accounts::id).load(c).await?;
    enrolments::was_confirmed(c, realm, gone).await
}

/// Phones that were let in by a key instead of one of the user's own phones: lineage and time.
pub(crate) async fn recoveries(
    c: &mut Conn,
    realm: RealmId,
    user_id: &str,
) -> Answer<Vec<(Option<Lineage>, Time)>> {
    let found: Vec<(Option<Vec<u8>>, Option<i64>)> = of_user!(realm, user_id)
        .filter(accounts::recovered_at.is_not_null())
        .select((accounts::confirmed_lineage, accounts::recovered_at))
        .load(c)
        .await?;
    let at = At { table: "accounts", row: user_id.as_bytes() };
    found
        .into_iter()
        .map(|(lineage, when)| Ok((at.fixed_option(lineage.as_ref())?.map(Lineage), time(when.unwrap_or(0)))))
        .collect()
}

/// The lineage that is stored for keys whose lineage is unknown.
const UNKNOWN: [u8; 16] = [0; 16];

/// Records that a key took a phone away, so that neither it nor another key of its lineage can let
/// in the next one. A phone that was let in by a key, and not by one of the user's own phones,
/// takes phones away under the lineage of that key.
pub(crate) async fn close(
    c: &mut Conn,
    realm: RealmId,
    hash: UserHash,
    account: [u8; 16],
    stamp: &Stamp,
) -> Answer<()> {
    let (lineage, authority) = match stamp.who.actor {
        Actor::Key(_) => (stamp.who.lineage, stamp.who.authority()),
        Actor::Account(phone) if phone.0 != account => match get(c, realm, phone).await?.map(|a| a.origin) {
            Some(origin) if origin.recovered_at.is_some() => (origin.confirmed_lineage, Authority::Phone),
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    let (lineage, authority) = (lineage.map_or(UNKNOWN, |l| l.0), authority.rank());
    let row = closings::table.find((realm.0.to_vec(), hash.0.to_vec(), account.to_vec(), lineage.to_vec()));
    let values = (
        closings::realm.eq(realm.0.to_vec()),
        closings::user_hash.eq(hash.0.to_vec()),
        closings::account.eq(account.to_vec()),
        closings::lineage.eq(lineage.to_vec()),
        closings::authority.eq(authority),
        closings::at.eq(millis(stamp.now)),
    );
    if insert_new!(c, closings::table, values).await? == 0 {
        let more = row.filter(closings::authority.lt(authority));
        diesel::update(more).set(closings::authority.eq(authority)).execute(c).await?;
    }
    Ok(())
}

/// Lets a waiting phone in: it is active from now on, or from the time in its admission. Unless the
/// admission is `unsettled`, the records of who took phones away before are deleted. The user's
/// other phones are notified until they have seen the new one in their list. False when the phone
/// does not wait any more.
pub(crate) async fn let_in(
    c: &mut Conn,
    e: &Enrolment,
    id: AccountId,
    let_in: &Admission,
    hash: UserHash,
    stamp: &Stamp,
) -> Answer<bool> {
    if !set_state(c, e.realm, id, AccountState::Pending, AccountState::Active).await? {
        return Ok(false);
    }
    // A phone that is let in by a recovered phone inherits that phone's lineage.
    let lineage = match stamp.who.actor {
        Actor::Account(voucher) if let_in.unsettled => {
            get(c, e.realm, voucher).await?.and_then(|v| v.origin.confirmed_lineage)
        }
        _ => stamp.who.lineage,
    };
    let set = (
        accounts::confirmed_by.eq(stamp.who.actor.text()),
        accounts::confirmed_lineage.eq(lineage.map(|l| l.0.to_vec())),
        accounts::confirmed_at.eq(millis(stamp.now)),
        accounts::confirmed_way.eq(e.confirm.as_str()),
        accounts::recovered_at.eq(let_in.recovered.then(|| millis(stamp.now))),
        accounts::active_from.eq(let_in.active_from.map(millis)),
        accounts::rules_from.eq(let_in.rules_from.map(millis)),
    );
    let key = e.realm.0.to_vec();
    diesel::update(accounts::table.find((key.clone(), id.0.to_vec()))).set(set).execute(c).await?;
    if !let_in.past.had {
        return Ok(true);
    }
    let others = accounts::table
        .filter(accounts::realm.eq(key.clone()))
        .filter(accounts::user_id.eq(e.user_id.clone()))
        .filter(accounts::id.ne(id.0.to_vec()))
        .filter(
            accounts::state
                .eq_any([AccountState::Active, AccountState::Blocked].map(|s| i32::from(s.code()))),
        );
    diesel::update(others).set(accounts::phones_came.eq(accounts::phones_came + 1)).execute(c).await?;
    if !let_in.unsettled {
        let closed =
            closings::table.filter(closings::realm.eq(key)).filter(closings::user_hash.eq(hash.0.to_vec()));
        diesel::delete(closed).execute(c).await?;
        // Blocks from the previous release are settled as well; unblocking still requires root.
        let unknown = of_user!(e.realm, e.user_id.as_str()).filter(accounts::blocked_by.like("key:%"));
        let unknown = unknown.filter(accounts::blocked_authority.is_null());
        diesel::update(unknown)
            .set(accounts::blocked_authority.eq(Authority::Root.rank()))
            .execute(c)
            .await?;
    }
    if let_in.recovered {
        let about = About::of(e.realm, id).client(e.client).user(&e.user_id).detail(Some(e.confirm.as_str()));
        append(c, &stamp.part(1), Alert::Recovered.action(), &about).await?;
    }
    Ok(true)
}

pub(crate) async fn saw_phones(c: &mut Conn, realm: RealmId, id: AccountId, came: i32) -> Answer<()> {
    let row = accounts::table.find((realm.0.to_vec(), id.0.to_vec())).filter(accounts::phones_seen.lt(came));
    diesel::update(row).set(accounts::phones_seen.eq(came)).execute(c).await?;
    Ok(())
}

/// Deletes phones that wait for a confirmation that will not come.
pub(crate) async fn drop_pending(c: &mut Conn, realm: RealmId, ids: Vec<Vec<u8>>) -> Answer<()> {
    let pending = accounts::table
        .filter(accounts::realm.eq(realm.0.to_vec()))
        .filter(accounts::id.eq_any(ids))
        .filter(accounts::state.eq(i32::from(AccountState::Pending.code())));
    diesel::update(pending)
        .set(accounts::state.eq(i32::from(AccountState::Deleted.code())))
        .execute(c)
        .await?;
    Ok(())
}

/// Changes the state if it is still `from`; returns whether it was.
pub(crate) async fn set_state(
    c: &mut Conn,
    realm: RealmId,
    id: AccountId,
    from: AccountState,
    to: AccountState,
) -> Answer<bool> {
    let row = accounts::table
        .find((realm.0.to_vec(), id.0.to_vec()))
        .filter(accounts::state.eq(i32::from(from.code())));
    Ok(diesel::update(row).set(accounts::state.eq(i32::from(to.code()))).execute(c).await? == 1)
}

pub(crate) async fn change(
    c: &mut Conn,
    account: &Account,
    to: AccountState,
    hash: UserHash,
    stamp: &Stamp,
) -> Answer<Option<Vec<LoginId>>> {
    let (realm, id) = (account.realm, account.id);
    // Letting a phone in locks the user, too, so it is not judged by what is changing here.
    users::hold(c, realm, &account.user_id).await?;
    // The request was also judged by who blocked the account, so that must still be the same.
    let there = held(c, realm, id).await?.is_some_and(|now| now.blocked == account.blocked);
    if !there || !set_state(c, realm, id, account.state, to).await? {
        return Ok(None);
    }
    let blocks = to == AccountState::Blocked;
    // The previous release did not store when the account became active.
    let confirmed = account
        .origin
        .confirmed_at
        .or((account.state != AccountState::Pending).then_some(account.created_at));
    let set = (
        accounts::confirmed_at.eq(confirmed.map(millis)),
        accounts::blocked_by.eq(blocks.then(|| stamp.who.actor.text())),
        accounts::blocked_authority.eq(blocks.then(|| stamp.who.authority().rank())),
    );
    diesel::update(accounts::table.find((realm.0.to_vec(), id.0.to_vec()))).set(set).execute(c).await?;
    if to == AccountState::Active {
        let of_this = closings::table
            .filter(closings::realm.eq(realm.0.to_vec()))
            .filter(closings::user_hash.eq(hash.0.to_vec()));
        diesel::delete(of_this.filter(closings::account.eq(id.0.to_vec()))).execute(c).await?;
    } else if account.state != AccountState::Pending {
        close(c, realm, hash, id.0, stamp).await?;
    }
    let by = if to == AccountState::Blocked { EndedBy::AccountBlocked } else { EndedBy::AccountDeleted };
    let ended = if to == AccountState::Active {
        Vec::new()
    } else {
        logins::end_all(c, realm, id, by, stamp).await?
    };
    if to == AccountState::Deleted {
        enrolments::cancel_of_account(c, realm, id).await?;
        factors::forget(c, realm, id).await?;
    }
    let about = About { client: account.origin.client, ..About::of(realm, id).user(&account.user_id) };
    append(
        c,
        stamp,
        &format!("account.{to}"),
        &about.detail(changed("state", account.state.as_str(), to.as_str())),
    )
    .await?;
    Ok(Some(ended))
}

pub(crate) async fn rename(
    c: &mut Conn,
    realm: RealmId,
    id: AccountId,
    device: &str,
    stamp: &Stamp,
) -> Answer<bool> {
    let Some(account) = get(c, realm, id).await? else { return Ok(false) };
    if account.device == device {
        return Ok(true);
    }
    let row = accounts::table.find((realm.0.to_vec(), id.0.to_vec()));
    let renamed = diesel::update(row).set(accounts::device.eq(device.to_owned())).execute(c).await? == 1;
    if renamed {
        let about = About { client: account.origin.client, ..About::of(realm, id).user(account.user_id) };
        append(c, stamp, "account.renamed", &about.detail(changed("device", &account.device, device)))
            .await?;
    }
    Ok(renamed)
}

pub(crate) async fn note_app_version(
    c: &mut Conn,
    realm: RealmId,
    id: AccountId,
    version: Option<String>,
) -> Answer<()> {
    let row = accounts::table.find((realm.0.to_vec(), id.0.to_vec()));
    diesel::update(row).set(accounts::app_version.eq(version)).execute(c).await?;
    Ok(())
}
