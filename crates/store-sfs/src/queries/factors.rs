use countersign_ports::time::Time;
use countersign_protocol::ids::{FactorId, Jkt};
use countersign_store::{
    StoreError,
    row::{At, millis},
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, lock};
use crate::schema::{devices, factors};

pub(crate) async fn owner(c: &mut Conn, factor: FactorId) -> Result<Option<Jkt>, StoreError> {
    let found: Option<Vec<u8>> =
        factors::table.find(factor.0.to_vec()).select(factors::jkt).get_result(c).await.optional()?;
    let at = At { table: "factors", row: &factor.0 };
    Ok(at.fixed_option(found.as_ref())?.map(Jkt))
}

pub(crate) async fn add(
    c: &mut Conn,
    factor: FactorId,
    jkt: &Jkt,
    most: u32,
    now: Time,
) -> Result<bool, StoreError> {
    // The device's row is locked, so that factors are counted by one transaction at a time, and a
    // device that is being deleted gets none.
    let device = devices::table.find(jkt.0.to_vec()).select(devices::version);
    let there: Option<i64> = lock!(device).get_result(c).await.optional()?;
    let has: i64 = factors::table.filter(factors::jkt.eq(jkt.0.to_vec())).count().get_result(c).await?;
    if there.is_none() || has >= i64::from(most) {
        return Ok(false);
    }
    let values = (
        factors::factor.eq(factor.0.to_vec()),
        factors::jkt.eq(jkt.0.to_vec()),
        factors::created_at.eq(millis(now)),
    );
    diesel::insert_into(factors::table).values(values).execute(c).await?;
    Ok(true)
}

pub(super) async fn drop_of(c: &mut Conn, jkt: &Jkt) -> Result<usize, StoreError> {
    Ok(diesel::delete(factors::table.filter(factors::jkt.eq(jkt.0.to_vec()))).execute(c).await?)
}
