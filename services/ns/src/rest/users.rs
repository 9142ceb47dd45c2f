//! Users.

use actix_web::{HttpResponse, web};
use countersign_actors::{Accounts, Realms};
use countersign_api::{List, Object, PutUser, User as Dto, limits};
use countersign_domain::{account::Event, ports::Ports, refused::Stop, text as rules, user::User};
use countersign_edge::{auth::Caller, problem::Oops};

use super::{no_content, text};
use crate::{scope, times::rfc3339};

fn dto(u: User) -> Dto {
    Dto { user_id: u.user_id, display_name: u.display_name, created_at: rfc3339(u.created_at) }
}

type UserPath = web::Path<(String, String)>;

pub(super) async fn put(
    caller: Caller,
    realms: web::Data<Realms>,
    ports: web::Data<Ports>,
    path: UserPath,
    body: web::Json<Object<PutUser>>,
) -> Result<HttpResponse, Oops> {
    let realm = scope::realm(&realms, &path.0, &caller).await?;
    text("/user_id", rules::user_id(&path.1))?;
    if let Some(name) = &body.display_name {
        text("/display_name", rules::shown(name, limits::DISPLAY_NAME, false))?;
    }
    let user = User { realm: realm.realm.id, user_id: path.1.clone(), display_name: body.display_name.clone(), created_at: ports.now() };
    let user = ports.store.put_user(&user, &ports.stamp(caller.actor())).await?;
    Ok(HttpResponse::Ok().json(dto(user)))
}

pub(super) async fn list(
    caller: Caller,
    realms: web::Data<Realms>,
    ports: web::Data<Ports>,
    path: web::Path<String>,
) -> Result<HttpResponse, Oops> {
    let realm = scope::realm(&realms, &path, &caller).await?;
    let items = ports.store.users(realm.realm.id).await?.into_iter().map(dto).collect();
    Ok(HttpResponse::Ok().json(List { items }))
}

pub(super) async fn get(caller: Caller, realms: web::Data<Realms>, ports: web::Data<Ports>, path: UserPath) -> Result<HttpResponse, Oops> {
    let realm = scope::realm(&realms, &path.0, &caller).await?;
    let user = ports.store.user(realm.realm.id, &path.1).await?.ok_or_else(Oops::not_found)?;
    Ok(HttpResponse::Ok().json(dto(user)))
}

/// The user goes first, so that no enrolment makes another account; then its accounts, one by one.
pub(super) async fn delete(
    caller: Caller,
    realms: web::Data<Realms>,
    ports: web::Data<Ports>,
    accounts: web::Data<Accounts>,
    path: UserPath,
) -> Result<HttpResponse, Oops> {
    let realm = scope::realm(&realms, &path.0, &caller).await?;
    let gone = ports.store.delete_user(realm.realm.id, &path.1, &ports.stamp(caller.actor())).await?;
    let mut left = accounts.list(&realm, Some(&path.1)).await?;
    if !gone && left.is_empty() {
        return Err(Oops::not_found());
    }
    // A list has an end, a user's accounts may not: what is deleted is not listed again.
    while !left.is_empty() {
        for account in left {
            match accounts.change(&realm, account.id, Event::Delete, caller.actor()).await {
                Ok(_) | Err(Stop::Refused(_)) => {}
                Err(fault) => return Err(fault.into()),
            }
        }
        left = accounts.list(&realm, Some(&path.1)).await?;
    }
    Ok(no_content())
}
