use countersign_domain_sfs::limits::Gate;
use countersign_ports::time::Time;
use countersign_store::{
    StoreError,
    row::{millis, time},
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, insert_new};
use crate::schema::limits;

/// Counts one against a gate. Returns the seconds to wait when it is shut; then nothing was counted.
pub(super) async fn pass(c: &mut Conn, gate: Gate, now: Time) -> Result<Option<u64>, StoreError> {
    if gate.limit.most == 0 {
        return Ok(None);
    }
    let most = i32::try_from(gate.limit.most).unwrap_or(i32::MAX);
    let key = gate.key.to_vec();
    let mine = limits::table.find(key.clone());
    let running = limits::until.gt(millis(now));
    // The usual case is one statement.
    let raise = diesel::update(mine.clone().filter(running).filter(limits::n.lt(most)));
    if raise.set(limits::n.eq(limits::n + 1)).execute(c).await? == 1 {
        return Ok(None);
    }
    let until = millis(now.plus_secs(gate.limit.secs));
    let fresh = (limits::key_mac.eq(key), limits::n.eq(1), limits::until.eq(until));
    if insert_new!(c, limits::table, fresh).await? == 1 {
        return Ok(None);
    }
    let over = diesel::update(mine.clone().filter(limits::until.le(millis(now))));
    if over.set((limits::n.eq(1), limits::until.eq(until))).execute(c).await? == 1 {
        return Ok(None);
    }
    // Somebody else opened the window just now, or it is full.
    if diesel::update(mine.clone().filter(limits::n.lt(most)))
        .set(limits::n.eq(limits::n + 1))
        .execute(c)
        .await?
        == 1
    {
        return Ok(None);
    }
    let end: Option<i64> = mine.select(limits::until).get_result(c).await.optional()?;
    let left = end.map_or(0, |end| now.until(time(end)));
    Ok(Some(left.div_ceil(1000).max(1)))
}
