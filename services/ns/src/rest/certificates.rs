//! Client certificates that are listed. Each is an API key whose secret stays where it is: the certificate's private key.

use actix_web::{HttpResponse, web};
use countersign_actors_ns::Realms;
use countersign_api::{ClientCertificate as Dto, List, NewApiKey, NewClientCertificate};
use countersign_domain_ns::{
    api_key::{ApiKey, certificate_hash},
    ports::Ports,
};
use countersign_edge::{certificates::Certificate, problem::ApiProblem, rest::times::rfc3339};
use countersign_ports::secret::Secret;
use countersign_protocol::ids::{ApiKeyId, RealmId};

use super::{
    Body,
    api_keys::{Search, allowed, find, page_of, remove},
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
    ports: web::Data<Ports>,
    keys: web::Data<Keys>,
    new: Body<NewClientCertificate>,
) -> Result<HttpResponse, ApiProblem> {
    let bad = |why: &str| ApiProblem::invalid("/certificate", why);
    let certificate = Certificate::read(&new.certificate).ok_or_else(|| bad("one certificate in PEM"))?;
    let now = ports.now();
    if certificate.not_after <= now {
        return Err(bad("the certificate is over"));
    }
    if certificate.not_before > now {
        return Err(bad("the certificate is not valid yet"));
    }
    let NewClientCertificate { role, realm, client, name, sources, .. } = new.0.0;
    let wish = NewApiKey { role, realm, client, name, sources, expires_in: None };
    // Nobody has this secret: the certificate takes its place.
    let nobodys: Secret<32> = ports.random.secret();
    let key = ApiKey {
        hash: certificate_hash(&certificate.der),
        certificate: Some(certificate.fingerprint),
        expires_at: Some(certificate.not_after),
        ..allowed(&caller, &realms, &ports, &wish, (ApiKeyId(ports.fresh_id()), &nobodys)).await?
    };
    if ports.store.api_key_by_hash(&key.hash).await?.is_some() || !ports.store.add_api_key(&key, &ports.stamp(caller.who())).await? {
        return Err(bad("the certificate is listed already, or its client or role is gone"));
    }
    keys.forget();
    Ok(HttpResponse::Created().json(dto(&key, &realms)))
}

pub(super) async fn list(
    caller: Caller,
    realms: web::Data<Realms>,
    ports: web::Data<Ports>,
    search: web::Query<Search>,
) -> Result<HttpResponse, ApiProblem> {
    let (found, next) = page_of(&caller, &ports, &search, true).await?;
    Ok(HttpResponse::Ok().json(List { items: found.iter().map(|k| dto(k, &realms)).collect(), next }))
}

pub(super) async fn get(
    caller: Caller,
    realms: web::Data<Realms>,
    ports: web::Data<Ports>,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiProblem> {
    Ok(HttpResponse::Ok().json(dto(&find(&caller, &ports, &path, true).await?, &realms)))
}

pub(super) async fn delete(
    caller: Caller,
    ports: web::Data<Ports>,
    keys: web::Data<Keys>,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiProblem> {
    remove(&caller, &ports, &keys, &path, true).await
}
