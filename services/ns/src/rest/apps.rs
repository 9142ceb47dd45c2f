//! The apps that a realm lists.

use actix_web::{HttpResponse, web};
use countersign_actors_ns::Realms;
use countersign_api::{App as Dto, List, PutApp, limits};
use countersign_domain_ns::{
    app::{self, App, Version},
    text as rules,
};
use countersign_edge::{problem::ApiProblem, rest::times::rfc3339};

use super::{Body, factors, no_content, text};
use crate::auth::InRealm;

fn dto(a: App) -> Dto {
    Dto {
        id: a.id,
        display_name: a.display_name,
        min_version: a.min_version.map(|v| v.as_str().to_owned()),
        sfs: a.sfs.iter().map(factors::sfs_dto).collect(),
        created_at: rfc3339(a.created_at),
    }
}

type AppPath = web::Path<(String, String)>;

pub(super) async fn list(at: InRealm, realms: web::Data<Realms>) -> Result<HttpResponse, ApiProblem> {
    let items = realms.apps(at.id()).await?.into_iter().map(dto).collect();
    Ok(HttpResponse::Ok().json(List { items, next: None }))
}

pub(super) async fn get(
    at: InRealm,
    realms: web::Data<Realms>,
    path: AppPath,
) -> Result<HttpResponse, ApiProblem> {
    let app = realms.app(at.id(), &path.1).await?.ok_or_else(ApiProblem::not_found)?;
    Ok(HttpResponse::Ok().json(dto(app)))
}

pub(super) async fn put(
    at: InRealm,
    realms: web::Data<Realms>,
    path: AppPath,
    put: Body<PutApp>,
) -> Result<HttpResponse, ApiProblem> {
    at.whole_realm()?;
    app::id(&path.1)
        .map_err(|_| ApiProblem::invalid("/app", "1 to 100 bytes without control or invisible characters"))?;
    text("/display_name", rules::shown(&put.display_name, limits::DISPLAY_NAME, false))?;
    let bad = || ApiProblem::invalid("/min_version", "one to six numbers with dots between them");
    let min_version = put.min_version.as_ref().map(|v| Version::parse(v).ok_or_else(bad)).transpose()?;
    let sfs = factors::trusted(&put.sfs)?;
    let app = realms
        .put_app(at.id(), path.1.clone(), (put.display_name.clone(), min_version, sfs), at.caller.who())
        .await?;
    Ok(HttpResponse::Ok().json(dto(app)))
}

pub(super) async fn delete(
    at: InRealm,
    realms: web::Data<Realms>,
    path: AppPath,
) -> Result<HttpResponse, ApiProblem> {
    at.whole_realm()?;
    realms.delete_app(at.id(), path.1.clone(), at.caller.who()).await?;
    Ok(no_content())
}
