//! Granting keys and roles. An actor grants only permissions it has, and takes from a key only what
//! it could have given it.

use std::fmt;

use countersign_protocol::ids::{ApiKeyId, ClientId, RealmId};
use ipnet::IpNet;

use crate::{
    api_key::ApiKey,
    audit::{Actor, Who},
    authority::{Authority, Lineage},
    permission::{Permission, Permissions, builtin, role},
};
use countersign_ports::{secret::Secret, time::Time};

/// A request for a new key.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    pub role: String,
    pub realm: Option<RealmId>,
    pub client: Option<ClientId>,
    pub name: Option<String>,
    pub sources: Vec<IpNet>,
    pub expires_at: Option<Time>,
}

/// Why a key or role is not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotGranted {
    /// The caller is not entitled to it, for this reason.
    Lacking(&'static str),
    /// The member of the request at this JSON pointer is invalid, for this reason.
    Invalid(&'static str, &'static str),
}

impl fmt::Display for NotGranted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lacking(why) | Self::Invalid(_, why) => f.write_str(why),
        }
    }
}

/// Checks that the key is bound to the realm and client that its role requires.
fn fits(wish: &Wish) -> Result<(), NotGranted> {
    let (realm, client) = (wish.realm.is_some(), wish.client.is_some());
    let why = match wish.role.as_str() {
        role::ROOT if realm || client => "a root key has neither realm nor client",
        role::REALM_ADMIN if !realm || client => "a realm-admin key takes a realm and no client",
        role::AUDITOR if !realm || client => "an auditor key takes a realm and no client",
        role::VIEWER if !realm || client => "a viewer key takes a realm and no client",
        role::CLIENT if !realm || !client => "a client key takes a realm and a client",
        role::REGISTRAR if !realm || !client => "a registrar key takes a realm and a client",
        role::HELP_DESK if !realm => "a help_desk key takes a realm, and a client if it is to invite phones",
        _ if client && !realm => {
            return Err(NotGranted::Invalid("/client", "a client belongs to a realm; name it"));
        }
        _ => return Ok(()),
    };
    Err(NotGranted::Invalid("/role", why))
}

/// Makes the key that `who` asks for; `permissions` are those of its role.
///
/// # Errors
/// Why `who` may not make the key, or what is wrong with the request.
pub fn key(
    who: &Who,
    wish: Wish,
    permissions: Permissions,
    (id, secret): (ApiKeyId, &Secret<32>),
    now: Time,
) -> Result<ApiKey, NotGranted> {
    if who.realm.is_some() && wish.realm != who.realm {
        return Err(NotGranted::Lacking("name the realm this key may work in"));
    }
    fits(&wish)?;
    if !still_gives(who, permissions) {
        return Err(NotGranted::Lacking("a key cannot grant permissions that it does not have"));
    }
    if who.client.is_some() && wish.client != who.client {
        return Err(NotGranted::Lacking("a client's key makes keys for that client only"));
    }
    Ok(ApiKey {
        realm: wish.realm,
        client: wish.client,
        name: wish.name,
        sources: wish.sources,
        expires_at: wish.expires_at,
        lineage: lineage_of(who, id),
        ..ApiKey::plain(id, secret, &wish.role, None, now)
    })
}

/// A key that root makes starts a lineage of its own; every other key gets the lineage of the key
/// that makes it.
fn lineage_of(who: &Who, id: ApiKeyId) -> Option<Lineage> {
    if who.authority() == Authority::Root { Some(Lineage(id.0)) } else { who.lineage }
}

/// The lineage of a successor. Rotation by root or by the key itself keeps the lineage. A key that
/// rotates another key learns the new secret, so the successor gets the lineage of the rotating
/// key.
#[must_use]
pub fn lineage_after(who: &Who, old: &ApiKey) -> Option<Lineage> {
    if who.authority() == Authority::Root { old.lineage } else { who.lineage }
}

/// Whether `who` may administer this key: the key belongs to their realm and client, and has no
/// permission they could not give.
#[must_use]
pub fn rules(who: &Who, key: &ApiKey, permissions: Permissions) -> bool {
    sees(who, key) && who.permissions.may_give(permissions)
}

/// Whether this key belongs to the realm and client that `who` is bound to.
#[must_use]
pub fn sees(who: &Who, key: &ApiKey) -> bool {
    who.realm.is_none_or(|r| key.realm == Some(r)) && who.client.is_none_or(|c| key.client == Some(c))
}

/// Whether `who` may give or take these permissions. The store asks again inside the transaction,
/// because roles may have changed since. The program itself always may.
#[must_use]
pub fn still_gives(who: &Who, permissions: Permissions) -> bool {
    matches!(who.actor, Actor::System) || who.permissions.may_give(permissions)
}

/// Whether this would raise the authority of a key of another lineage, which only root may do.
/// Otherwise a key could raise a stolen one beside it, and its holder could act with two lineages.
#[must_use]
pub fn raises_another(who: &Who, lineage: Option<Lineage>, before: Permissions, after: Permissions) -> bool {
    let by_key = matches!(who.actor, Actor::Key(_)) && who.authority() < Authority::Root;
    by_key && lineage != who.lineage && Authority::of(after) > Authority::of(before)
}

/// The refusal of what [`raises_another`] reports.
pub const OTHER_HANDS: NotGranted =
    NotGranted::Lacking("only root gives authority to a key that other hands made; make a new one");

/// Whether `who` may make this role with the permissions `wanted`, or change it to them from those
/// `before`.
///
/// # Errors
/// Why `who` may not make or change the role.
pub fn role(
    who: &Who,
    name: &str,
    realm: Option<RealmId>,
    before: Option<Permissions>,
    wanted: Permissions,
) -> Result<(), NotGranted> {
    if builtin(name).is_some() {
        return Err(NotGranted::Invalid(
            "/role",
            "this role is there without being made, and stays as it is",
        ));
    }
    if realm.is_some() && wanted.iter().any(Permission::is_global) {
        return Err(NotGranted::Invalid(
            "/permissions",
            "this permission is for keys that are bound to no realm",
        ));
    }
    // Changing a role takes its former permissions from every key that has it, so they are judged
    // too.
    if !still_gives(who, wanted.and(before.unwrap_or_default())) {
        return Err(NotGranted::Lacking("a key cannot grant or take away permissions that it does not have"));
    }
    if wanted.has(Permission::ActForClient) && who.client.is_some() {
        return Err(NotGranted::Lacking("a client's key cannot act for other clients"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REALM: RealmId = RealmId([1; 16]);

    fn who(role: &str, lineage: u8, client: Option<ClientId>) -> Who {
        Who {
            permissions: builtin(role).expect("there"),
            lineage: Some(Lineage([lineage; 16])),
            realm: (role != role::ROOT).then_some(REALM),
            client,
            ..Actor::Key(ApiKeyId([lineage; 16])).into()
        }
    }

    fn make(who: &Who, role: &str, client: Option<ClientId>) -> Result<ApiKey, NotGranted> {
        let wish = Wish { role: role.to_owned(), realm: Some(REALM), client, ..Wish::default() };
        key(who, wish, builtin(role).expect("there"), (ApiKeyId([9; 16]), &Secret::new([9; 32])), Time(0))
    }

    #[test]
    fn nobody_makes_a_key_that_could_do_what_they_cannot() {
        let shop = Some(ClientId([2; 16]));
        let bound = |role| if [role::CLIENT, role::REGISTRAR].contains(&role) { shop } else { None };
        for maker in role::IN_A_REALM {
            for role in role::IN_A_REALM {
                let covers = builtin(maker).expect("there").covers(builtin(role).expect("there"));
                assert_eq!(
                    make(&who(maker, 1, None), role, bound(role)).is_ok(),
                    covers,
                    "{maker} makes {role}"
                );
            }
        }
        assert!(
            make(&who(role::REALM_ADMIN, 1, shop), role::CLIENT, Some(ClientId([3; 16]))).is_err(),
            "another client's"
        );
        let abroad = Who { realm: Some(RealmId([5; 16])), ..who(role::REALM_ADMIN, 1, None) };
        assert!(make(&abroad, role::VIEWER, None).is_err(), "another realm's");
    }

    #[test]
    fn keys_that_made_one_another_are_in_the_same_hands_and_rotation_does_not_hide_it() {
        let by_root = make(&who(role::ROOT, 1, None), role::REALM_ADMIN, None).expect("root may");
        assert_eq!(by_root.lineage, Some(Lineage([9; 16])), "the first of its line");
        let by_admin = make(&who(role::REALM_ADMIN, 4, None), role::REALM_ADMIN, None).expect("an equal");
        assert_eq!(by_admin.lineage, Some(Lineage([4; 16])));
        assert_eq!(
            lineage_after(&who(role::REALM_ADMIN, 4, None), &by_root),
            Some(Lineage([4; 16])),
            "it is in other hands now"
        );
        assert_eq!(lineage_after(&who(role::ROOT, 1, None), &by_admin), by_admin.lineage);
    }

    #[test]
    fn nobody_strips_a_role_of_what_they_lack() {
        let of = |all: &[Permission]| all.iter().copied().collect::<Permissions>();
        let lesser = Who { permissions: of(&[Permission::Realm]), ..who(role::REALM_ADMIN, 1, None) };
        assert!(role(&lesser, "agents", Some(REALM), Some(of(&[Permission::Accounts])), of(&[])).is_err());
        assert!(role(&lesser, "agents", Some(REALM), Some(of(&[Permission::RealmRead])), of(&[])).is_ok());
        assert!(
            role(&who(role::ROOT, 1, None), role::CLIENT, Some(REALM), None, of(&[])).is_err(),
            "builtin ones stay as they are"
        );
    }
}
