use countersign_domain::{audit::Stamp, user::User};
use countersign_protocol::ids::RealmId;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn, audit, enrolments, insert_new};
use crate::{rows::UserRow, schema::users};

/// The largest list given at once; paging comes with a larger API.
const MANY: i64 = 1000;

/// Makes the user when it does not exist; true when it was made.
pub(crate) async fn ensure(c: &mut Conn, user: &User, stamp: &Stamp) -> Answer<bool> {
    let made = insert_new!(c, users::table, UserRow::from(user)).await? == 1;
    if made {
        audit::append(c, stamp, Some(user.realm), "user.created", &user.user_id).await?;
    }
    Ok(made)
}

pub(crate) async fn put(c: &mut Conn, user: &User, stamp: &Stamp) -> Answer<User> {
    if !ensure(c, user, stamp).await? && user.display_name.is_some() {
        let row = users::table.find((user.realm.0.to_vec(), user.user_id.clone()));
        diesel::update(row).set(users::display_name.eq(user.display_name.clone())).execute(c).await?;
        audit::append(c, stamp, Some(user.realm), "user.changed", &user.user_id).await?;
    }
    Ok(get(c, user.realm, &user.user_id).await?.unwrap_or_else(|| user.clone()))
}

pub(crate) async fn get(c: &mut Conn, realm: RealmId, user_id: &str) -> Answer<Option<User>> {
    let row: Option<UserRow> =
        users::table.find((realm.0.to_vec(), user_id.to_owned())).select(UserRow::as_select()).first(c).await.optional()?;
    row.map(User::try_from).transpose()
}

pub(crate) async fn list(c: &mut Conn, realm: RealmId) -> Answer<Vec<User>> {
    let found: Vec<UserRow> = users::table
        .filter(users::realm.eq(realm.0.to_vec()))
        .order(users::user_id)
        .limit(MANY)
        .select(UserRow::as_select())
        .load(c)
        .await?;
    found.into_iter().map(User::try_from).collect()
}

pub(crate) async fn delete(c: &mut Conn, realm: RealmId, user_id: &str, stamp: &Stamp) -> Answer<bool> {
    let gone = diesel::delete(users::table.find((realm.0.to_vec(), user_id.to_owned()))).execute(c).await? == 1;
    enrolments::cancel_of_user(c, realm, user_id).await?;
    if gone {
        audit::append(c, stamp, Some(realm), "user.deleted", user_id).await?;
    }
    Ok(gone)
}
