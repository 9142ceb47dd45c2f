//! Realms.

use actix_web::{HttpResponse, web};
use countersign_actors_ns::Realms;
use countersign_api::{ChangeRealm, List, NewRealm, Realm as Dto, RealmSettings as RealmSettingsDto, limits};
use countersign_domain_ns::{
    permission::Permission,
    realm::{Realm, RealmSettings},
    text as rules,
};
use countersign_edge::{problem::ApiProblem, rest::times::rfc3339};

use super::{Body, settings, text};
use crate::auth::{Caller, InRealm};

/// A key that may not read the settings still sees the realm.
fn dto(realm: &Realm, caller: &Caller) -> Dto {
    Dto {
        id: realm.id.to_string(),
        name: realm.name.clone(),
        display_name: realm.display_name.clone(),
        created_at: rfc3339(realm.created_at),
        settings: if caller.may(Permission::RealmRead) {
            settings::dto(&realm.settings)
        } else {
            RealmSettingsDto::default()
        },
    }
}

pub(super) async fn create(
    caller: Caller,
    realms: web::Data<Realms>,
    new: Body<NewRealm>,
) -> Result<HttpResponse, ApiProblem> {
    let new = new.into_inner().0;
    text("/name", rules::name(&new.name))?;
    text("/display_name", rules::shown(&new.display_name, limits::DISPLAY_NAME, false))?;
    let wanted = settings::changed(&RealmSettings::default(), &new.settings)?;
    settings::may_keep(&caller, &RealmSettings::default(), &wanted)?;
    let realm = realms.create(&new.name, &new.display_name, wanted, caller.who()).await?;
    Ok(HttpResponse::Created().json(dto(&realm.realm, &caller)))
}

pub(super) async fn list(caller: Caller, realms: web::Data<Realms>) -> Result<HttpResponse, ApiProblem> {
    let all = realms.all();
    let items = all
        .iter()
        .filter(|r| caller.realm.is_none_or(|mine| mine == r.id))
        .map(|r| dto(r, &caller))
        .collect();
    Ok(HttpResponse::Ok().json(List { items, next: None }))
}

pub(super) async fn get(at: InRealm) -> HttpResponse {
    HttpResponse::Ok().json(dto(&at.realm.realm, &at.caller))
}

pub(super) async fn change(
    at: InRealm,
    realms: web::Data<Realms>,
    change: Body<ChangeRealm>,
) -> Result<HttpResponse, ApiProblem> {
    at.whole_realm()?;
    let change = change.into_inner().0;
    if let Some(name) = &change.display_name {
        text("/display_name", rules::shown(name, limits::DISPLAY_NAME, false))?;
    }
    let mut before = at.realm.clone();
    loop {
        let settings = settings::changed(&before.realm.settings, &change.settings)?;
        settings::may_keep(&at.caller, &before.realm.settings, &settings)?;
        let display_name = change.display_name.clone().unwrap_or_else(|| before.realm.display_name.clone());
        let after = Realm { display_name, settings, ..before.realm.clone() };
        if let Some(realm) = realms.change(&before.realm, &after, at.caller.who()).await? {
            return Ok(HttpResponse::Ok().json(dto(&realm.realm, &at.caller)));
        }
        // Another request changed the realm, so this change is applied on top of the new state.
        // Each round means that some request made progress.
        before = realms.by_id(at.id()).await?.ok_or_else(ApiProblem::not_found)?;
    }
}
