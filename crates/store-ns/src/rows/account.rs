use countersign_domain_ns::{
    account::{Account, Blocked, Origin, PhonesAfter},
    authority::{Authority, Lineage},
    enrolment::Confirm,
    user::User,
};
use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, ClientId, Jkt, RealmId},
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
        Ok(Self {
            realm: RealmId(realm),
            user_id: r.user_id,
            display_name: r.display_name,
            created_at: time(r.created_at),
        })
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
    blocked_authority: Option<i32>,
    enrolled_client: Option<Vec<u8>>,
    enrolled_by: Option<String>,
    confirmed_by: Option<String>,
    confirmed_lineage: Option<Vec<u8>>,
    confirmed_at: Option<i64>,
    confirmed_way: Option<String>,
    recovered_at: Option<i64>,
    active_from: Option<i64>,
    rules_from: Option<i64>,
    phones_came: i32,
    phones_seen: i32,
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
            blocked_by: a.blocked.as_ref().map(|b| b.by.clone()),
            app_version: a.app_version.clone(),
            blocked_authority: a.blocked.as_ref().map(|b| b.authority.rank()),
            enrolled_client: a.origin.client.map(|c| c.0.to_vec()),
            enrolled_by: a.origin.enrolled_by.clone(),
            confirmed_by: a.origin.confirmed_by.clone(),
            confirmed_lineage: a.origin.confirmed_lineage.map(|l| l.0.to_vec()),
            confirmed_at: a.origin.confirmed_at.map(millis),
            confirmed_way: a.origin.way.map(|w| w.as_str().to_owned()),
            recovered_at: a.origin.recovered_at.map(millis),
            active_from: a.active_from.map(millis),
            rules_from: a.rules_from.map(millis),
            phones_came: i32::try_from(a.phones.came).unwrap_or(i32::MAX),
            phones_seen: i32::try_from(a.phones.seen).unwrap_or(i32::MAX),
        }
    }
}

pub(crate) fn account_state(at: &At<'_>, code: i32) -> Result<AccountState, StoreError> {
    u16::try_from(code).ok().and_then(AccountState::from_code).ok_or_else(|| at.bad("state"))
}

fn count(n: i32) -> u32 {
    u32::try_from(n).unwrap_or(0)
}

/// Converts a block. One by a key from before authority was stored may be root's, so it counts as
/// root's.
fn blocked(by: String, authority: Option<i32>) -> Blocked {
    let unknown = if by.starts_with("account:") { Authority::Phone } else { Authority::Root };
    Blocked { authority: authority.and_then(Authority::from_rank).unwrap_or(unknown), by }
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
            blocked: r.blocked_by.map(|by| blocked(by, r.blocked_authority)),
            app_version: r.app_version,
            active_from: r.active_from.map(time),
            rules_from: r.rules_from.map(time),
            phones: PhonesAfter { came: count(r.phones_came), seen: count(r.phones_seen) },
            origin: Origin {
                client: at.fixed_option(r.enrolled_client.as_ref())?.map(ClientId),
                enrolled_by: r.enrolled_by,
                confirmed_by: r.confirmed_by,
                confirmed_lineage: at.fixed_option(r.confirmed_lineage.as_ref())?.map(Lineage),
                confirmed_at: r.confirmed_at.map(time),
                way: r.confirmed_way.as_deref().and_then(Confirm::parse),
                recovered_at: r.recovered_at.map(time),
            },
        })
    }
}
