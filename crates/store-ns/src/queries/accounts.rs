use countersign_domain::{
    account::Account,
    audit::{About, Stamp},
    login::EndedBy,
    ports::AccountQuery,
};
use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, Jkt, LoginId, RealmId},
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn, enrolments, lock, logins, trail::append};
use crate::{
    rows::{AccountRow, millis},
    schema::accounts,
};

pub(crate) async fn add(c: &mut Conn, account: &Account) -> Answer<()> {
    diesel::insert_into(accounts::table).values(AccountRow::from(account)).execute(c).await?;
    Ok(())
}

pub(crate) async fn get(c: &mut Conn, realm: RealmId, id: AccountId) -> Answer<Option<Account>> {
    let row: Option<AccountRow> =
        accounts::table.find((realm.0.to_vec(), id.0.to_vec())).select(AccountRow::as_select()).get_result(c).await.optional()?;
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

pub(crate) async fn list(c: &mut Conn, realm: RealmId, q: &AccountQuery) -> Answer<Vec<Account>> {
    let mut query = accounts::table
        .filter(accounts::realm.eq(realm.0.to_vec()))
        .filter(accounts::state.ne(i32::from(AccountState::Deleted.code())))
        .order((accounts::created_at, accounts::id))
        .limit(i64::from(q.limit))
        .select(AccountRow::as_select())
        .into_boxed();
    if let Some(user) = &q.user_id {
        query = query.filter(accounts::user_id.eq(user.clone()));
    }
    if let Some(state) = q.state {
        query = query.filter(accounts::state.eq(i32::from(state.code())));
    }
    if let Some(app) = &q.app {
        query = query.filter(accounts::app.eq(app.clone()));
    }
    if let Some((created, id)) = q.after {
        let (created, id) = (millis(created), id.0.to_vec());
        query = query.filter(accounts::created_at.gt(created).or(accounts::created_at.eq(created).and(accounts::id.gt(id))));
    }
    let found: Vec<AccountRow> = query.load(c).await?;
    found.into_iter().map(Account::try_from).collect()
}

/// As it is until the transaction ends: whoever wants to change it waits.
async fn held(c: &mut Conn, realm: RealmId, id: AccountId) -> Answer<Option<Account>> {
    let row: Option<AccountRow> =
        lock!(accounts::table.find((realm.0.to_vec(), id.0.to_vec())).select(AccountRow::as_select())).get_result(c).await.optional()?;
    row.map(Account::try_from).transpose()
}

/// The state, which stays until the transaction ends.
pub(crate) async fn held_state(c: &mut Conn, realm: RealmId, id: AccountId) -> Answer<AccountState> {
    Ok(held(c, realm, id).await?.map_or(AccountState::Deleted, |a| a.state))
}

/// Moves the state if it is still `from`; true when it was.
pub(crate) async fn set_state(c: &mut Conn, realm: RealmId, id: AccountId, from: AccountState, to: AccountState) -> Answer<bool> {
    let row = accounts::table.find((realm.0.to_vec(), id.0.to_vec())).filter(accounts::state.eq(i32::from(from.code())));
    Ok(diesel::update(row).set(accounts::state.eq(i32::from(to.code()))).execute(c).await? == 1)
}

pub(crate) async fn change(c: &mut Conn, account: &Account, to: AccountState, stamp: &Stamp) -> Answer<Option<Vec<LoginId>>> {
    let (realm, id) = (account.realm, account.id);
    // Who blocked it is judged, too: it must still be what was judged.
    let there = held(c, realm, id).await?.is_some_and(|now| now.blocked_by == account.blocked_by);
    if !there || !set_state(c, realm, id, account.state, to).await? {
        return Ok(None);
    }
    let blocked_by = (to == AccountState::Blocked).then(|| stamp.actor.text());
    diesel::update(accounts::table.find((realm.0.to_vec(), id.0.to_vec()))).set(accounts::blocked_by.eq(blocked_by)).execute(c).await?;
    let by = if to == AccountState::Blocked { EndedBy::AccountBlocked } else { EndedBy::AccountDeleted };
    let ended = if to == AccountState::Active { Vec::new() } else { logins::end_all(c, realm, id, by, stamp).await? };
    if to == AccountState::Deleted {
        enrolments::cancel_of_account(c, realm, id).await?;
    }
    append(c, stamp, &format!("account.{to}"), &About::of(realm, id).user(&account.user_id)).await?;
    Ok(Some(ended))
}

pub(crate) async fn rename(c: &mut Conn, realm: RealmId, id: AccountId, device: &str, stamp: &Stamp) -> Answer<bool> {
    let Some(account) = get(c, realm, id).await? else { return Ok(false) };
    if account.device == device {
        return Ok(true);
    }
    let row = accounts::table.find((realm.0.to_vec(), id.0.to_vec()));
    let renamed = diesel::update(row).set(accounts::device.eq(device.to_owned())).execute(c).await? == 1;
    if renamed {
        append(c, stamp, "account.renamed", &About::of(realm, id).user(account.user_id)).await?;
    }
    Ok(renamed)
}

pub(crate) async fn note_app_version(c: &mut Conn, realm: RealmId, id: AccountId, version: Option<String>) -> Answer<()> {
    let row = accounts::table.find((realm.0.to_vec(), id.0.to_vec()));
    diesel::update(row).set(accounts::app_version.eq(version)).execute(c).await?;
    Ok(())
}
