use countersign_domain_ns::client::Client;
use countersign_protocol::ids::{ClientId, RealmId};
use countersign_store::StoreError;
use diesel::prelude::*;

use super::{At, millis, time};
use crate::schema::clients;

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = clients, treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct ClientRow {
    realm: Vec<u8>,
    id: Vec<u8>,
    name: String,
    display_name: String,
    origins: String,
    return_urls: String,
    created_at: i64,
    logo: Option<String>,
    callback_urls: String,
    templates: String,
    accepts: Option<String>,
    second_factor: Option<String>,
}

impl ClientRow {
    pub(crate) fn new(c: &Client) -> Result<Self, StoreError> {
        let list = |urls: &Vec<String>| {
            serde_json::to_string(urls).map_err(|_| At { table: "clients", row: &c.id.0 }.bad("URLs"))
        };
        Ok(Self {
            realm: c.realm.0.to_vec(),
            id: c.id.0.to_vec(),
            name: c.name.clone(),
            display_name: c.display_name.clone(),
            origins: list(&c.origins)?,
            return_urls: list(&c.return_urls)?,
            created_at: millis(c.created_at),
            logo: c.logo.clone(),
            callback_urls: list(&c.callback_urls)?,
            accepts: Some(list(&c.accepts.iter().map(ToString::to_string).collect())?),
            second_factor: c
                .second_factor
                .map(|need| serde_json::to_string(&need))
                .transpose()
                .map_err(|_| At { table: "clients", row: &c.id.0 }.bad("second_factor"))?,
            templates: serde_json::to_string(&c.templates)
                .map_err(|_| At { table: "clients", row: &c.id.0 }.bad("templates"))?,
        })
    }
}

fn accepted(json: &str) -> Option<Vec<ClientId>> {
    let ids: Vec<String> = serde_json::from_str(json).ok()?;
    ids.iter().map(|id| id.parse().ok()).collect()
}

impl TryFrom<ClientRow> for Client {
    type Error = StoreError;
    fn try_from(r: ClientRow) -> Result<Self, StoreError> {
        let at = At { table: "clients", row: &r.id };
        let list = |json: &str| serde_json::from_str(json).map_err(|_| at.bad("URLs"));
        Ok(Self {
            id: ClientId(at.fixed(&r.id)?),
            realm: RealmId(at.fixed(&r.realm)?),
            origins: list(&r.origins)?,
            return_urls: list(&r.return_urls)?,
            callback_urls: list(&r.callback_urls)?,
            templates: serde_json::from_str(&r.templates).map_err(|_| at.bad("templates"))?,
            accepts: accepted(r.accepts.as_deref().unwrap_or("[]")).ok_or_else(|| at.bad("accepts"))?,
            second_factor: r
                .second_factor
                .as_deref()
                .map(serde_json::from_str)
                .transpose()
                .map_err(|_| at.bad("second_factor"))?,
            logo: r.logo,
            name: r.name,
            display_name: r.display_name,
            created_at: time(r.created_at),
        })
    }
}
