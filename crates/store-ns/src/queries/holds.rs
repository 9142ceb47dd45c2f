use countersign_domain_ns::{
    audit::{About, Stamp},
    authority::Authority,
    user::Hold,
};
use countersign_protocol::ids::RealmId;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn, insert_new, trail::append, users};
use crate::{
    rows::{At, millis, time},
    schema::holds,
};

type Row = (String, Option<String>, String, i32, i64);

fn hold(realm: RealmId, (user_id, reason, placed_by, authority, placed_at): Row) -> Answer<Hold> {
    let authority = Authority::from_rank(authority)
        .ok_or_else(|| At { table: "holds", row: user_id.as_bytes() }.bad("authority"))?;
    Ok(Hold { realm, user_id, reason, placed_by, authority, placed_at: time(placed_at) })
}

macro_rules! of_realm {
    ($realm:expr) => {
        holds::table.filter(holds::realm.eq($realm.0.to_vec())).select((
            holds::user_id,
            holds::reason,
            holds::placed_by,
            holds::authority,
            holds::placed_at,
        ))
    };
}

pub(crate) async fn add(c: &mut Conn, h: &Hold, stamp: &Stamp) -> Answer<bool> {
    // What a hold forbids locks the user, too, so it happens either before or after this.
    users::hold(c, h.realm, &h.user_id).await?;
    let values = (
        holds::realm.eq(h.realm.0.to_vec()),
        holds::user_id.eq(h.user_id.clone()),
        holds::reason.eq(h.reason.clone()),
        holds::placed_by.eq(h.placed_by.clone()),
        holds::authority.eq(h.authority.rank()),
        holds::placed_at.eq(millis(h.placed_at)),
    );
    let mut added = insert_new!(c, holds::table, values).await? == 1;
    if !added {
        let less = holds::table
            .find((h.realm.0.to_vec(), h.user_id.clone()))
            .filter(holds::authority.lt(h.authority.rank()));
        let set = (
            holds::placed_by.eq(h.placed_by.clone()),
            holds::authority.eq(h.authority.rank()),
            holds::placed_at.eq(millis(h.placed_at)),
        );
        added = diesel::update(less).set(set).execute(c).await? == 1;
        if let (true, Some(reason)) = (added, &h.reason) {
            let row = holds::table.find((h.realm.0.to_vec(), h.user_id.clone()));
            diesel::update(row).set(holds::reason.eq(reason.clone())).execute(c).await?;
        }
    }
    if added {
        append(
            c,
            stamp,
            "hold.placed",
            &About::of(h.realm, &h.user_id).user(&h.user_id).detail(h.reason.clone()),
        )
        .await?;
    }
    Ok(added)
}

pub(crate) async fn get(c: &mut Conn, realm: RealmId, user_id: &str) -> Answer<Option<Hold>> {
    let found: Option<Row> =
        of_realm!(realm).filter(holds::user_id.eq(user_id.to_owned())).get_result(c).await.optional()?;
    found.map(|row| hold(realm, row)).transpose()
}

pub(crate) async fn list(
    c: &mut Conn,
    realm: RealmId,
    after: Option<String>,
    limit: i64,
) -> Answer<Vec<Hold>> {
    let mut query = of_realm!(realm).order(holds::user_id).limit(limit).into_boxed();
    if let Some(after) = after {
        query = query.filter(holds::user_id.gt(after));
    }
    let found: Vec<Row> = query.load(c).await?;
    found.into_iter().map(|row| hold(realm, row)).collect()
}

/// Lifts a hold. False when there is none, or it was placed with more authority.
pub(crate) async fn lift(c: &mut Conn, realm: RealmId, user_id: &str, stamp: &Stamp) -> Answer<bool> {
    let mine = holds::table
        .find((realm.0.to_vec(), user_id.to_owned()))
        .filter(holds::authority.le(stamp.who.authority().rank()));
    let lifted = diesel::delete(mine).execute(c).await? == 1;
    if lifted {
        append(c, stamp, "hold.lifted", &About::of(realm, user_id).user(user_id)).await?;
    }
    Ok(lifted)
}
