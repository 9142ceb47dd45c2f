use countersign_domain_sfs::{
    device::{Device, EvaluationId, Pin, RecordId},
    limits::Gate,
    ports::{Row, Written, counter_of},
};
use countersign_pin::server::SeedId;
use countersign_protocol::{codes::PinState, ids::Jkt};
use countersign_store::{
    StoreError,
    row::{At, millis, time},
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, factors, insert_new, limits::pass, trail::append};
use crate::{
    schema::{counters, devices},
    store::{OwnedChange, counter_name},
};

/// A row of `devices` without its key.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = devices, treat_none_as_null = true)]
struct DeviceRow {
    version: i64,
    record: Vec<u8>,
    seed: Vec<u8>,
    sealed: Vec<u8>,
    state: i32,
    tries_left: i32,
    try_after: i64,
    open_id: Option<Vec<u8>>,
    open_until: Option<i64>,
    created_at: i64,
    used_at: i64,
}

impl From<&Device> for DeviceRow {
    fn from(d: &Device) -> Self {
        Self {
            version: i64::try_from(d.version).unwrap_or(i64::MAX),
            record: d.pin.record.0.to_vec(),
            seed: d.pin.seed.0.to_vec(),
            sealed: d.pin.sealed.clone(),
            state: i32::from(d.state.code()),
            tries_left: i32::try_from(d.tries_left).unwrap_or(i32::MAX),
            try_after: millis(d.try_after),
            open_id: d.open.map(|(id, _)| id.0.to_vec()),
            open_until: d.open.map(|(_, until)| millis(until)),
            created_at: millis(d.created_at),
            used_at: millis(d.used_at),
        }
    }
}

fn device(jkt: &Jkt, row: DeviceRow) -> Result<Device, StoreError> {
    let at = At { table: "devices", row: &jkt.0 };
    let open_id = at.fixed_option(row.open_id.as_ref())?.map(EvaluationId);
    let state = u16::try_from(row.state).ok().and_then(PinState::from_code);
    Ok(Device {
        jkt: *jkt,
        version: u64::try_from(row.version).map_err(|_| at.bad("version"))?,
        pin: Pin {
            record: RecordId(at.fixed(&row.record)?),
            seed: SeedId(at.fixed(&row.seed)?),
            sealed: row.sealed,
        },
        state: state.filter(|s| *s != PinState::None).ok_or_else(|| at.bad("state"))?,
        tries_left: u32::try_from(row.tries_left).map_err(|_| at.bad("tries_left"))?,
        try_after: time(row.try_after),
        open: open_id.zip(row.open_until.map(time)),
        created_at: time(row.created_at),
        used_at: time(row.used_at),
    })
}

pub(crate) async fn get(c: &mut Conn, jkt: &Jkt) -> Result<Option<Device>, StoreError> {
    let found = devices::table.find(jkt.0.to_vec()).select(DeviceRow::as_select());
    let row: Option<DeviceRow> = found.get_result(c).await.optional()?;
    row.map(|row| device(jkt, row)).transpose()
}

/// Whether there is any device.
pub(crate) async fn any(c: &mut Conn) -> Result<bool, StoreError> {
    let one: Option<Vec<u8>> = devices::table.select(devices::jkt).first(c).await.optional()?;
    Ok(one.is_some())
}

pub(crate) async fn add(c: &mut Conn, new: &Device, gate: Gate, row: Row) -> Result<Written, StoreError> {
    let values = (devices::jkt.eq(new.jkt.0.to_vec()), DeviceRow::from(new));
    if insert_new!(c, devices::table, values).await? == 0 {
        return Ok(Written::Stale);
    }
    if let Some(secs) = pass(c, gate, row.at).await? {
        diesel::delete(devices::table.find(new.jkt.0.to_vec())).execute(c).await?;
        return Ok(Written::Limited(secs));
    }
    append(c, row).await?;
    Ok(Written::Done)
}

pub(crate) async fn change(c: &mut Conn, change: &OwnedChange) -> Result<Written, StoreError> {
    let jkt = &change.to.jkt;
    // The gate comes first: a shut one leaves the device as it is.
    if let Some(gate) = change.gate
        && let Some(secs) = pass(c, gate, change.now).await?
    {
        return Ok(Written::Limited(secs));
    }
    let as_it_was = devices::version.eq(i64::try_from(change.from).unwrap_or(i64::MAX));
    let update = diesel::update(devices::table.find(jkt.0.to_vec()).filter(as_it_was));
    if update.set(DeviceRow::from(&change.to)).execute(c).await? == 0 {
        return Ok(Written::Stale);
    }
    if change.evaluation {
        let counter = counters::table.find(counter_name(counter_of(jkt)));
        diesel::update(counter).set(counters::n.eq(counters::n + 1)).execute(c).await?;
    }
    if change.drop_factors {
        factors::drop_of(c, jkt).await?;
    }
    if let Some(row) = change.row {
        append(c, row).await?;
    }
    Ok(Written::Done)
}

pub(crate) async fn forget(c: &mut Conn, jkt: &Jkt, row: Row) -> Result<bool, StoreError> {
    if diesel::delete(devices::table.find(jkt.0.to_vec())).execute(c).await? == 0 {
        return Ok(false);
    }
    factors::drop_of(c, jkt).await?;
    append(c, row).await?;
    Ok(true)
}
