use countersign_domain_ns::{
    Refused,
    audit::{About, Stamp, changed},
    authority::Lineage,
    grant::{self, NotGranted},
    permission::{Permissions, Role, builtin, role::LATER},
};
use countersign_protocol::ids::RealmId;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn, insert_new, lock, trail::append};
use crate::{
    rows::{At, RoleRow, permissions, scope},
    schema::{api_keys, roles},
};

/// The keys of a role. A role of a realm and one that applies everywhere are different, even when
/// they have the same name.
macro_rules! used_by {
    ($realm:expr, $name:expr) => {{
        let of_role = api_keys::table.filter(api_keys::role.eq($name.to_owned())).into_boxed();
        match $realm {
            Some(realm) => of_role.filter(api_keys::realm.eq(realm.0.to_vec())),
            None => of_role.filter(api_keys::realm.is_null()),
        }
    }};
}

fn about(realm: Option<RealmId>, name: &str) -> About {
    About { realm, object: name.to_owned(), ..About::default() }
}

/// Makes or changes a role. This is judged here, while the role is locked, so that what it allows
/// and which keys have it cannot change before the write.
pub(crate) async fn put(c: &mut Conn, role: &Role, stamp: &Stamp) -> Answer<Result<(), NotGranted>> {
    // A new role is judged without a previous one, and no key has it yet. If another transaction is
    // making the same role, the INSERT waits for it and then finds its row.
    let made = grant::role(&stamp.who, &role.name, role.realm, None, role.permissions).is_ok()
        && insert_new!(c, roles::table, RoleRow::new(role)?).await? == 1;
    let before = if made { None } else { hold(c, role.realm, &role.name).await? };
    if !made {
        if let Err(why) = grant::role(&stamp.who, &role.name, role.realm, before, role.permissions) {
            return Ok(Err(why));
        }
        let mine = |lineage: &Option<Lineage>| {
            !grant::raises_another(&stamp.who, *lineage, before.unwrap_or_default(), role.permissions)
        };
        if !lineages(c, role.realm, &role.name).await?.iter().all(mine) {
            return Ok(Err(grant::OTHER_HANDS));
        }
        let row = roles::table.find((scope(role.realm), role.name.clone()));
        let permissions: Vec<&str> =
            role.permissions.iter().map(countersign_domain_ns::permission::Permission::as_str).collect();
        diesel::update(row)
            .set(roles::permissions.eq(serde_json::json!(permissions).to_string()))
            .execute(c)
            .await?;
    }
    let about = about(role.realm, &role.name).detail(changed(
        "permissions",
        before.map(told),
        told(role.permissions),
    ));
    append(c, stamp, if made { "role.created" } else { "role.changed" }, &about).await?;
    Ok(Ok(()))
}

/// The lineages of the keys with this role.
async fn lineages(c: &mut Conn, realm: Option<RealmId>, name: &str) -> Answer<Vec<Option<Lineage>>> {
    let found: Vec<Option<Vec<u8>>> =
        used_by!(realm, name).select(api_keys::lineage).distinct().load(c).await?;
    let at = At { table: "api_keys", row: name.as_bytes() };
    found.into_iter().map(|lineage| Ok(at.fixed_option(lineage.as_ref())?.map(Lineage))).collect()
}

fn told(permissions: Permissions) -> Vec<&'static str> {
    permissions.iter().map(countersign_domain_ns::permission::Permission::as_str).collect()
}

pub(crate) async fn list(c: &mut Conn, realm: Option<RealmId>) -> Answer<Vec<Role>> {
    let found: Vec<RoleRow> = roles::table
        .filter(roles::scope.eq(scope(realm)))
        .order(roles::name)
        .select(RoleRow::as_select())
        .load(c)
        .await?;
    found.into_iter().map(Role::try_from).collect()
}

/// Locks a role until the transaction ends and returns its permissions; `None` when it does not
/// exist.
pub(crate) async fn hold(c: &mut Conn, realm: Option<RealmId>, name: &str) -> Answer<Option<Permissions>> {
    let row = roles::table.find((scope(realm), name.to_owned())).select(roles::permissions);
    let found: Option<String> = lock!(row).get_result(c).await.optional()?;
    found.map(|json| permissions(name, &json)).transpose()
}

/// Locks the role of a key until the transaction ends and returns its permissions; `None` when
/// there is no such role.
pub(crate) async fn held_of_key(
    c: &mut Conn,
    realm: Option<RealmId>,
    name: &str,
) -> Answer<Option<Permissions>> {
    let there = builtin(name);
    if there.is_some() && !LATER.contains(&name) {
        return Ok(there);
    }
    Ok(hold(c, realm, name).await?.or(there))
}

pub(crate) async fn delete(
    c: &mut Conn,
    realm: Option<RealmId>,
    name: &str,
    stamp: &Stamp,
) -> Answer<Result<(), Refused>> {
    let Some(before) = hold(c, realm, name).await? else { return Ok(Err(Refused::NotFound)) };
    if !grant::still_gives(&stamp.who, before) {
        return Ok(Err(Refused::Lacking));
    }
    let used: Option<Vec<u8>> = used_by!(realm, name).select(api_keys::id).first(c).await.optional()?;
    if used.is_some() {
        return Ok(Err(Refused::InUse));
    }
    diesel::delete(roles::table.find((scope(realm), name.to_owned()))).execute(c).await?;
    append(
        c,
        stamp,
        "role.deleted",
        &about(realm, name).detail(changed("permissions", told(before), None::<()>)),
    )
    .await?;
    Ok(Ok(()))
}
