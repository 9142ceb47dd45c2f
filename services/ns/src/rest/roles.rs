//! Roles.

use actix_web::{HttpResponse, web};
use countersign_api::{List, Permission as PermissionDto, PutRole, Role as Dto};
use countersign_domain_ns::{
    Refused,
    audit::Who,
    handles::Roles,
    permission::{Permission, Permissions, builtin, role},
    refused::Stop,
    text as rules,
};
use countersign_edge::problem::ApiProblem;
use countersign_protocol::ids::RealmId;

use super::{Body, api_keys::not_granted, no_content, text};
use crate::auth::{Caller, InRealm, Keys};

fn out(p: Permission) -> PermissionDto {
    use PermissionDto as D;
    match p {
        Permission::Logins => D::Logins,
        Permission::Signings => D::Signings,
        Permission::Users => D::Users,
        Permission::Accounts => D::Accounts,
        Permission::Messages => D::Messages,
        Permission::Webhooks => D::Webhooks,
        Permission::Audit => D::Audit,
        Permission::Clients => D::Clients,
        Permission::Realm => D::Realm,
        Permission::Realms => D::Realms,
        Permission::Root => D::Root,
        Permission::ActForClient => D::ActForClient,
        Permission::Enrolments => D::Enrolments,
        Permission::EnrolmentsConfirm => D::EnrolmentsConfirm,
        Permission::AccountsBlock => D::AccountsBlock,
        Permission::Events => D::Events,
        Permission::UsersRead => D::UsersRead,
        Permission::AccountsRead => D::AccountsRead,
        Permission::ClientsRead => D::ClientsRead,
        Permission::RealmRead => D::RealmRead,
        Permission::NumberOff => D::NumberOff,
    }
}

fn into(p: PermissionDto) -> Option<Permission> {
    Permission::ALL.iter().copied().find(|known| out(*known) == p)
}

fn dto(name: &str, permissions: Permissions, builtin: bool) -> Dto {
    Dto { name: name.to_owned(), permissions: permissions.iter().map(out).collect(), builtin }
}

async fn all(roles: &Roles, realm: Option<RealmId>, there: &[&str]) -> Result<HttpResponse, ApiProblem> {
    let made = roles.list(realm).await?;
    // A stored role replaces the built-in role of the same name.
    let there = there.iter().filter(|name| !made.iter().any(|r| r.name == **name));
    let mut items: Vec<Dto> = there.filter_map(|name| Some(dto(name, builtin(name)?, true))).collect();
    items.extend(made.iter().map(|r| dto(&r.name, r.permissions, false)));
    Ok(HttpResponse::Ok().json(List { items, next: None }))
}

async fn make(
    caller: &Caller,
    roles: &Roles,
    keys: &Keys,
    realm: Option<RealmId>,
    name: &str,
    put: &PutRole,
) -> Result<HttpResponse, ApiProblem> {
    text("/role", rules::name(name))?;
    let wanted: Permissions = put.permissions.iter().filter_map(|p| into(*p)).collect();
    if let Some(i) =
        put.permissions.iter().position(|p| realm.is_some() && into(*p).is_some_and(Permission::is_global))
    {
        return Err(ApiProblem::invalid(
            &format!("/permissions/{i}"),
            "this permission is for keys that are bound to no realm",
        ));
    }
    roles.put(caller.who(), realm, name, wanted).await?.map_err(not_granted)?;
    keys.forget();
    Ok(HttpResponse::Ok().json(dto(name, wanted, false)))
}

async fn remove(
    who: Who,
    roles: &Roles,
    keys: &Keys,
    realm: Option<RealmId>,
    name: &str,
) -> Result<HttpResponse, ApiProblem> {
    roles.delete(who, realm, name).await.map_err(|stop| match stop {
        Stop::Refused(Refused::Lacking) => {
            ApiProblem::forbidden().because("a key cannot take away permissions that it does not have")
        }
        other => other.into(),
    })?;
    keys.forget();
    Ok(no_content())
}

pub(super) async fn list_global(_: Caller, roles: web::Data<Roles>) -> Result<HttpResponse, ApiProblem> {
    all(&roles, None, &[role::ROOT]).await
}

pub(super) async fn put_global(
    caller: Caller,
    roles: web::Data<Roles>,
    keys: web::Data<Keys>,
    path: web::Path<String>,
    put: Body<PutRole>,
) -> Result<HttpResponse, ApiProblem> {
    make(&caller, &roles, &keys, None, &path, &put).await
}

pub(super) async fn delete_global(
    caller: Caller,
    roles: web::Data<Roles>,
    keys: web::Data<Keys>,
    path: web::Path<String>,
) -> Result<HttpResponse, ApiProblem> {
    remove(caller.who(), &roles, &keys, None, &path).await
}

pub(super) async fn list(at: InRealm, roles: web::Data<Roles>) -> Result<HttpResponse, ApiProblem> {
    all(&roles, Some(at.id()), &role::IN_A_REALM).await
}

type RolePath = web::Path<(String, String)>;

pub(super) async fn put(
    at: InRealm,
    roles: web::Data<Roles>,
    keys: web::Data<Keys>,
    path: RolePath,
    put: Body<PutRole>,
) -> Result<HttpResponse, ApiProblem> {
    at.whole_realm()?;
    make(&at.caller, &roles, &keys, Some(at.id()), &path.1, &put).await
}

pub(super) async fn delete(
    at: InRealm,
    roles: web::Data<Roles>,
    keys: web::Data<Keys>,
    path: RolePath,
) -> Result<HttpResponse, ApiProblem> {
    at.whole_realm()?;
    remove(at.caller.who(), &roles, &keys, Some(at.id()), &path.1).await
}
