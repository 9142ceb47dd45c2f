use countersign_domain::audit::{Entry, Stamp};
use countersign_protocol::ids::{AuditId, RealmId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn};
use crate::{rows, schema::audit};

/// One row beside the deed it tells of.
pub(crate) async fn append(c: &mut Conn, stamp: &Stamp, realm: Option<RealmId>, action: &str, object: &str) -> Answer<()> {
    let values = (
        audit::id.eq(stamp.id.0.to_vec()),
        audit::realm.eq(realm.map(|r| r.0.to_vec())),
        audit::at.eq(rows::millis(stamp.now)),
        audit::actor.eq(stamp.actor.text()),
        audit::action.eq(action.to_owned()),
        audit::object.eq(object.to_owned()),
    );
    diesel::insert_into(audit::table).values(values).execute(c).await?;
    Ok(())
}

type Row = (Vec<u8>, Option<Vec<u8>>, i64, String, String, String);

pub(crate) async fn newest(c: &mut Conn, realm: Option<RealmId>, limit: i64) -> Answer<Vec<Entry>> {
    let mut query = audit::table.order(audit::at.desc()).limit(limit).into_boxed();
    if let Some(realm) = realm {
        query = query.filter(audit::realm.eq(realm.0.to_vec()));
    }
    let found: Vec<Row> = query.load(c).await?;
    found
        .into_iter()
        .map(|(id, realm, at, actor, action, object)| {
            let place = rows::At { table: "audit", row: &id };
            Ok(Entry {
                id: AuditId(place.fixed(&id)?),
                realm: place.fixed_option(realm.as_ref())?.map(RealmId),
                at: rows::time(at),
                actor,
                action,
                object,
            })
        })
        .collect()
}
