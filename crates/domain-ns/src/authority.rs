//! How much authority somebody acts with, and which keys are in the same hands.
//!
//! Whoever blocked, deleted or erased a phone does not let in the next one, and unblocking takes as
//! much authority as blocking did: a stolen key can take a phone away from a user, or give a user
//! another phone, but not both.

use crate::{
    audit::{Actor, Who},
    permission::{Permission, Permissions},
};

/// With how much authority something is done. A later one is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Authority {
    /// None over other people: an ordinary client, or somebody without a key.
    None = 0,
    /// One of the user's own phones.
    Phone = 1,
    /// A key that may block accounts, and not let them go: a help desk.
    Block = 2,
    /// A key that manages accounts.
    Accounts = 3,
    /// An administrator of the realm.
    Realm = 4,
    /// Root, or the program itself.
    Root = 5,
}

impl Authority {
    pub const ALL: [Self; 6] =
        [Self::None, Self::Phone, Self::Block, Self::Accounts, Self::Realm, Self::Root];

    /// The number in SQL.
    #[must_use]
    pub fn rank(self) -> i32 {
        self as i32
    }

    #[must_use]
    pub fn from_rank(rank: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.rank() == rank)
    }

    /// Of a key with these permissions.
    #[must_use]
    pub fn of(permissions: Permissions) -> Self {
        let ranks = [
            (Permission::Root, Self::Root),
            (Permission::Realm, Self::Realm),
            (Permission::Accounts, Self::Accounts),
            (Permission::AccountsBlock, Self::Block),
        ];
        ranks.into_iter().find(|(p, _)| permissions.has(*p)).map_or(Self::None, |(_, rank)| rank)
    }
}

/// Keys that made one another have one lineage: the id of the first of them, which was made by root
/// or the program. Rotation keeps it. A key from before this was kept has none, and is taken for
/// the relative of every other such key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lineage(pub [u8; 16]);

impl Who {
    /// With how much authority this is done.
    #[must_use]
    pub fn authority(&self) -> Authority {
        match self.actor {
            Actor::System => Authority::Root,
            Actor::Account(_) => Authority::Phone,
            Actor::Phone | Actor::Page => Authority::None,
            Actor::Key(_) => Authority::of(self.permissions),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::{builtin, role};

    #[test]
    fn roles_have_the_authority_that_their_widest_permission_gives() {
        let expected = [
            (role::ROOT, Authority::Root),
            (role::REALM_ADMIN, Authority::Realm),
            (role::HELP_DESK, Authority::Block),
            (role::REGISTRAR, Authority::None),
            (role::CLIENT, Authority::None),
            (role::AUDITOR, Authority::None),
            (role::VIEWER, Authority::None),
        ];
        for (role, authority) in expected {
            assert_eq!(Authority::of(builtin(role).expect("there")), authority, "{role}");
        }
        for authority in Authority::ALL {
            assert_eq!(Authority::from_rank(authority.rank()), Some(authority));
        }
    }
}
