//! Roles.

use actix_web::{HttpResponse, web};
use countersign_api::{List, Permission as PermissionDto, PutRole, Role as Dto};
use countersign_domain::{
    Refused,
    audit::Who,
    permission::{Permission, Permissions, Role, builtin, role},
    ports::Ports,
    text as rules,
};
use countersign_edge::{
    auth::{Caller, InRealm, Keys},
    problem::Oops,
};
use countersign_protocol::ids::RealmId;

use super::{Body, no_content, text};

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
    }
}

fn into(p: PermissionDto) -> Option<Permission> {
    Permission::ALL.iter().copied().find(|known| out(*known) == p)
}

fn dto(name: &str, permissions: Permissions, builtin: bool) -> Dto {
    Dto { name: name.to_owned(), permissions: permissions.iter().map(out).collect(), builtin }
}

async fn all(ports: &Ports, realm: Option<RealmId>, there: &[&str]) -> Result<HttpResponse, Oops> {
    let mut items: Vec<Dto> = there.iter().filter_map(|name| Some(dto(name, builtin(name)?, true))).collect();
    items.extend(ports.store.roles(realm).await?.iter().map(|r| dto(&r.name, r.permissions, false)));
    Ok(HttpResponse::Ok().json(List { items, next: None }))
}

async fn make(
    caller: &Caller,
    ports: &Ports,
    keys: &Keys,
    realm: Option<RealmId>,
    name: &str,
    put: &PutRole,
) -> Result<HttpResponse, Oops> {
    text("/role", rules::name(name))?;
    if builtin(name).is_some() {
        return Err(Oops::invalid("/role", "this role is there without being made, and stays as it is"));
    }
    let wanted: Permissions = put.permissions.iter().filter_map(|p| into(*p)).collect();
    if let Some(i) = put.permissions.iter().position(|p| realm.is_some() && into(*p).is_some_and(Permission::is_global)) {
        return Err(Oops::invalid(&format!("/permissions/{i}"), "counts only for keys that are not bound to a realm"));
    }
    if !caller.permissions.may_give(wanted) {
        return Err(Oops::forbidden().because("nobody gives away permissions he does not have"));
    }
    if wanted.has(Permission::ActForClient) && caller.client.is_some() {
        return Err(Oops::forbidden());
    }
    let role = Role { realm, name: name.to_owned(), permissions: wanted, created_at: ports.now() };
    ports.store.put_role(&role, &ports.stamp(caller.who())).await?;
    keys.forget();
    Ok(HttpResponse::Ok().json(dto(name, wanted, false)))
}

async fn remove(who: Who, ports: &Ports, keys: &Keys, realm: Option<RealmId>, name: &str) -> Result<HttpResponse, Oops> {
    match ports.store.delete_role(realm, name, &ports.stamp(who)).await? {
        None => Err(Oops::not_found()),
        Some(false) => Err(Refused::InUse.into()),
        Some(true) => {
            keys.forget();
            Ok(no_content())
        }
    }
}

pub(super) async fn list_global(_: Caller, ports: web::Data<Ports>) -> Result<HttpResponse, Oops> {
    all(&ports, None, &[role::ROOT]).await
}

pub(super) async fn put_global(
    caller: Caller,
    ports: web::Data<Ports>,
    keys: web::Data<Keys>,
    path: web::Path<String>,
    put: Body<PutRole>,
) -> Result<HttpResponse, Oops> {
    make(&caller, &ports, &keys, None, &path, &put).await
}

pub(super) async fn delete_global(
    caller: Caller,
    ports: web::Data<Ports>,
    keys: web::Data<Keys>,
    path: web::Path<String>,
) -> Result<HttpResponse, Oops> {
    remove(caller.who(), &ports, &keys, None, &path).await
}

pub(super) async fn list(at: InRealm, ports: web::Data<Ports>) -> Result<HttpResponse, Oops> {
    all(&ports, Some(at.id()), &[role::REALM_ADMIN, role::CLIENT]).await
}

type RolePath = web::Path<(String, String)>;

pub(super) async fn put(
    at: InRealm,
    ports: web::Data<Ports>,
    keys: web::Data<Keys>,
    path: RolePath,
    put: Body<PutRole>,
) -> Result<HttpResponse, Oops> {
    make(&at.caller, &ports, &keys, Some(at.id()), &path.1, &put).await
}

pub(super) async fn delete(at: InRealm, ports: web::Data<Ports>, keys: web::Data<Keys>, path: RolePath) -> Result<HttpResponse, Oops> {
    remove(at.caller.who(), &ports, &keys, Some(at.id()), &path.1).await
}
