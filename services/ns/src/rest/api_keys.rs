//! API keys.

use crate::auth::{Caller, Keys};
use actix_web::{HttpResponse, web};
use countersign_actors_ns::Realms;
use countersign_api::{ApiKey as Dto, ChangeApiKey, List, NewApiKey, RotateApiKey, Sensitive, limits};
use countersign_domain_ns::{
    api_key::{ApiKey, write},
    grant::{NotGranted, Wish},
    handles::{ApiKeys, Clients, Rotation},
    ports::KeyQuery,
    text as rules,
};
use countersign_edge::{
    problem::ApiProblem,
    rest::{
        paging::{PageTokens, limit},
        times::rfc3339,
    },
};
use countersign_protocol::ids::{ClientId, RealmId};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Body, no_content, optional, text};
use crate::scope;

/// Longest life of a key: ten years. A longer one is taken for a typing mistake.
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
        unknown_maker: key.lineage.is_none(),
        secret,
    }
}

/// Resolves the realm the new key will work in. A caller that is bound to a realm makes keys for
/// that realm only.
async fn place(caller: &Caller, realms: &Realms, new: &NewApiKey) -> Result<Option<RealmId>, ApiProblem> {
    let Some(name) = &new.realm else {
        return if caller.realm.is_none() {
            Ok(None)
        } else {
            Err(ApiProblem::forbidden().because("name the realm this key may work in"))
        };
    };
    let realm = realms.by_name(name).await?.filter(|r| caller.realm.is_none_or(|mine| mine == r.realm.id));
    realm.map(|r| Some(r.realm.id)).ok_or_else(ApiProblem::not_found)
}

fn check(new: &NewApiKey) -> Result<(), ApiProblem> {
    if let Some(name) = &new.name {
        text("/name", rules::shown(name, limits::DISPLAY_NAME, false))?;
    }
    if new.expires_in.is_some_and(|s| s == 0 || s > LONGEST) {
        return Err(ApiProblem::invalid("/expires_in", format!("1 to {LONGEST} seconds")));
    }
    if new.sources.len() > limits::URLS {
        return Err(ApiProblem::invalid("/sources", format!("at most {}", limits::URLS)));
    }
    Ok(())
}

/// Converts the reason why a key or role is not granted to a problem.
pub(super) fn not_granted(why: NotGranted) -> ApiProblem {
    match why {
        NotGranted::Lacking(why) => ApiProblem::forbidden().because(why),
        NotGranted::Invalid(pointer, why) => ApiProblem::invalid(pointer, why),
    }
}

/// Resolves the names in the caller's request.
pub(super) async fn wish(
    caller: &Caller,
    realms: &Realms,
    clients: &Clients,
    new: &NewApiKey,
) -> Result<Wish, ApiProblem> {
    let realm = place(caller, realms, new).await?;
    check(new)?;
    if realm.is_none() && new.client.is_some() {
        return Err(ApiProblem::invalid("/client", "a client belongs to a realm; name it"));
    }
    let mut sources = Vec::with_capacity(new.sources.len());
    for (i, net) in new.sources.iter().enumerate() {
        sources.push(net.parse().map_err(|_| {
            ApiProblem::invalid(&format!("/sources/{i}"), "a network like 10.0.0.0/8 or 2001:db8::/32")
        })?);
    }
    let client = client(caller, clients, realm, new.client.as_deref()).await?;
    Ok(Wish { role: new.role.clone(), realm, client, name: new.name.clone(), sources, expires_at: None })
}

pub(super) async fn create(
    caller: Caller,
    realms: web::Data<Realms>,
    clients: web::Data<Clients>,
    keys: web::Data<ApiKeys>,
    new: Body<NewApiKey>,
) -> Result<HttpResponse, ApiProblem> {
    let who = caller.who_with(&new.0.0);
    let wish = wish(&caller, &realms, &clients, &new).await?;
    let made = keys.create(who, wish, new.expires_in).await?.map_err(not_granted)?;
    Ok(HttpResponse::Created().json(dto(&made.key, &realms, Some(write(&made.secret).into()))))
}

/// Finds a client by id or by name.
async fn client(
    caller: &Caller,
    clients: &Clients,
    realm: Option<RealmId>,
    text: Option<&str>,
) -> Result<Option<ClientId>, ApiProblem> {
    let (Some(text), Some(realm)) = (text, realm) else { return Ok(None) };
    let id = match text.parse() {
        Ok(id) => Some(id),
        Err(_) => clients.by_name(realm, text).await?.map(|c| c.id),
    };
    // A client's key must not learn which other clients there are.
    if caller.client.is_some_and(|mine| id != Some(mine)) {
        return Err(ApiProblem::forbidden().because("a client's key makes keys for that client only"));
    }
    id.map(Some).ok_or_else(|| ApiProblem::invalid("/client", "no such client in this realm"))
}

/// Finds a key, or a certificate, that the caller may see: of its realm, and of its client when it
/// is bound to one.
pub(super) async fn find(
    caller: &Caller,
    keys: &ApiKeys,
    path: &str,
    certificate: bool,
) -> Result<ApiKey, ApiProblem> {
    let key = keys.find(&caller.who(), scope::id(path)?).await?;
    key.filter(|key| key.certificate.is_some() == certificate).ok_or_else(ApiProblem::not_found)
}

/// The query of the list of API keys.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// Those of one role.
    role: Option<String>,
    #[serde(skip_serializing)]
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
    /// `next` of the page before.
    #[serde(skip_serializing)]
    page_token: Option<String>,
}

/// Returns a page of the keys, or of the certificates, that the caller may see, and the token of
/// the next page.
pub(super) async fn page_of(
    caller: &Caller,
    keys: &ApiKeys,
    tokens: &PageTokens,
    search: &Search,
    certificates: bool,
) -> Result<(Vec<ApiKey>, Option<String>), ApiProblem> {
    let what = if certificates { "client-certificates" } else { "api-keys" };
    let scope = (caller.realm.map(|r| r.to_string()), caller.client.map(|c| c.to_string()), search);
    let tokens = tokens.of(what, &scope);
    let after: Option<String> = tokens.read(search.page_token.as_ref())?;
    let query = KeyQuery {
        realm: caller.realm,
        client: caller.client,
        role: search.role.clone(),
        certificates: Some(certificates),
        after: after.map(|id| scope::id(&id)).transpose()?,
        limit: limit(search.limit)?,
    };
    let found = keys.list(&query).await?;
    Ok((found.items, tokens.after(found.more.map(|id| id.to_string()))))
}

/// Deletes a key or removes a certificate from the list, with immediate effect.
pub(super) async fn remove(
    caller: &Caller,
    keys: &ApiKeys,
    known: &Keys,
    path: &str,
    certificate: bool,
) -> Result<HttpResponse, ApiProblem> {
    let key = find(caller, keys, path, certificate).await?;
    keys.delete(caller.who(), &key).await?;
    known.forget();
    Ok(no_content())
}

pub(super) async fn list(
    caller: Caller,
    realms: web::Data<Realms>,
    keys: web::Data<ApiKeys>,
    tokens: web::Data<PageTokens>,
    search: web::Query<Search>,
) -> Result<HttpResponse, ApiProblem> {
    let (found, next) = page_of(&caller, &keys, &tokens, &search, false).await?;
    Ok(HttpResponse::Ok().json(List { items: found.iter().map(|k| dto(k, &realms, None)).collect(), next }))
}

pub(super) async fn get(
    caller: Caller,
    realms: web::Data<Realms>,
    keys: web::Data<ApiKeys>,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiProblem> {
    Ok(HttpResponse::Ok().json(dto(&find(&caller, &keys, &path, false).await?, &realms, None)))
}

pub(super) async fn own(
    caller: Caller,
    realms: web::Data<Realms>,
    keys: web::Data<ApiKeys>,
) -> Result<HttpResponse, ApiProblem> {
    let key = keys.own(caller.key).await?.ok_or_else(ApiProblem::unauthorized)?;
    Ok(HttpResponse::Ok().json(dto(&key, &realms, None)))
}

pub(super) async fn delete(
    caller: Caller,
    keys: web::Data<ApiKeys>,
    known: web::Data<Keys>,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiProblem> {
    remove(&caller, &keys, &known, &path, false).await
}

pub(super) async fn change(
    caller: Caller,
    realms: web::Data<Realms>,
    keys: web::Data<ApiKeys>,
    known: web::Data<Keys>,
    path: web::Path<String>,
    change: Body<ChangeApiKey>,
) -> Result<HttpResponse, ApiProblem> {
    let key = find(&caller, &keys, &path, false).await?;
    let changed = keys.change_role(caller.who(), &key, &change.role).await?.map_err(not_granted)?;
    known.forget();
    Ok(HttpResponse::Ok().json(dto(&changed, &realms, None)))
}

pub(super) async fn rotate(
    caller: Caller,
    realms: web::Data<Realms>,
    keys: web::Data<ApiKeys>,
    known: web::Data<Keys>,
    path: web::Path<String>,
    body: web::Bytes,
) -> Result<HttpResponse, ApiProblem> {
    let old = find(&caller, &keys, &path, false).await?;
    succeed(&caller, &realms, &keys, &known, &old, &body).await
}

pub(super) async fn rotate_own(
    caller: Caller,
    realms: web::Data<Realms>,
    keys: web::Data<ApiKeys>,
    known: web::Data<Keys>,
    body: web::Bytes,
) -> Result<HttpResponse, ApiProblem> {
    let old = keys.own(caller.key).await?.ok_or_else(ApiProblem::unauthorized)?;
    if old.certificate.is_some() {
        return Err(
            ApiProblem::forbidden().because("a certificate has no secret to rotate: list its successor")
        );
    }
    succeed(&caller, &realms, &keys, &known, &old, &body).await
}

async fn succeed(
    caller: &Caller,
    realms: &Realms,
    keys: &ApiKeys,
    known: &Keys,
    old: &ApiKey,
    body: &[u8],
) -> Result<HttpResponse, ApiProblem> {
    let asked: RotateApiKey = optional(body)?;
    let overlap = asked.overlap.unwrap_or(OVERLAP);
    if overlap > LONGEST_OVERLAP {
        return Err(ApiProblem::invalid("/overlap", format!("at most {LONGEST_OVERLAP} seconds")));
    }
    if asked.expires_in.is_some_and(|s| s == 0 || s > LONGEST) {
        return Err(ApiProblem::invalid("/expires_in", format!("1 to {LONGEST} seconds")));
    }
    match keys.rotate(caller.who_with(&asked), old, asked.expires_in, overlap).await? {
        Rotation::Done(made) => {
            known.forget();
            Ok(HttpResponse::Created().json(dto(&made.key, realms, Some(write(&made.secret).into()))))
        }
        Rotation::Expired => {
            Err(ApiProblem::invalid("/expires_in", "the key has expired; say how long its successor lives"))
        }
        Rotation::Missing => Err(ApiProblem::not_found()),
    }
}
