use countersign_domain::{account::Account, audit::Stamp, login::EndedBy};
use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, Jkt, LoginId, RealmId},
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn, audit, enrolments, logins};
use crate::{rows::AccountRow, schema::accounts};

const MANY: i64 = 1000;

pub(crate) async fn add(c: &mut Conn, account: &Account) -> Answer<()> {
    diesel::insert_into(accounts::table).values(AccountRow::from(account)).execute(c).await?;
    Ok(())
}

pub(crate) async fn get(c: &mut Conn, realm: RealmId, id: AccountId) -> Answer<Option<Account>> {
    let row: Option<AccountRow> =
        accounts::table.find((realm.0.to_vec(), id.0.to_vec())).select(AccountRow::as_select()).first(c).await.optional()?;
    row.map(Account::try_from).transpose()
}

pub(crate) async fn by_jkt(c: &mut Conn, realm: RealmId, jkt: &Jkt) -> Answer<Option<Account>> {
    let row: Option<AccountRow> = accounts::table
        .filter(accounts::realm.eq(realm.0.to_vec()))
        .filter(accounts::jkt.eq(jkt.0.to_vec()))
        .select(AccountRow::as_select())
        .first(c)
        .await
        .optional()?;
    row.map(Account::try_from).transpose()
}

pub(crate) async fn list(c: &mut Conn, realm: RealmId, user_id: Option<String>) -> Answer<Vec<Account>> {
    let mut query = accounts::table
        .filter(accounts::realm.eq(realm.0.to_vec()))
        .filter(accounts::state.ne(i32::from(AccountState::Deleted.code())))
        .order(accounts::created_at)
        .limit(MANY)
        .select(AccountRow::as_select())
        .into_boxed();
    if let Some(user) = user_id {
        query = query.filter(accounts::user_id.eq(user));
    }
    let found: Vec<AccountRow> = query.load(c).await?;
    found.into_iter().map(Account::try_from).collect()
}

pub(crate) async fn state(c: &mut Conn, realm: RealmId, id: AccountId) -> Answer<AccountState> {
    Ok(get(c, realm, id).await?.map_or(AccountState::Deleted, |a| a.state))
}

/// Moves the state if it is still `from`; true when it was.
pub(crate) async fn set_state(c: &mut Conn, realm: RealmId, id: AccountId, from: AccountState, to: AccountState) -> Answer<bool> {
    let row = accounts::table.find((realm.0.to_vec(), id.0.to_vec())).filter(accounts::state.eq(i32::from(from.code())));
    Ok(diesel::update(row).set(accounts::state.eq(i32::from(to.code()))).execute(c).await? == 1)
}

pub(crate) async fn change(
    c: &mut Conn,
    realm: RealmId,
    id: AccountId,
    from: AccountState,
    to: AccountState,
    stamp: &Stamp,
) -> Answer<Option<Vec<LoginId>>> {
    if !set_state(c, realm, id, from, to).await? {
        return Ok(None);
    }
    let by = if to == AccountState::Blocked { EndedBy::AccountBlocked } else { EndedBy::AccountDeleted };
    let ended = if to == AccountState::Active { Vec::new() } else { logins::end_all(c, realm, id, by, stamp).await? };
    if to == AccountState::Deleted {
        enrolments::cancel_of_account(c, realm, id).await?;
    }
    audit::append(c, stamp, Some(realm), &format!("account.{to}"), &id.to_string()).await?;
    Ok(Some(ended))
}
