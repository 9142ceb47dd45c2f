use countersign_domain_sfs::server::SealedServer;
use countersign_ports::identity::SealedKey;
use countersign_protocol::ids::{AuditId, KeyId, ServerId};
use countersign_store::{
    StoreError,
    row::{At, millis, time},
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, insert_new};
use crate::schema::{server, server_keys, trail};

/// The key of the one row.
const ONE: i32 = 1;
/// The class of trail rows that are kept forever.
const ALWAYS: i32 = 3;

type KeyRow = (Vec<u8>, i64, Vec<u8>, Vec<u8>, Vec<u8>);

fn key((key_id, epoch, public, sealed, statement): KeyRow) -> Result<SealedKey, StoreError> {
    let at = At { table: "server_keys", row: &key_id };
    Ok(SealedKey {
        key_id: KeyId(at.fixed(&key_id)?),
        epoch: u64::try_from(epoch).map_err(|_| at.bad("epoch"))?,
        public: at.fixed(&public)?,
        sealed,
        statement,
    })
}

pub(crate) async fn get(c: &mut Conn) -> Result<Option<SealedServer>, StoreError> {
    let columns = (server::id, server::created_at, server::root_pin, server::sealed_root);
    let row: Option<(Vec<u8>, i64, Vec<u8>, Option<Vec<u8>>)> =
        server::table.find(ONE).select(columns).get_result(c).await.optional()?;
    let Some((id, created_at, root_pin, sealed_root)) = row else { return Ok(None) };
    let of_key = (
        server_keys::key_id,
        server_keys::epoch,
        server_keys::public_key,
        server_keys::sealed,
        server_keys::statement,
    );
    let in_use =
        server_keys::table.filter(server_keys::retired_at.is_null()).order(server_keys::epoch.desc());
    let keys: Vec<KeyRow> = in_use.select(of_key).load(c).await?;
    let at = At { table: "server", row: &id };
    Ok(Some(SealedServer {
        id: ServerId(at.fixed(&id)?),
        created_at: time(created_at),
        root_pin: at.fixed(&root_pin)?,
        sealed_root,
        keys: keys.into_iter().map(key).collect::<Result<_, _>>()?,
    }))
}

/// Stores the server's identity and keys, unless one is stored already; returns whether it was
/// stored.
pub(crate) async fn add(c: &mut Conn, new: &SealedServer, told: AuditId) -> Result<bool, StoreError> {
    let row = (
        server::one.eq(ONE),
        server::id.eq(new.id.0.to_vec()),
        server::created_at.eq(millis(new.created_at)),
        server::root_pin.eq(new.root_pin.to_vec()),
        server::sealed_root.eq(new.sealed_root.clone()),
    );
    if insert_new!(c, server::table, row).await? == 0 {
        return Ok(false);
    }
    for key in &new.keys {
        let row = (
            server_keys::key_id.eq(key.key_id.0.to_vec()),
            server_keys::epoch.eq(i64::try_from(key.epoch).unwrap_or(i64::MAX)),
            server_keys::public_key.eq(key.public.to_vec()),
            server_keys::sealed.eq(key.sealed.clone()),
            server_keys::statement.eq(key.statement.clone()),
        );
        diesel::insert_into(server_keys::table).values(row).execute(c).await?;
    }
    let row = (
        trail::id.eq(told.0.to_vec()),
        trail::at.eq(millis(new.created_at)),
        trail::actor.eq("system"),
        trail::action.eq("server.created"),
        trail::object.eq(new.id.to_string()),
        trail::class.eq(ALWAYS),
    );
    diesel::insert_into(trail::table).values(row).execute(c).await?;
    Ok(true)
}
