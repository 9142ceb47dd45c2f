use countersign_domain_ns::{
    audit::{About, Stamp, changed},
    ports::{Page, UserQuery, UserSort},
    user::User,
};
use countersign_ports::time::Time;
use countersign_protocol::ids::RealmId;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    Answer, Conn, WALK, attributes, enrolments, holds, insert_new, literal, lock, trail::append,
};
use crate::{
    rows::{UserRow, millis, time},
    schema::{user_attributes, users},
};

#[diesel::declare_sql_function]
extern "SQL" {
    fn lower(text: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

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

type Position = (Time, String);

/// The users after the position of the query, in its order, with this selection.
macro_rules! walked {
    ($realm:expr, $q:expr, $select:expr) => {{
        let mut query = users::table.filter(users::realm.eq($realm.0.to_vec())).select($select).into_boxed();
        if let Some((created, id)) = &$q.after {
            let created = millis(*created);
            query = match ($q.sort, $q.descending) {
                (UserSort::UserId, false) => query.filter(users::user_id.gt(id.clone())),
                (UserSort::UserId, true) => query.filter(users::user_id.lt(id.clone())),
                (UserSort::CreatedAt, false) => query.filter(users::created_at.ge(created)).filter(
                    users::created_at
                        .gt(created)
                        .or(users::created_at.eq(created).and(users::user_id.gt(id.clone()))),
                ),
                (UserSort::CreatedAt, true) => query.filter(users::created_at.le(created)).filter(
                    users::created_at
                        .lt(created)
                        .or(users::created_at.eq(created).and(users::user_id.lt(id.clone()))),
                ),
            };
        }
        match ($q.sort, $q.descending) {
            (UserSort::UserId, false) => query.order(users::user_id.asc()),
            (UserSort::UserId, true) => query.order(users::user_id.desc()),
            (UserSort::CreatedAt, false) => query.order((users::created_at.asc(), users::user_id.asc())),
            (UserSort::CreatedAt, true) => query.order((users::created_at.desc(), users::user_id.desc())),
        }
    }};
}

/// The users with this attribute.
macro_rules! having {
    ($realm:expr, $name:expr, $value:expr) => {
        user_attributes::table
            .filter(user_attributes::realm.eq($realm.0.to_vec()))
            .filter(user_attributes::name.eq($name.to_owned()))
            .filter(user_attributes::value.eq($value.to_owned()))
            .select(user_attributes::user_id)
    };
}

/// Whether so few users have this attribute that all of them may be looked at.
async fn few_have(c: &mut Conn, realm: RealmId, name: &str, value: &str) -> Answer<bool> {
    let one_more: Option<String> = having!(realm, name, value).offset(WALK).first(c).await.optional()?;
    Ok(one_more.is_none())
}

pub(crate) async fn list(c: &mut Conn, realm: RealmId, q: &UserQuery) -> Answer<Page<User, Position>> {
    let few = match &q.attribute {
        Some((name, value)) => few_have(c, realm, name, value).await?,
        None => false,
    };
    let last = if !few && (q.text.is_some() || q.attribute.is_some()) {
        let last = walked!(realm, q, (users::created_at, users::user_id)).offset(WALK - 1);
        let last: Option<(i64, String)> = last.first(c).await.optional()?;
        last.map(|(created, id)| (time(created), id))
    } else {
        None
    };
    let mut query = walked!(realm, q, UserRow::as_select()).limit(i64::from(q.limit));
    if let Some((created, id)) = &last {
        let created = millis(*created);
        query = match (q.sort, q.descending) {
            (UserSort::UserId, false) => query.filter(users::user_id.le(id.clone())),
            (UserSort::UserId, true) => query.filter(users::user_id.ge(id.clone())),
            (UserSort::CreatedAt, false) => query.filter(users::created_at.le(created)).filter(
                users::created_at.lt(created).or(users::user_id.le(id.clone())),
            ),
            (UserSort::CreatedAt, true) => query.filter(users::created_at.ge(created)).filter(
                users::created_at.gt(created).or(users::user_id.ge(id.clone())),
            ),
        };
    }
    if let Some(text) = &q.text {
        // Databases differ in which letters LIKE treats as equal, but not in what `lower` does to
        // ASCII.
        let like = format!("%{}%", literal(text));
        // For a display name that is NULL this half is NULL, so the other half decides.
        let shown = lower(users::display_name.assume_not_null()).like(lower(like.clone())).escape('!');
        query = query.filter(lower(users::user_id).like(lower(like)).escape('!').or(shown));
    }
    if let Some((name, value)) = &q.attribute {
        // Few users are found by the attribute, and among many users those with it are found soon.
        query = if few {
            query.filter(users::user_id.eq_any(having!(realm, name, value)))
        } else {
            let this = user_attributes::realm
                .eq(users::realm)
                .and(user_attributes::user_id.eq(users::user_id));
            query.filter(diesel::dsl::exists(having!(realm, name, value).filter(this)))
        };
    }
    let found: Vec<UserRow> = query.load(c).await?;
    let found = found.into_iter().map(User::try_from).collect::<Answer<Vec<_>>>()?;
    Ok(Page::new(found, q.limit, |u| (u.created_at, u.user_id.clone()), last))
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
