//! Realms.

use actix_web::{HttpResponse, web};
use countersign_actors::Realms;
use countersign_api::{List, NewRealm, Object, Realm as Dto, limits};
use countersign_domain::{api_key::Role, realm::Realm, text as rules};
use countersign_edge::{auth::Caller, problem::Oops};

use super::text;
use crate::{scope, times::rfc3339};

fn dto(realm: &Realm) -> Dto {
    Dto {
        id: realm.id.to_string(),
        name: realm.name.clone(),
        display_name: realm.display_name.clone(),
        created_at: rfc3339(realm.created_at),
    }
}

pub(super) async fn create(caller: Caller, realms: web::Data<Realms>, new: web::Json<Object<NewRealm>>) -> Result<HttpResponse, Oops> {
    caller.root()?;
    text("/name", rules::name(&new.name))?;
    text("/display_name", rules::shown(&new.display_name, limits::DISPLAY_NAME, false))?;
    let realm = realms.create(&new.name, &new.display_name, caller.actor()).await?;
    Ok(HttpResponse::Created().json(dto(&realm.realm)))
}

pub(super) async fn list(caller: Caller, realms: web::Data<Realms>) -> Result<HttpResponse, Oops> {
    let mine = |r: &Realm| match caller.role {
        Role::Root => true,
        Role::RealmAdmin(id) | Role::Client(id, _) => id == r.id,
    };
    Ok(HttpResponse::Ok().json(List { items: realms.all().iter().filter(|r| mine(r)).map(dto).collect() }))
}

pub(super) async fn get(caller: Caller, realms: web::Data<Realms>, path: web::Path<String>) -> Result<HttpResponse, Oops> {
    let realm = scope::realm(&realms, &path, &caller).await?;
    Ok(HttpResponse::Ok().json(dto(&realm.realm)))
}
