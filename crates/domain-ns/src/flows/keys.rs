//! API keys and roles: making, rotating and deleting them.

use countersign_protocol::ids::{ApiKeyId, RealmId};

use super::limits::alert;
use crate::{
    Refused,
    api_key::ApiKey,
    audit::{About, Who},
    grant,
    permission::{Permissions, Role, builtin, role},
    ports::{Alert, Ports, Rotated},
    refused::Stop,
};
use countersign_ports::{Fault, secret::Secret, time::Time};

pub use grant::{NotGranted, Wish};

/// Why a key does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unauthorized {
    /// There is no such key (any more).
    Unknown,
    Expired,
    /// It was used from outside its networks.
    Network,
}

impl Unauthorized {
    /// The spelling in the trail.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Network => "network",
        }
    }
}

/// Records in the trail that a key, or unknown keys, were rejected `n` times.
///
/// # Errors
/// A fault of the store.
pub async fn unauthorized(
    ports: &Ports,
    key: Option<&ApiKey>,
    why: Unauthorized,
    n: u64,
) -> Result<(), Fault> {
    let about = About {
        realm: key.and_then(|k| k.realm),
        object: key.map_or_else(|| "api-key".to_owned(), |k| k.id.to_string()),
        client: key.and_then(|k| k.client),
        ..About::default()
    };
    let detail = serde_json::json!({"reason": why.as_str(), "count": n}).to_string();
    alert(ports, Alert::Unauthorized, about.detail(Some(detail))).await
}

/// What a role allows; `None` when there is no such role.
///
/// # Errors
/// A fault of the store.
pub async fn permissions(
    ports: &Ports,
    realm: Option<RealmId>,
    role: &str,
) -> Result<Option<Permissions>, Fault> {
    let there = builtin(role);
    if there.is_some() && !role::LATER.contains(&role) {
        return Ok(there);
    }
    let made = ports.store.roles(realm).await?.into_iter().find(|r| r.name == role);
    Ok(made.map(|r| r.permissions).or(there))
}

/// Makes the key that `who` asks for, without storing it.
///
/// # Errors
/// Why `who` may not make it; a fault of the store.
pub async fn grant(
    ports: &Ports,
    who: &Who,
    wish: Wish,
    made: (ApiKeyId, &Secret<32>),
) -> Result<Result<ApiKey, NotGranted>, Fault> {
    let Some(permissions) = permissions(ports, wish.realm, &wish.role).await? else {
        return Ok(Err(NotGranted::Invalid("/role", "this realm has no such role")));
    };
    Ok(grant::key(who, wish, permissions, made, ports.now()))
}

/// Whether `who` may rotate or delete this key. A key whose role is gone has no permissions.
async fn rules(ports: &Ports, who: &Who, key: &ApiKey) -> Result<bool, Fault> {
    let permissions = permissions(ports, key.realm, &key.role).await?.unwrap_or_default();
    Ok(grant::rules(who, key, permissions))
}

/// Deletes a key, at once.
///
/// # Errors
/// [`Refused::Lacking`] for a key that may do what `who` may not, [`Refused::NotFound`].
pub async fn delete(ports: &Ports, who: Who, key: &ApiKey) -> Result<(), Stop> {
    if !rules(ports, &who, key).await? {
        return Err(Refused::Lacking.into());
    }
    if ports.store.delete_api_key(key.id, &ports.stamp(who)).await? {
        Ok(())
    } else {
        Err(Refused::NotFound.into())
    }
}

/// Makes a successor of `old` with this id and secret; `old` works beside it until `until`.
/// Rotating another key gives its permissions to the caller, who must therefore have them.
///
/// # Errors
/// [`Refused::Lacking`].
pub async fn rotate(
    ports: &Ports,
    who: Who,
    old: &ApiKey,
    (id, secret): (ApiKeyId, &Secret<32>),
    expires_at: Option<Time>,
    until: Time,
) -> Result<Rotated, Stop> {
    // A key may always rotate itself, without further rights. In return, the successor may not
    // outlive it.
    let own = who.actor == crate::audit::Actor::Key(old.id);
    if !own && !rules(ports, &who, old).await? {
        return Err(Refused::Lacking.into());
    }
    let lineage = grant::lineage_after(&who, old);
    let new = ApiKey {
        id,
        hash: secret.hash(),
        created_at: ports.now(),
        expires_at,
        last_used_at: None,
        lineage,
        ..old.clone()
    };
    Ok(ports.store.rotate_api_key(old.id, until, &new, !own, &ports.stamp(who)).await?)
}

/// Gives a key another role. `who` must be able to give that role and the one that the key has.
///
/// # Errors
/// Why `who` may not; [`Refused::NotFound`] when the key has changed in the meantime.
pub async fn change_role(
    ports: &Ports,
    who: Who,
    key: &ApiKey,
    role: &str,
) -> Result<Result<ApiKey, NotGranted>, Stop> {
    if key.role == role {
        return Ok(Ok(key.clone()));
    }
    let before = permissions(ports, key.realm, &key.role).await?.unwrap_or_default();
    if !grant::rules(&who, key, before) {
        return Err(Refused::Lacking.into());
    }
    let wish = Wish { role: role.to_owned(), realm: key.realm, client: key.client, ..Wish::default() };
    let made = match grant(ports, &who, wish, (key.id, &Secret::new([0; 32]))).await? {
        Ok(made) => made,
        Err(why) => return Ok(Err(why)),
    };
    // The secret does not change, so the key stays with its holder and in its lineage. Its
    // authority may therefore be raised only within that lineage, or by root.
    let after = permissions(ports, key.realm, role).await?.unwrap_or_default();
    if grant::raises_another(&who, key.lineage, before, after) {
        return Ok(Err(grant::OTHER_HANDS));
    }
    if !ports.store.change_api_key(key, role, &ports.stamp(who)).await? {
        return Err(Refused::NotFound.into());
    }
    Ok(Ok(ApiKey { role: made.role, ..key.clone() }))
}

/// Deletes a role that no key has and whose permissions `who` has.
///
/// # Errors
/// [`Refused::Lacking`], [`Refused::InUse`], [`Refused::NotFound`].
pub async fn delete_role(ports: &Ports, who: Who, realm: Option<RealmId>, name: &str) -> Result<(), Stop> {
    Ok(ports.store.delete_role(realm, name, &ports.stamp(who)).await??)
}

/// Makes or changes a role.
///
/// # Errors
/// Why `who` may not; a fault of the store.
pub async fn put_role(
    ports: &Ports,
    who: Who,
    realm: Option<RealmId>,
    name: &str,
    wanted: Permissions,
) -> Result<Result<(), NotGranted>, Fault> {
    let role = Role { realm, name: name.to_owned(), permissions: wanted, created_at: ports.now() };
    ports.store.put_role(&role, &ports.stamp(who)).await
}
