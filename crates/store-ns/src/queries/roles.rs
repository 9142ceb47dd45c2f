use countersign_domain_ns::{
    audit::{About, Stamp, changed},
    permission::Role,
};
use countersign_protocol::ids::RealmId;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn, insert_new, lock, trail::append};
use crate::{
    rows::{RoleRow, scope},
    schema::{api_keys, roles},
};

fn about(realm: Option<RealmId>, name: &str) -> About {
    About { realm, object: name.to_owned(), ..About::default() }
}

pub(crate) async fn put(c: &mut Conn, role: &Role, stamp: &Stamp) -> Answer<()> {
    let before = list(c, role.realm).await?.into_iter().find(|r| r.name == role.name).map(|r| told(&r));
    let made = insert_new!(c, roles::table, RoleRow::new(role)?).await? == 1;
    if !made {
        let row = roles::table.find((scope(role.realm), role.name.clone()));
        let permissions: Vec<&str> = role.permissions.iter().map(countersign_domain_ns::permission::Permission::as_str).collect();
        diesel::update(row).set(roles::permissions.eq(serde_json::json!(permissions).to_string())).execute(c).await?;
    }
    let about = about(role.realm, &role.name).detail(changed("permissions", before, told(role)));
    append(c, stamp, if made { "role.created" } else { "role.changed" }, &about).await
}

fn told(role: &Role) -> Vec<&'static str> {
    role.permissions.iter().map(countersign_domain_ns::permission::Permission::as_str).collect()
}

pub(crate) async fn list(c: &mut Conn, realm: Option<RealmId>) -> Answer<Vec<Role>> {
    let found: Vec<RoleRow> =
        roles::table.filter(roles::scope.eq(scope(realm))).order(roles::name).select(RoleRow::as_select()).load(c).await?;
    found.into_iter().map(Role::try_from).collect()
}

/// Whether it is there, and stays until the transaction ends.
pub(crate) async fn hold(c: &mut Conn, realm: Option<RealmId>, name: &str) -> Answer<bool> {
    let row = roles::table.find((scope(realm), name.to_owned())).select(roles::name);
    let found: Option<String> = lock!(row).get_result(c).await.optional()?;
    Ok(found.is_some())
}

pub(crate) async fn delete(c: &mut Conn, realm: Option<RealmId>, name: &str, stamp: &Stamp) -> Answer<Option<bool>> {
    if !hold(c, realm, name).await? {
        return Ok(None);
    }
    let mut users = api_keys::table.filter(api_keys::role.eq(name.to_owned())).select(api_keys::id).into_boxed();
    users = match realm {
        Some(realm) => users.filter(api_keys::realm.eq(realm.0.to_vec())),
        // A realm's role of the same name is another role.
        None => users.filter(api_keys::realm.is_null()),
    };
    let used: Option<Vec<u8>> = users.first(c).await.optional()?;
    if used.is_some() {
        return Ok(Some(false));
    }
    let before = list(c, realm).await?.into_iter().find(|r| r.name == name).map(|r| told(&r));
    diesel::delete(roles::table.find((scope(realm), name.to_owned()))).execute(c).await?;
    append(c, stamp, "role.deleted", &about(realm, name).detail(changed("permissions", before, None::<()>))).await?;
    Ok(Some(true))
}
