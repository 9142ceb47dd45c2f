//! How much authority an actor has, and which keys are related.
//!
//! A key that blocked, deleted or erased a user's phone does not let in the next one, and neither
//! does a related key. Unblocking takes as much authority as blocking did. A stolen key can
//! therefore take a phone away from a user, or give the user another phone, but not both.

use crate::permission::{Permission, Permissions};

/// The authority with which something is done, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Authority {
    /// No authority over other people: an ordinary client, or an actor without a key.
    None = 0,
    /// One of the user's own phones.
    Phone = 1,
    /// A key that may block accounts but not unblock them: a help desk.
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

    /// The authority of a key with these permissions.
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

/// The common origin of keys that made one another: the id of the first of them, which was made by
/// root or by the program. Rotation by the key itself or by root keeps it. A key from before
/// lineages were recorded has none, and counts as related to every other key without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lineage(pub [u8; 16]);

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
