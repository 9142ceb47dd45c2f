use countersign_domain_sfs::{keys::SealedKeys, ports::Row};
use countersign_protocol::ids::Jkt;
use countersign_store::{
    StoreError,
    row::{At, millis, time},
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, insert_new, trail::append};
use crate::schema::key_lists;

type KeyRow = (i64, String, Vec<u8>, Vec<u8>, i64);

pub(crate) async fn newest(c: &mut Conn) -> Result<Option<SealedKeys>, StoreError> {
    let row: Option<KeyRow> = key_lists::table.order(key_lists::seq.desc()).first(c).await.optional()?;
    let Some((seq, list, kid, sealed, made_at)) = row else { return Ok(None) };
    let at = At { table: "key_lists", row: &seq.to_be_bytes() };
    let number = u64::try_from(seq).map_err(|_| at.bad("seq"))?;
    Ok(Some(SealedKeys { seq: number, list, kid: Jkt(at.fixed(&kid)?), sealed, made_at: time(made_at) }))
}

pub(crate) async fn add(c: &mut Conn, keys: &SealedKeys, row: Row) -> Result<bool, StoreError> {
    let values = (
        key_lists::seq.eq(i64::try_from(keys.seq).unwrap_or(i64::MAX)),
        key_lists::list.eq(keys.list.clone()),
        key_lists::kid.eq(keys.kid.0.to_vec()),
        key_lists::sealed.eq(keys.sealed.clone()),
        key_lists::made_at.eq(millis(keys.made_at)),
    );
    if insert_new!(c, key_lists::table, values).await? == 0 {
        return Ok(false);
    }
    append(c, row).await?;
    Ok(true)
}
