use countersign_domain::{account::Account, user::User};
use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, Jkt, RealmId},
};
use countersign_store::StoreError;
use diesel::prelude::*;

use super::{At, millis, time};
use crate::schema::{accounts, users};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
pub(crate) struct UserRow {
    realm: Vec<u8>,
    user_id: String,
    display_name: Option<String>,
    created_at: i64,
}

impl From<&User> for UserRow {
    fn from(u: &User) -> Self {
        Self {
            realm: u.realm.0.to_vec(),
            user_id: u.user_id.clone(),
            display_name: u.display_name.clone(),
            created_at: millis(u.created_at),
        }
    }
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;
    fn try_from(r: UserRow) -> Result<Self, StoreError> {
        let realm = At { table: "users", row: &r.realm }.fixed(&r.realm)?;
        Ok(Self { realm: RealmId(realm), user_id: r.user_id, display_name: r.display_name, created_at: time(r.created_at) })
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = accounts, treat_none_as_default_value = false)]
pub(crate) struct AccountRow {
    realm: Vec<u8>,
    id: Vec<u8>,
    user_id: String,
    app: String,
    device: String,
    jkt: Vec<u8>,
    public_key: Vec<u8>,
    state: i32,
    created_at: i64,
    blocked_by: Option<String>,
    app_version: Option<String>,
}

impl From<&Account> for AccountRow {
    fn from(a: &Account) -> Self {
        Self {
            realm: a.realm.0.to_vec(),
            id: a.id.0.to_vec(),
            user_id: a.user_id.clone(),
            app: a.app.clone(),
            device: a.device.clone(),
            jkt: a.jkt.0.to_vec(),
            public_key: a.public_key.to_vec(),
            state: i32::from(a.state.code()),
            created_at: millis(a.created_at),
            blocked_by: a.blocked_by.clone(),
            app_version: a.app_version.clone(),
        }
    }
}

pub(crate) fn account_state(at: &At<'_>, code: i32) -> Result<AccountState, StoreError> {
    u16::try_from(code).ok().and_then(AccountState::from_code).ok_or_else(|| at.bad("state"))
}

impl TryFrom<AccountRow> for Account {
    type Error = StoreError;
    fn try_from(r: AccountRow) -> Result<Self, StoreError> {
        let at = At { table: "accounts", row: &r.id };
        Ok(Self {
            id: AccountId(at.fixed(&r.id)?),
            realm: RealmId(at.fixed(&r.realm)?),
            jkt: Jkt(at.fixed(&r.jkt)?),
            public_key: at.fixed(&r.public_key)?,
            state: account_state(&at, r.state)?,
            user_id: r.user_id,
            app: r.app,
            device: r.device,
            created_at: time(r.created_at),
            blocked_by: r.blocked_by,
            app_version: r.app_version,
        })
    }
}
