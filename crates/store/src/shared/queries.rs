//! The query body for the shared tables. Times are milliseconds since 1970.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, ORDER_TRAIL, insert_new, lock};
use crate::{
    StoreError,
    shared::schema::{counters, requests, trail},
};

/// Maximum number of trail rows that are numbered in one transaction.
const ORDER: u32 = 2000;
/// Maximum number of requests deleted in one transaction, so that other writers need not wait long.
const BATCH: i64 = 500;

/// Whether the trail has rows that are not numbered yet.
///
/// # Errors
/// Errors of the database.
pub async fn is_unordered(c: &mut Conn) -> Result<bool, StoreError> {
    let one: Option<Vec<u8>> =
        trail::table.filter(trail::seq.is_null()).select(trail::id).first(c).await.optional()?;
    Ok(one.is_some())
}

/// Numbers committed rows of the trail, one orderer at a time, and returns how many it numbered.
/// Rows that are committed later get higher numbers, so a reader that has read up to a number has
/// missed nothing. A number drawn while writing could not guarantee that, because writers commit in
/// any order.
///
/// # Errors
/// Errors of the database.
pub async fn order(c: &mut Conn) -> Result<usize, StoreError> {
    let last: i64 = lock!(counters::table.find("trail").select(counters::n)).get_result(c).await?;
    let numbering = ORDER_TRAIL.replace("{last}", &last.to_string()).replace("{most}", &ORDER.to_string());
    let ordered = diesel::sql_query(numbering).execute(c).await?;
    let now = last.saturating_add(i64::try_from(ordered).unwrap_or(0));
    diesel::update(counters::table.find("trail")).set(counters::n.eq(now)).execute(c).await?;
    Ok(ordered)
}

/// The hash of the body of the keyed request with this id, if one has been served.
///
/// # Errors
/// Errors of the database.
pub async fn request(c: &mut Conn, id: &[u8; 16]) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(requests::table.find(id.to_vec()).select(requests::hash).get_result(c).await.optional()?)
}

/// Records that a keyed request has been served.
///
/// # Errors
/// Errors of the database.
pub async fn remember_request(
    c: &mut Conn,
    id: &[u8; 16],
    hash: &[u8; 32],
    at: i64,
) -> Result<(), StoreError> {
    let values = (requests::id.eq(id.to_vec()), requests::hash.eq(hash.to_vec()), requests::at.eq(at));
    insert_new!(c, requests::table, values).await?;
    Ok(())
}

/// Deletes requests that were served before this time, the oldest first and a batch at a time;
/// returns how many.
///
/// # Errors
/// Errors of the database.
pub async fn purge_requests(c: &mut Conn, before: i64) -> Result<usize, StoreError> {
    let old =
        requests::table.filter(requests::at.lt(before)).order(requests::at).select(requests::id).limit(BATCH);
    let old: Vec<Vec<u8>> = old.load(c).await?;
    Ok(diesel::delete(requests::table.filter(requests::id.eq_any(old))).execute(c).await?)
}

/// The oldest schema a program must know to work on this database.
///
/// # Errors
/// Errors of the database.
pub async fn oldest_schema(c: &mut Conn) -> Result<i64, StoreError> {
    Ok(counters::table.find("oldest_schema").select(counters::n).get_result(c).await?)
}

/// Raises a number that nobody reads, to try whether the database takes writes.
///
/// # Errors
/// Errors of the database.
pub async fn probe(c: &mut Conn) -> Result<(), StoreError> {
    let raise = diesel::update(counters::table.find("probe")).set(counters::n.eq(counters::n + 1));
    if raise.execute(c).await? == 0 {
        insert_new!(c, counters::table, (counters::name.eq("probe"), counters::n.eq(1))).await?;
    }
    Ok(())
}
