//! API keys.

use actix_web::{HttpResponse, web};
use countersign_actors::Realms;
use countersign_api::{ApiKey as Dto, KeyRole, List, NewApiKey, Object, Sensitive};
use countersign_domain::{
    api_key::{ApiKey, Role, write},
    ports::Ports,
    secret::Secret,
};
use countersign_edge::{
    auth::{Caller, Keys},
    problem::Oops,
};
use countersign_protocol::ids::{ApiKeyId, ClientId, RealmId};

use super::no_content;
use crate::{scope, times::rfc3339};

/// Ten years: longer lives are a typing mistake.
const LONGEST: u64 = 10 * 365 * 86_400;

fn dto(key: &ApiKey, realms: &Realms, secret: Option<Sensitive>) -> Dto {
    let (role, realm, client) = match key.role {
        Role::Root => (KeyRole::Root, None, None),
        Role::RealmAdmin(realm) => (KeyRole::RealmAdmin, Some(realm), None),
        Role::Client(realm, client) => (KeyRole::Client, Some(realm), Some(client)),
    };
    let name = |id: RealmId| realms.all().into_iter().find(|r| r.id == id).map(|r| r.name);
    Dto {
        id: key.id.to_string(),
        role,
        realm: realm.and_then(name),
        client: client.map(|c| c.to_string()),
        created_at: rfc3339(key.created_at),
        expires_at: key.expires_at.map(rfc3339),
        secret,
    }
}

async fn role(caller: &Caller, realms: &Realms, new: &NewApiKey) -> Result<Role, Oops> {
    let realm = match &new.realm {
        Some(name) => Some(scope::realm_for_admin(realms, name, caller).await?.realm.id),
        None => None,
    };
    match (new.role, realm, &new.client) {
        (KeyRole::Root, None, None) => caller.root().map(|()| Role::Root),
        (KeyRole::RealmAdmin, Some(realm), None) => Ok(Role::RealmAdmin(realm)),
        (KeyRole::Client, Some(realm), Some(client)) => {
            let id: ClientId = client.parse().map_err(|_| Oops::invalid("/client", "not a client id"))?;
            Ok(Role::Client(realm, id))
        }
        (KeyRole::Root, ..) => Err(Oops::invalid("/role", "a root key has neither realm nor client")),
        (KeyRole::RealmAdmin, ..) => Err(Oops::invalid("/role", "a realm-admin key takes a realm and no client")),
        (KeyRole::Client, ..) => Err(Oops::invalid("/role", "a client key takes a realm and a client")),
    }
}

pub(super) async fn create(
    caller: Caller,
    realms: web::Data<Realms>,
    ports: web::Data<Ports>,
    new: web::Json<Object<NewApiKey>>,
) -> Result<HttpResponse, Oops> {
    let role = role(&caller, &realms, &new).await?;
    if new.expires_in.is_some_and(|s| s == 0 || s > LONGEST) {
        return Err(Oops::invalid("/expires_in", format!("1 to {LONGEST} seconds")));
    }
    let secret: Secret<32> = ports.random.secret();
    let now = ports.now();
    let key = ApiKey {
        id: ApiKeyId(ports.fresh_id()),
        hash: secret.hash(),
        role,
        created_at: now,
        expires_at: new.expires_in.map(|s| now.plus_secs(s)),
    };
    if !ports.store.add_api_key(&key, &ports.stamp(caller.actor())).await? {
        return Err(Oops::invalid("/client", "no such client in this realm"));
    }
    Ok(HttpResponse::Created().json(dto(&key, &realms, Some(write(&secret).into()))))
}

/// The realm whose keys the caller administers; `None` is all of them.
fn administers(caller: &Caller) -> Result<Option<RealmId>, Oops> {
    match caller.role {
        Role::Root => Ok(None),
        Role::RealmAdmin(realm) => Ok(Some(realm)),
        Role::Client(..) => Err(Oops::forbidden()),
    }
}

pub(super) async fn list(caller: Caller, realms: web::Data<Realms>, ports: web::Data<Ports>) -> Result<HttpResponse, Oops> {
    let keys = ports.store.api_keys(administers(&caller)?).await?;
    Ok(HttpResponse::Ok().json(List { items: keys.iter().map(|k| dto(k, &realms, None)).collect() }))
}

pub(super) async fn delete(
    caller: Caller,
    ports: web::Data<Ports>,
    keys: web::Data<Keys>,
    path: web::Path<String>,
) -> Result<HttpResponse, Oops> {
    let mine = administers(&caller)?;
    let id: ApiKeyId = scope::id(&path)?;
    let key = ports.store.api_key(id).await?.ok_or_else(Oops::not_found)?;
    let inside = match (mine, key.role) {
        (None, _) => true,
        (Some(realm), Role::RealmAdmin(r) | Role::Client(r, _)) => r == realm,
        (Some(_), Role::Root) => false,
    };
    if !inside || !ports.store.delete_api_key(id, &ports.stamp(caller.actor())).await? {
        return Err(Oops::not_found());
    }
    keys.forget();
    Ok(no_content())
}
