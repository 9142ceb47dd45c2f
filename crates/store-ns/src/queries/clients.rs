use countersign_domain_ns::{
    audit::{About, Stamp, difference},
    client::Client,
};
use countersign_protocol::ids::{ClientId, RealmId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    Answer, Conn, enrolments, insert_new, lock,
    trail::{append, done_before},
};
use crate::{
    rows::ClientRow,
    schema::{api_keys, clients},
};

fn about(realm: RealmId, id: ClientId) -> About {
    About::of(realm, id).client(id)
}

/// The members of a client that can be changed, as they appear in the trail.
fn told(c: &Client) -> serde_json::Value {
    serde_json::json!({
        "display_name": c.display_name,
        "logo": c.logo,
        "origins": c.origins,
        "return_urls": c.return_urls,
        "callback_urls": c.callback_urls,
        "templates": c.templates,
        "accepts_enrolments_of": c.accepts.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

pub(crate) async fn add(c: &mut Conn, client: &Client, stamp: &Stamp) -> Answer<bool> {
    if done_before(c, stamp).await? {
        return Ok(false);
    }
    let added = insert_new!(c, clients::table, ClientRow::new(client)?).await? == 1;
    if added {
        append(c, stamp, "client.created", &about(client.realm, client.id).detail(Some(client.name.clone())))
            .await?;
    }
    Ok(added)
}

pub(crate) async fn change(c: &mut Conn, client: &Client, stamp: &Stamp) -> Answer<bool> {
    let Some(before) = get(c, client.realm, client.id).await? else { return Ok(false) };
    let row = clients::table.find((client.realm.0.to_vec(), client.id.0.to_vec()));
    let changed = diesel::update(row).set(ClientRow::new(client)?).execute(c).await? == 1;
    if changed {
        let detail = difference(&told(&before), &told(client));
        append(c, stamp, "client.changed", &about(client.realm, client.id).detail(detail)).await?;
    }
    Ok(changed)
}

pub(crate) async fn get(c: &mut Conn, realm: RealmId, id: ClientId) -> Answer<Option<Client>> {
    let row: Option<ClientRow> = clients::table
        .find((realm.0.to_vec(), id.0.to_vec()))
        .select(ClientRow::as_select())
        .get_result(c)
        .await
        .optional()?;
    row.map(Client::try_from).transpose()
}

/// Locks the client until the transaction ends; returns whether it exists.
pub(crate) async fn hold(c: &mut Conn, realm: RealmId, id: ClientId) -> Answer<bool> {
    let row = clients::table.find((realm.0.to_vec(), id.0.to_vec())).select(clients::id);
    let there: Option<Vec<u8>> = lock!(row).get_result(c).await.optional()?;
    Ok(there.is_some())
}

pub(crate) async fn by_name(c: &mut Conn, realm: RealmId, name: &str) -> Answer<Option<Client>> {
    let row: Option<ClientRow> = clients::table
        .filter(clients::realm.eq(realm.0.to_vec()))
        .filter(clients::name.eq(name.to_owned()))
        .select(ClientRow::as_select())
        .get_result(c)
        .await
        .optional()?;
    row.map(Client::try_from).transpose()
}

pub(crate) async fn list(
    c: &mut Conn,
    realm: RealmId,
    after: Option<String>,
    limit: i64,
) -> Answer<Vec<Client>> {
    let mut query = clients::table
        .filter(clients::realm.eq(realm.0.to_vec()))
        .order(clients::name)
        .limit(limit)
        .select(ClientRow::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(clients::name.gt(after));
    }
    let found: Vec<ClientRow> = query.load(c).await?;
    found.into_iter().map(Client::try_from).collect()
}

pub(crate) async fn delete(c: &mut Conn, realm: RealmId, id: ClientId, stamp: &Stamp) -> Answer<bool> {
    // Making or rotating a key locks the client, too, so no key can be made that this does not
    // delete.
    hold(c, realm, id).await?;
    let name = get(c, realm, id).await?.map(|c| c.name);
    let gone = diesel::delete(clients::table.find((realm.0.to_vec(), id.0.to_vec()))).execute(c).await? == 1;
    if gone {
        diesel::delete(api_keys::table.filter(api_keys::client.eq(id.0.to_vec()))).execute(c).await?;
        enrolments::cancel_of_client(c, realm, id).await?;
        append(c, stamp, "client.deleted", &about(realm, id).detail(name)).await?;
    }
    Ok(gone)
}
