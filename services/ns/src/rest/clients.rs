//! Clients.

use actix_web::{HttpResponse, web};
use countersign_actors::Realms;
use countersign_api::{Client as Dto, List, NewClient, Object, limits};
use countersign_domain::{
    client::{Client, is_origin, is_web_url},
    ports::Ports,
    text as rules,
};
use countersign_edge::{
    auth::{Caller, Keys},
    problem::Oops,
};
use countersign_protocol::ids::ClientId;

use super::{no_content, text};
use crate::{scope, times::rfc3339};

fn dto(c: Client) -> Dto {
    Dto {
        id: c.id.to_string(),
        name: c.name,
        display_name: c.display_name,
        origins: c.origins,
        return_urls: c.return_urls,
        created_at: rfc3339(c.created_at),
    }
}

fn urls(member: &str, urls: &[String], good: fn(&str) -> bool, what: &str) -> Result<(), Oops> {
    if urls.len() > limits::URLS {
        return Err(Oops::invalid(&format!("/{member}"), format!("at most {}", limits::URLS)));
    }
    match urls.iter().position(|u| u.len() > limits::URL || !good(u)) {
        Some(i) => Err(Oops::invalid(&format!("/{member}/{i}"), what)),
        None => Ok(()),
    }
}

pub(super) async fn create(
    caller: Caller,
    realms: web::Data<Realms>,
    ports: web::Data<Ports>,
    path: web::Path<String>,
    new: web::Json<Object<NewClient>>,
) -> Result<HttpResponse, Oops> {
    let realm = scope::realm_for_admin(&realms, &path, &caller).await?;
    text("/name", rules::name(&new.name))?;
    text("/display_name", rules::shown(&new.display_name, limits::DISPLAY_NAME, false))?;
    urls("origins", &new.origins, is_origin, "an exact origin like https://shop.example, without a path; http on loopback only")?;
    urls("return_urls", &new.return_urls, is_web_url, "an https URL without a fragment; http on loopback only")?;
    let new = new.into_inner().0;
    let client = Client {
        id: ClientId(ports.fresh_id()),
        realm: realm.realm.id,
        name: new.name,
        display_name: new.display_name,
        origins: new.origins,
        return_urls: new.return_urls,
        created_at: ports.now(),
    };
    if !ports.store.add_client(&client, &ports.stamp(caller.actor())).await? {
        return Err(countersign_domain::Refused::AlreadyExists.into());
    }
    Ok(HttpResponse::Created().json(dto(client)))
}

pub(super) async fn list(
    caller: Caller,
    realms: web::Data<Realms>,
    ports: web::Data<Ports>,
    path: web::Path<String>,
) -> Result<HttpResponse, Oops> {
    let realm = scope::realm_for_admin(&realms, &path, &caller).await?;
    let items = ports.store.clients(realm.realm.id).await?.into_iter().map(dto).collect();
    Ok(HttpResponse::Ok().json(List { items }))
}

pub(super) async fn get(
    caller: Caller,
    realms: web::Data<Realms>,
    ports: web::Data<Ports>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Oops> {
    let realm = scope::realm_for_admin(&realms, &path.0, &caller).await?;
    let client = ports.store.client(realm.realm.id, scope::id(&path.1)?).await?.ok_or_else(Oops::not_found)?;
    Ok(HttpResponse::Ok().json(dto(client)))
}

pub(super) async fn delete(
    caller: Caller,
    realms: web::Data<Realms>,
    ports: web::Data<Ports>,
    keys: web::Data<Keys>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Oops> {
    let realm = scope::realm_for_admin(&realms, &path.0, &caller).await?;
    let gone = ports.store.delete_client(realm.realm.id, scope::id(&path.1)?, &ports.stamp(caller.actor())).await?;
    keys.forget();
    if gone { Ok(no_content()) } else { Err(Oops::not_found()) }
}
