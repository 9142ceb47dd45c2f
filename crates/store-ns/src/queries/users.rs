use countersign_domain_ns::{
    audit::{About, Stamp, changed},
    user::User,
};
use countersign_protocol::ids::RealmId;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn, attributes, enrolments, holds, insert_new, lock, trail::append};
use crate::{rows::UserRow, schema::users};

fn about(realm: RealmId, user_id: &str) -> About {
    About::of(realm, user_id).user(user_id)
}

pub(crate) async fn put(c: &mut Conn, user: &User, stamp: &Stamp) -> Answer<User> {
    let before = get(c, user.realm, &user.user_id).await?.and_then(|u| u.display_name);
    if insert_new!(c, users::table, UserRow::from(user)).await? == 1 {
        append(c, stamp, "user.created", &about(user.realm, &user.user_id)).await?;
    } else if user.display_name.is_some() {
        let row = users::table.find((user.realm.0.to_vec(), user.user_id.clone()));
        diesel::update(row).set(users::display_name.eq(user.display_name.clone())).execute(c).await?;
        let detail = changed("display_name", before, user.display_name.as_ref());
        append(c, stamp, "user.changed", &about(user.realm, &user.user_id).detail(detail)).await?;
    }
    Ok(get(c, user.realm, &user.user_id).await?.unwrap_or_else(|| user.clone()))
}

pub(crate) async fn get(c: &mut Conn, realm: RealmId, user_id: &str) -> Answer<Option<User>> {
    let row: Option<UserRow> = users::table
        .find((realm.0.to_vec(), user_id.to_owned()))
        .select(UserRow::as_select())
        .get_result(c)
        .await
        .optional()?;
    row.map(User::try_from).transpose()
}

/// Locks the user until the transaction ends; returns whether the user exists.
pub(crate) async fn hold(c: &mut Conn, realm: RealmId, user_id: &str) -> Answer<bool> {
    let row = users::table.find((realm.0.to_vec(), user_id.to_owned())).select(users::user_id);
    let there: Option<String> = lock!(row).get_result(c).await.optional()?;
    Ok(there.is_some())
}

/// Deletes a user. `None` when the user is under a legal hold.
pub(crate) async fn delete(
    c: &mut Conn,
    realm: RealmId,
    user_id: &str,
    stamp: &Stamp,
) -> Answer<Option<bool>> {
    hold(c, realm, user_id).await?;
    if holds::get(c, realm, user_id).await?.is_some() {
        return Ok(None);
    }
    let gone =
        diesel::delete(users::table.find((realm.0.to_vec(), user_id.to_owned()))).execute(c).await? == 1;
    attributes::delete_all(c, realm, user_id).await?;
    enrolments::cancel_of_user(c, realm, user_id).await?;
    if gone {
        append(c, stamp, "user.deleted", &about(realm, user_id)).await?;
    }
    Ok(Some(gone))
}
