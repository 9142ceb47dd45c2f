//! The list of users.

use countersign_domain_ns::{
    ports::{Page, UserQuery, UserSort},
    user::User,
};
use countersign_ports::time::Time;
use countersign_protocol::ids::RealmId;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn, WALK};
use crate::{
    rows::{UserRow, millis, time},
    schema::{user_attributes, users},
};

/// Rows that are read at a time when a text is looked for.
const CHUNK: u32 = 1_000;

type Position = (Time, String);

/// The users after this position, in the order of the query, with this selection.
macro_rules! walked {
    ($realm:expr, $q:expr, $after:expr, $select:expr) => {{
        let mut query = users::table.filter(users::realm.eq($realm.0.to_vec())).select($select).into_boxed();
        if let Some((created, id)) = $after {
            let (created, id) = (millis(*created), id.clone());
            // The first filter is what an index is entered by.
            query = match ($q.sort, $q.descending) {
                (UserSort::UserId, false) => query.filter(users::user_id.gt(id)),
                (UserSort::UserId, true) => query.filter(users::user_id.lt(id)),
                (UserSort::CreatedAt, false) => query
                    .filter(users::created_at.ge(created))
                    .filter(users::created_at.gt(created).or(users::user_id.gt(id))),
                (UserSort::CreatedAt, true) => query
                    .filter(users::created_at.le(created))
                    .filter(users::created_at.lt(created).or(users::user_id.lt(id))),
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

/// The last user that a page may look at, if there are more.
async fn last_of_walk(c: &mut Conn, realm: RealmId, q: &UserQuery) -> Answer<Option<Position>> {
    let last = walked!(realm, q, &q.after, (users::created_at, users::user_id)).offset(WALK - 1);
    let last: Option<(i64, String)> = last.first(c).await.optional()?;
    Ok(last.map(|(created, id)| (time(created), id)))
}

pub(crate) async fn list(c: &mut Conn, realm: RealmId, q: &UserQuery) -> Answer<Page<User, Position>> {
    let few = match &q.attribute {
        Some((name, value)) => few_have(c, realm, name, value).await?,
        None => false,
    };
    let whole = !few && (q.text.is_some() || q.attribute.is_some());
    let last = if whole { last_of_walk(c, realm, q).await? } else { None };
    let Some(text) = &q.text else {
        let found = some(c, realm, q, (&q.after, &last), few, q.limit).await?;
        return Ok(Page::new(found, q.limit, position, last));
    };
    // Databases differ in what they take for the same letter, so the text is looked for here.
    let (text, mut found, mut after) = (text.to_lowercase(), Vec::new(), q.after.clone());
    loop {
        let chunk = some(c, realm, q, (&after, &last), few, CHUNK).await?;
        after = chunk.last().map(position);
        let end = chunk.len() < CHUNK as usize;
        let room = q.limit as usize - found.len();
        found.extend(chunk.into_iter().filter(|u| has(u, &text)).take(room));
        if end || found.len() == q.limit as usize {
            return Ok(Page::new(found, q.limit, position, last));
        }
    }
}

fn position(user: &User) -> Position {
    (user.created_at, user.user_id.clone())
}

/// Whether the id or the name of a user has this text, which is in lower case.
fn has(user: &User, text: &str) -> bool {
    let texts = [Some(&user.user_id), user.display_name.as_ref()];
    texts.into_iter().flatten().any(|t| t.to_lowercase().contains(text))
}

/// The next users between two positions that have the attribute of the query.
async fn some(
    c: &mut Conn,
    realm: RealmId,
    q: &UserQuery,
    (after, last): (&Option<Position>, &Option<Position>),
    few: bool,
    limit: u32,
) -> Answer<Vec<User>> {
    let mut query = walked!(realm, q, after, UserRow::as_select()).limit(i64::from(limit));
    if let Some((created, id)) = last {
        let (created, id) = (millis(*created), id.clone());
        query = match (q.sort, q.descending) {
            (UserSort::UserId, false) => query.filter(users::user_id.le(id)),
            (UserSort::UserId, true) => query.filter(users::user_id.ge(id)),
            (UserSort::CreatedAt, false) => query
                .filter(users::created_at.le(created))
                .filter(users::created_at.lt(created).or(users::user_id.le(id))),
            (UserSort::CreatedAt, true) => query
                .filter(users::created_at.ge(created))
                .filter(users::created_at.gt(created).or(users::user_id.ge(id))),
        };
    }
    if let Some((name, value)) = &q.attribute {
        // Few users are found by the attribute, and among many users those with it are found soon.
        query = if few {
            query.filter(users::user_id.eq_any(having!(realm, name, value)))
        } else {
            let this =
                user_attributes::realm.eq(users::realm).and(user_attributes::user_id.eq(users::user_id));
            query.filter(diesel::dsl::exists(having!(realm, name, value).filter(this)))
        };
    }
    let found: Vec<UserRow> = query.load(c).await?;
    found.into_iter().map(User::try_from).collect()
}
