use countersign_domain_sfs::ports::Row;
use countersign_store::{StoreError, row::millis};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::schema::trail;

/// Who changed what: purged in the end.
const SECURITY: i32 = 1;

/// Appends a row. It names no object: a device is nobody's business but its owner's.
pub(super) async fn append(c: &mut Conn, row: Row) -> Result<(), StoreError> {
    let values = (
        trail::id.eq(row.id.0.to_vec()),
        trail::at.eq(millis(row.at)),
        trail::actor.eq("phone"),
        trail::action.eq(row.action),
        trail::object.eq(""),
        trail::class.eq(SECURITY),
    );
    diesel::insert_into(trail::table).values(values).execute(c).await?;
    Ok(())
}
