//! API keys.

use actix_web::{HttpResponse, web};
use countersign_actors::Realms;
use countersign_api::{ApiKey as Dto, List, NewApiKey, RotateApiKey, Sensitive, limits};
use countersign_domain::{
    Refused,
    api_key::{ApiKey, write},
    audit::Who,
    flows::enrolment::made_before,
    permission::{Permissions, builtin, role},
    ports::{Ports, Rotated},
    secret::Secret,
    text as rules,
};
use countersign_edge::{
    auth::{Caller, Keys},
    problem::Oops,
};
use countersign_protocol::ids::{ApiKeyId, ClientId, RealmId};

use super::{
    Body, Paging, no_content, optional,
    paging::{Tokens, limit},
    text,
};
use crate::{scope, times::rfc3339};

/// Ten years: longer lives are a typing mistake.
const LONGEST: u64 = 10 * 365 * 86_400;
const LONGEST_OVERLAP: u64 = 30 * 86_400;
const OVERLAP: u64 = 3600;

fn dto(key: &ApiKey, realms: &Realms, secret: Option<Sensitive>) -> Dto {
    let name = |id: RealmId| realms.all().into_iter().find(|r| r.id == id).map(|r| r.name);
    Dto {
        id: key.id.to_string(),
        role: key.role.clone(),
        realm: key.realm.and_then(name),
        client: key.client.map(|c| c.to_string()),
        name: key.name.clone(),
        sources: key.sources.iter().map(ToString::to_string).collect(),
        created_at: rfc3339(key.created_at),
        expires_at: key.expires_at.map(rfc3339),
        last_used_at: key.last_used_at.map(rfc3339),
        secret,
    }
}

/// The realm the new key will work in; a caller that is bound to one gives away no other.
async fn place(caller: &Caller, realms: &Realms, new: &NewApiKey) -> Result<Option<RealmId>, Oops> {
    let Some(name) = &new.realm else {
        return if caller.realm.is_none() { Ok(None) } else { Err(Oops::forbidden().because("name the realm this key may work in")) };
    };
    let realm = realms.by_name(name).await?.filter(|r| caller.realm.is_none_or(|mine| mine == r.realm.id));
    realm.map(|r| Some(r.realm.id)).ok_or_else(Oops::not_found)
}

async fn permissions(ports: &Ports, realm: Option<RealmId>, name: &str) -> Result<Permissions, Oops> {
    if let Some(permissions) = builtin(name) {
        return Ok(permissions);
    }
    let made = ports.store.roles(realm).await?.into_iter().find(|r| r.name == name);
    made.map(|r| r.permissions).ok_or_else(|| Oops::invalid("/role", "no such role here"))
}

fn check(new: &NewApiKey, realm: Option<RealmId>) -> Result<(), Oops> {
    match (new.role.as_str(), realm, &new.client) {
        (role::ROOT, Some(_), _) | (role::ROOT, _, Some(_)) => {
            return Err(Oops::invalid("/role", "a root key has neither realm nor client"));
        }
        (role::REALM_ADMIN, None, _) | (role::REALM_ADMIN, _, Some(_)) => {
            return Err(Oops::invalid("/role", "a realm-admin key takes a realm and no client"));
        }
        (role::CLIENT, None, _) | (role::CLIENT, _, None) => return Err(Oops::invalid("/role", "a client key takes a realm and a client")),
        (_, None, Some(_)) => return Err(Oops::invalid("/client", "a client belongs to a realm; name it")),
        _ => {}
    }
    if let Some(name) = &new.name {
        text("/name", rules::shown(name, limits::DISPLAY_NAME, false))?;
    }
    if new.expires_in.is_some_and(|s| s == 0 || s > LONGEST) {
        return Err(Oops::invalid("/expires_in", format!("1 to {LONGEST} seconds")));
    }
    if new.sources.len() > limits::URLS {
        return Err(Oops::invalid("/sources", format!("at most {}", limits::URLS)));
    }
    Ok(())
}

/// A new key, if the caller may give it.
pub(super) async fn allowed(
    caller: &Caller,
    realms: &Realms,
    ports: &Ports,
    new: &NewApiKey,
    (id, secret): (ApiKeyId, &Secret<32>),
) -> Result<ApiKey, Oops> {
    let realm = place(caller, realms, new).await?;
    check(new, realm)?;
    if !caller.permissions.may_give(permissions(ports, realm, &new.role).await?) {
        return Err(Oops::forbidden().because("nobody gives away permissions he does not have"));
    }
    let client = client(caller, ports, realm, new.client.as_deref()).await?;
    if let Some(mine) = caller.client
        && client != Some(mine)
    {
        return Err(Oops::forbidden().because("a client's key makes keys for that client only"));
    }
    let mut sources = Vec::with_capacity(new.sources.len());
    for (i, net) in new.sources.iter().enumerate() {
        sources.push(net.parse().map_err(|_| Oops::invalid(&format!("/sources/{i}"), "a network like 10.0.0.0/8 or 2001:db8::/32"))?);
    }
    let now = ports.now();
    Ok(ApiKey {
        name: new.name.clone(),
        client,
        sources,
        expires_at: new.expires_in.map(|s| now.plus_secs(s)),
        ..ApiKey::plain(id, secret, &new.role, realm.map(|r| (r, None)), now)
    })
}

pub(super) async fn create(
    caller: Caller,
    realms: web::Data<Realms>,
    ports: web::Data<Ports>,
    new: Body<NewApiKey>,
) -> Result<HttpResponse, Oops> {
    let who = caller.who_with(&new.0.0);
    let secret: Secret<32> = ports.random.secret();
    let key = allowed(&caller, &realms, &ports, &new, (fresh(&ports, who), &secret)).await?;
    if !ports.store.add_api_key(&key, &ports.stamp(who)).await? {
        if let Some(mark) = who.mark
            && ports.store.request(&mark.id).await?.is_some()
        {
            return Err(made_before(&ports, who).await?.into());
        }
        return Err(Oops::invalid("/client", "no such client, or role, in this realm"));
    }
    Ok(HttpResponse::Created().json(dto(&key, &realms, Some(write(&secret).into()))))
}

/// By id or by name.
async fn client(caller: &Caller, ports: &Ports, realm: Option<RealmId>, text: Option<&str>) -> Result<Option<ClientId>, Oops> {
    let (Some(text), Some(realm)) = (text, realm) else { return Ok(None) };
    let id = match text.parse() {
        Ok(id) => Some(id),
        Err(_) => ports.store.client_by_name(realm, text).await?.map(|c| c.id),
    };
    // A client's key does not learn which other clients there are.
    if caller.client.is_some_and(|mine| id != Some(mine)) {
        return Err(Oops::forbidden().because("a client's key makes keys for that client only"));
    }
    id.map(Some).ok_or_else(|| Oops::invalid("/client", "no such client in this realm"))
}

fn fresh(ports: &Ports, who: Who) -> ApiKeyId {
    ApiKeyId(who.mark.map_or_else(|| ports.fresh_id(), |mark| mark.id))
}

/// A key, or a certificate, that the caller administers: its realm's, and its client's when it is bound to one.
pub(super) async fn find(caller: &Caller, ports: &Ports, path: &str, certificate: bool) -> Result<ApiKey, Oops> {
    let key = ports.store.api_key(scope::id(path)?).await?.ok_or_else(Oops::not_found)?;
    let mine = caller.realm.is_none_or(|r| key.realm == Some(r)) && caller.client.is_none_or(|c| key.client == Some(c));
    if mine && key.certificate.is_some() == certificate { Ok(key) } else { Err(Oops::not_found()) }
}

/// A page of the keys, or of the certificates, that the caller administers, and how to have the next.
pub(super) async fn page_of(
    caller: &Caller,
    ports: &Ports,
    page: &Paging,
    certificates: bool,
) -> Result<(Vec<ApiKey>, Option<String>), Oops> {
    let limit = limit(page.limit)?;
    let what = if certificates { "client-certificates" } else { "api-keys" };
    let tokens = Tokens::new(ports, what, &(caller.realm.map(|r| r.to_string()), caller.client.map(|c| c.to_string())));
    let after: Option<String> = tokens.read(page.page_token.as_ref())?;
    let after = after.map(|id| scope::id(&id)).transpose()?;
    let found = ports.store.api_keys(caller.realm, caller.client, Some(certificates), after, limit).await?;
    let next = tokens.next(&found, limit, |k| k.id.to_string());
    Ok((found, next))
}

/// Deletes a key or takes a certificate off the list, at once.
pub(super) async fn remove(caller: &Caller, ports: &Ports, keys: &Keys, path: &str, certificate: bool) -> Result<HttpResponse, Oops> {
    let key = find(caller, ports, path, certificate).await?;
    if !ports.store.delete_api_key(key.id, &ports.stamp(caller.who())).await? {
        return Err(Oops::not_found());
    }
    keys.forget();
    Ok(no_content())
}

pub(super) async fn list(
    caller: Caller,
    realms: web::Data<Realms>,
    ports: web::Data<Ports>,
    page: web::Query<Paging>,
) -> Result<HttpResponse, Oops> {
    let (found, next) = page_of(&caller, &ports, &page, false).await?;
    Ok(HttpResponse::Ok().json(List { items: found.iter().map(|k| dto(k, &realms, None)).collect(), next }))
}

pub(super) async fn get(
    caller: Caller,
    realms: web::Data<Realms>,
    ports: web::Data<Ports>,
    path: web::Path<String>,
) -> Result<HttpResponse, Oops> {
    Ok(HttpResponse::Ok().json(dto(&find(&caller, &ports, &path, false).await?, &realms, None)))
}

pub(super) async fn own(caller: Caller, realms: web::Data<Realms>, ports: web::Data<Ports>) -> Result<HttpResponse, Oops> {
    let key = ports.store.api_key(caller.key).await?.ok_or_else(Oops::unauthorized)?;
    Ok(HttpResponse::Ok().json(dto(&key, &realms, None)))
}

pub(super) async fn delete(
    caller: Caller,
    ports: web::Data<Ports>,
    keys: web::Data<Keys>,
    path: web::Path<String>,
) -> Result<HttpResponse, Oops> {
    remove(&caller, &ports, &keys, &path, false).await
}

pub(super) async fn rotate(
    caller: Caller,
    realms: web::Data<Realms>,
    ports: web::Data<Ports>,
    keys: web::Data<Keys>,
    path: web::Path<String>,
    body: web::Bytes,
) -> Result<HttpResponse, Oops> {
    let old = find(&caller, &ports, &path, false).await?;
    // Rotating gives the caller the successor's secret: it must not be more than the caller is.
    if !caller.permissions.may_give(permissions(&ports, old.realm, &old.role).await?) {
        return Err(Oops::forbidden());
    }
    succeed(&caller, &realms, &ports, &keys, &old, true, &body).await
}

pub(super) async fn rotate_own(
    caller: Caller,
    realms: web::Data<Realms>,
    ports: web::Data<Ports>,
    keys: web::Data<Keys>,
    body: web::Bytes,
) -> Result<HttpResponse, Oops> {
    let old = ports.store.api_key(caller.key).await?.ok_or_else(Oops::unauthorized)?;
    if old.certificate.is_some() {
        return Err(Oops::forbidden().because("a certificate has no secret to rotate: list its successor"));
    }
    // It takes no permission, so it gives no longer life.
    succeed(&caller, &realms, &ports, &keys, &old, false, &body).await
}

async fn succeed(
    caller: &Caller,
    realms: &Realms,
    ports: &Ports,
    keys: &Keys,
    old: &ApiKey,
    may_outlive: bool,
    body: &[u8],
) -> Result<HttpResponse, Oops> {
    let asked: RotateApiKey = optional(body)?;
    let overlap = asked.overlap.unwrap_or(OVERLAP);
    if overlap > LONGEST_OVERLAP {
        return Err(Oops::invalid("/overlap", format!("at most {LONGEST_OVERLAP} seconds")));
    }
    if asked.expires_in.is_some_and(|s| s == 0 || s > LONGEST) {
        return Err(Oops::invalid("/expires_in", format!("1 to {LONGEST} seconds")));
    }
    let who = caller.who_with(&asked);
    let secret: Secret<32> = ports.random.secret();
    let now = ports.now();
    let new = ApiKey {
        id: fresh(ports, who),
        hash: secret.hash(),
        created_at: now,
        expires_at: asked.expires_in.map(|s| now.plus_secs(s)),
        last_used_at: None,
        ..old.clone()
    };
    let new = match ports.store.rotate_api_key(old.id, now.plus_secs(overlap), &new, may_outlive, &ports.stamp(who)).await? {
        Rotated::Done(new) => new,
        Rotated::Taken => return Err(made_before(ports, who).await?.into()),
        Rotated::Superseded => return Err(Refused::Superseded.into()),
        Rotated::Over => return Err(Oops::invalid("/expires_in", "the key is over; say how long its successor lives")),
        Rotated::Missing => return Err(Oops::not_found()),
    };
    keys.forget();
    Ok(HttpResponse::Created().json(dto(&new, realms, Some(write(&secret).into()))))
}
