use countersign_domain::{audit::Stamp, client::Client};
use countersign_protocol::ids::{ClientId, RealmId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn, audit, insert_new};
use crate::{
    rows::ClientRow,
    schema::{api_keys, clients},
};

pub(crate) async fn add(c: &mut Conn, client: &Client, stamp: &Stamp) -> Answer<bool> {
    let added = insert_new!(c, clients::table, ClientRow::new(client)?).await? == 1;
    if added {
        audit::append(c, stamp, Some(client.realm), "client.created", &client.id.to_string()).await?;
    }
    Ok(added)
}

pub(crate) async fn get(c: &mut Conn, realm: RealmId, id: ClientId) -> Answer<Option<Client>> {
    let row: Option<ClientRow> =
        clients::table.find((realm.0.to_vec(), id.0.to_vec())).select(ClientRow::as_select()).first(c).await.optional()?;
    row.map(Client::try_from).transpose()
}

pub(crate) async fn list(c: &mut Conn, realm: RealmId) -> Answer<Vec<Client>> {
    let found: Vec<ClientRow> =
        clients::table.filter(clients::realm.eq(realm.0.to_vec())).order(clients::name).select(ClientRow::as_select()).load(c).await?;
    found.into_iter().map(Client::try_from).collect()
}

pub(crate) async fn delete(c: &mut Conn, realm: RealmId, id: ClientId, stamp: &Stamp) -> Answer<bool> {
    let gone = diesel::delete(clients::table.find((realm.0.to_vec(), id.0.to_vec()))).execute(c).await? == 1;
    if gone {
        diesel::delete(api_keys::table.filter(api_keys::client.eq(id.0.to_vec()))).execute(c).await?;
        audit::append(c, stamp, Some(realm), "client.deleted", &id.to_string()).await?;
    }
    Ok(gone)
}
