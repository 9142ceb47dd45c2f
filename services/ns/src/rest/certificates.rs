//! Listed client certificates. Each is an API key whose secret is the certificate's private key,
//! which never leaves its holder.

use actix_web::{HttpResponse, web};
use countersign_actors_ns::Realms;
use countersign_api::{ClientCertificate as Dto, List, NewApiKey, NewClientCertificate};
use countersign_domain_ns::{
    api_key::ApiKey,
    handles::{ApiKeys, Certificate, Clients},
};
use countersign_edge::{
    certificates as edge,
    problem::ApiProblem,
    rest::{paging::PageTokens, times::rfc3339},
};
use countersign_protocol::ids::RealmId;

use super::{
    Body,
    api_keys::{Search, find, not_granted, page_of, remove, wish},
};
use crate::auth::{Caller, Keys};

fn dto(key: &ApiKey, realms: &Realms) -> Dto {
    let name = |id: RealmId| realms.all().into_iter().find(|r| r.id == id).map(|r| r.name);
    Dto {
        id: key.id.to_string(),
        fingerprint: key.certificate.iter().flatten().map(|b| format!("{b:02x}")).collect(),
        role: key.role.clone(),
        realm: key.realm.and_then(name),
        client: key.client.map(|c| c.to_string()),
        name: key.name.clone(),
        sources: key.sources.iter().map(ToString::to_string).collect(),
        created_at: rfc3339(key.created_at),
        expires_at: key.expires_at.map(rfc3339),
        last_used_at: key.last_used_at.map(rfc3339),
    }
}

pub(super) async fn create(
    caller: Caller,
    realms: web::Data<Realms>,
    clients: web::Data<Clients>,
    keys: web::Data<ApiKeys>,
    known: web::Data<Keys>,
    new: Body<NewClientCertificate>,
) -> Result<HttpResponse, ApiProblem> {
    let pem = || ApiProblem::invalid("/certificate", "one certificate in PEM");
    let edge::Certificate { der, fingerprint, not_before, not_after } =
        edge::Certificate::read(&new.certificate).ok_or_else(pem)?;
    let certificate = Certificate { der, fingerprint, not_before, not_after };
    let NewClientCertificate { role, realm, client, name, sources, .. } = new.0.0;
    let wish =
        wish(&caller, &realms, &clients, &NewApiKey { role, realm, client, name, sources, expires_in: None })
            .await?;
    let key = keys.list_certificate(caller.who(), wish, &certificate).await?.map_err(not_granted)?;
    known.forget();
    Ok(HttpResponse::Created().json(dto(&key, &realms)))
}

pub(super) async fn list(
    caller: Caller,
    realms: web::Data<Realms>,
    keys: web::Data<ApiKeys>,
    tokens: web::Data<PageTokens>,
    search: web::Query<Search>,
) -> Result<HttpResponse, ApiProblem> {
    let (found, next) = page_of(&caller, &keys, &tokens, &search, true).await?;
    Ok(HttpResponse::Ok().json(List { items: found.iter().map(|k| dto(k, &realms)).collect(), next }))
}

pub(super) async fn get(
    caller: Caller,
    realms: web::Data<Realms>,
    keys: web::Data<ApiKeys>,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiProblem> {
    Ok(HttpResponse::Ok().json(dto(&find(&caller, &keys, &path, true).await?, &realms)))
}

pub(super) async fn delete(
    caller: Caller,
    keys: web::Data<ApiKeys>,
    known: web::Data<Keys>,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiProblem> {
    remove(&caller, &keys, &known, &path, true).await
}
