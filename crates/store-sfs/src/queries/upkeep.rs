use countersign_domain_sfs::ports::{COUNTERS, Evaluations, Purged, Row};
use countersign_ports::time::Time;
use countersign_store::{StoreError, row::millis};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, trail::append};
use crate::{
    schema::{counters, devices, factors, limits, trail},
    store::counter_name,
};

/// Rows deleted in one transaction, so that other writers need not wait long.
const BATCH: i64 = 500;

pub(crate) async fn evaluations(c: &mut Conn) -> Result<Evaluations, StoreError> {
    let names: Vec<_> = (0..COUNTERS).map(counter_name).collect();
    let found: Vec<(String, i64)> = counters::table.filter(counters::name.eq_any(names)).load(c).await?;
    let mut all = [0; COUNTERS];
    for (at, n) in all.iter_mut().enumerate() {
        let name = counter_name(at);
        *n =
            found.iter().find(|(there, _)| *there == name).map_or(0, |(_, n)| u64::try_from(*n).unwrap_or(0));
    }
    Ok(all)
}

pub(crate) async fn restored(c: &mut Conn, at_least: Evaluations, row: Row) -> Result<usize, StoreError> {
    for (at, least) in at_least.into_iter().enumerate() {
        let least = i64::try_from(least).unwrap_or(i64::MAX);
        let lower = counters::table.find(counter_name(at)).filter(counters::n.lt(least));
        diesel::update(lower).set(counters::n.eq(least)).execute(c).await?;
    }
    // Nobody knows how many tries were used after the restored state, so one is left. An evaluation
    // that was open then is over.
    let more = devices::table.filter(devices::tries_left.gt(1));
    let fewer = (
        devices::tries_left.eq(1),
        devices::open_id.eq(None::<Vec<u8>>),
        devices::open_until.eq(None::<i64>),
        devices::version.eq(devices::version + 1),
    );
    let changed = diesel::update(more).set(fewer).execute(c).await?;
    append(c, row).await?;
    Ok(changed)
}

pub(crate) async fn purge(c: &mut Conn, now: Time, unused: Time, before: Time) -> Result<Purged, StoreError> {
    let old = devices::table.filter(devices::used_at.lt(millis(unused))).order(devices::used_at);
    let old: Vec<Vec<u8>> = old.select(devices::jkt).limit(BATCH).load(c).await?;
    let gone = diesel::delete(factors::table.filter(factors::jkt.eq_any(old.clone()))).execute(c).await?;
    let devices = diesel::delete(devices::table.filter(devices::jkt.eq_any(old))).execute(c).await?;
    let over = limits::table.filter(limits::until.lt(millis(now))).order(limits::until);
    let over: Vec<Vec<u8>> = over.select(limits::key_mac).limit(BATCH).load(c).await?;
    let limits = diesel::delete(limits::table.filter(limits::key_mac.eq_any(over))).execute(c).await?;
    let past = trail::table.filter(trail::at.lt(millis(before))).filter(trail::class.eq(1));
    let past: Vec<Vec<u8>> = past.order(trail::at).select(trail::id).limit(BATCH).load(c).await?;
    let rows = diesel::delete(trail::table.filter(trail::id.eq_any(past))).execute(c).await?;
    Ok(Purged { devices, factors: gone, limits, rows })
}
