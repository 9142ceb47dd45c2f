//! What a key may do: permissions, and roles that bundle them.

use countersign_protocol::ids::RealmId;

use crate::time::Time;

macro_rules! permissions {
    ($($(#[$m:meta])* $variant:ident = $bit:literal $text:literal),* $(,)?) => {
        /// One thing a key may do. The first nine count inside a realm, `Realms` and `Root` everywhere.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Permission { $($(#[$m])* $variant),* }

        impl Permission {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The spelling in REST and SQL.
            #[must_use]
            pub fn as_str(self) -> &'static str { match self { $(Self::$variant => $text),* } }

            #[must_use]
            pub fn parse(text: &str) -> Option<Self> { Self::ALL.iter().copied().find(|p| p.as_str() == text) }

            fn bit(self) -> u16 { match self { $(Self::$variant => 1 << $bit),* } }
        }
    };
}

permissions! {
    /// Logins.
    Logins = 0 "logins",
    /// Transactions to sign.
    Signings = 1 "signings",
    /// Users, their attributes, enrolments.
    Users = 2 "users",
    /// Accounts: look, block, unblock, delete.
    Accounts = 3 "accounts",
    /// Messages to accounts.
    Messages = 4 "messages",
    /// Webhooks.
    Webhooks = 5 "webhooks",
    /// The trail and its events.
    Audit = 6 "audit",
    /// Clients and the API keys of the realm.
    Clients = 7 "clients",
    /// The realm itself: settings, roles, apps, quarantine.
    Realm = 8 "realm",
    /// Making realms.
    Realms = 9 "realms",
    /// Everything.
    Root = 10 "root",
    /// Doing a client's work without being it.
    ActForClient = 11 "act_for_client",
}

impl Permission {
    /// Whether it means something only to a key that is not bound to a realm.
    #[must_use]
    pub fn is_global(self) -> bool {
        matches!(self, Self::Realms | Self::Root)
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u16);

impl Permissions {
    /// Whether this one is in the set; `Root` stands for all.
    #[must_use]
    pub fn has(self, p: Permission) -> bool {
        self.0 & (p.bit() | Permission::Root.bit()) != 0
    }

    /// Whether everything in `other` is here, too: nobody gives away what he does not have.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        Permission::ALL.iter().all(|p| other.0 & p.bit() == 0 || self.has(*p))
    }

    /// Whether a key that has these may make a role or key that has those. Beyond what it has, only acting for clients: whoever administers clients could be
    /// each of them.
    #[must_use]
    pub fn may_give(self, those: Self) -> bool {
        self.covers(those.iter().filter(|p| *p != Permission::ActForClient).collect())
    }

    /// The members.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |p| self.0 & p.bit() != 0)
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(all: I) -> Self {
        Self(all.into_iter().fold(0, |set, p| set | p.bit()))
    }
}

/// Names of the roles that are there without being made.
pub mod role {
    pub const ROOT: &str = "root";
    pub const REALM_ADMIN: &str = "realm-admin";
    pub const CLIENT: &str = "client";
}

/// A bundle of permissions with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Where it counts; `None` is everywhere.
    pub realm: Option<RealmId>,
    pub name: String,
    pub permissions: Permissions,
    pub created_at: Time,
}

/// The permissions of a role that is there without being made.
#[must_use]
pub fn builtin(name: &str) -> Option<Permissions> {
    use Permission as P;
    let of = |all: &[P]| Some(all.iter().copied().collect());
    match name {
        role::ROOT => of(&[P::Root]),
        role::REALM_ADMIN => of(&[P::Logins, P::Signings, P::Users, P::Accounts, P::Messages, P::Webhooks, P::Audit, P::Clients, P::Realm]),
        role::CLIENT => of(&[P::Logins, P::Signings, P::Users, P::Accounts, P::Messages, P::Webhooks]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_covers_more_than_he_has_and_root_covers_everything() {
        let admin = builtin(role::REALM_ADMIN).expect("there");
        let client = builtin(role::CLIENT).expect("there");
        let root = builtin(role::ROOT).expect("there");
        assert!(admin.covers(client) && !client.covers(admin) && root.covers(admin) && !admin.covers(root));
        let agent: Permissions = [Permission::Logins, Permission::ActForClient].into_iter().collect();
        assert!(!admin.covers(agent) && admin.may_give(agent) && !admin.may_give(root) && !client.may_give(admin));
        assert!(!admin.has(Permission::ActForClient) && root.has(Permission::ActForClient));
        assert_eq!(root.iter().collect::<Vec<_>>(), [Permission::Root]);
        assert_eq!(Permission::ALL.iter().copied().collect::<Permissions>().iter().count(), Permission::ALL.len());
    }
}
