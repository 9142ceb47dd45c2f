//! What a key may do: permissions, and roles that bundle them.

use countersign_protocol::ids::RealmId;

use countersign_ports::time::Time;

macro_rules! permissions {
    ($($(#[$m:meta])* $variant:ident = $bit:literal $text:literal),* $(,)?) => {
        /// One thing a key may do. `Realms` and `Root` are global, the others apply inside a realm.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Permission { $($(#[$m])* $variant),* }

        impl Permission {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The spelling in REST and SQL.
            #[must_use]
            pub fn as_str(self) -> &'static str { match self { $(Self::$variant => $text),* } }

            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|p| p.as_str() == text) }

            fn bit(self) -> u32 { match self { $(Self::$variant => 1 << $bit),* } }
        }
    };
}

permissions! {
    /// Logins.
    Logins = 0 "logins",
    /// Transactions to sign.
    Signings = 1 "signings",
    /// Users and their attributes.
    Users = 2 "users",
    /// Accounts: look, rename, block, unblock, delete.
    Accounts = 3 "accounts",
    /// Messages to accounts.
    Messages = 4 "messages",
    /// Webhooks.
    Webhooks = 5 "webhooks",
    /// The trail and everything that is exported from it.
    Audit = 6 "audit",
    /// Clients and the API keys of the realm.
    Clients = 7 "clients",
    /// The realm itself: settings, roles, apps, quarantine; admitting phones, erasing people, legal
    /// holds.
    Realm = 8 "realm",
    /// Making realms.
    Realms = 9 "realms",
    /// Everything.
    Root = 10 "root",
    /// Acting for a client without being that client.
    ActForClient = 11 "act_for_client",
    /// Inviting phones, and taking invitations back.
    Enrolments = 12 "enrolments",
    /// Typing the number that a new phone shows.
    EnrolmentsConfirm = 13 "enrolments_confirm",
    /// Blocking accounts, and nothing else about them.
    AccountsBlock = 14 "accounts_block",
    /// The event feed of the realm.
    Events = 15 "events",
    /// Looking at users and their attributes.
    UsersRead = 16 "users_read",
    /// Looking at accounts.
    AccountsRead = 17 "accounts_read",
    /// Looking at clients, and at API keys without their secrets.
    ClientsRead = 18 "clients_read",
    /// Looking at settings, roles, apps and quarantine.
    RealmRead = 19 "realm_read",
    /// Asking for a login without a number where the realm requires one.
    NumberOff = 20 "number_off",
}

impl Permission {
    /// Whether it means something only for a key that is not bound to a realm.
    #[must_use]
    pub fn is_global(self) -> bool {
        matches!(self, Self::Realms | Self::Root)
    }

    /// The permission that includes this one: a key that may change something may also look at it.
    #[must_use]
    pub fn part_of(self) -> Option<Self> {
        match self {
            Self::UsersRead => Some(Self::Users),
            Self::AccountsRead | Self::AccountsBlock => Some(Self::Accounts),
            Self::ClientsRead => Some(Self::Clients),
            Self::RealmRead => Some(Self::Realm),
            Self::Events => Some(Self::Audit),
            _ => None,
        }
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u32);

impl Permissions {
    /// Whether this one is in the set, by itself or as part of another; `Root` includes all.
    #[must_use]
    pub fn has(self, p: Permission) -> bool {
        let wider = p.part_of().map_or(0, Permission::bit);
        self.0 & (p.bit() | wider | Permission::Root.bit()) != 0
    }

    /// The union of both sets.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether this set includes everything in `other`.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        Permission::ALL.iter().all(|p| other.0 & p.bit() == 0 || self.has(*p))
    }

    /// Whether a key with these permissions may make a role or a key with `those`. It must have all
    /// of them itself, except that a key which administers clients may also give `ActForClient`,
    /// because it could make a key for each of them.
    #[must_use]
    pub fn may_give(self, those: Self) -> bool {
        let own = self.has(Permission::ActForClient) || self.has(Permission::Clients);
        (own || !those.has(Permission::ActForClient))
            && self.covers(those.iter().filter(|p| *p != Permission::ActForClient).collect())
    }

    /// The permissions in the set, without those that they include.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |p| self.0 & p.bit() != 0)
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(all: I) -> Self {
        Self(all.into_iter().fold(0, |set, p| set | p.bit()))
    }
}

/// Names of the built-in roles.
pub mod role {
    pub const ROOT: &str = "root";
    pub const REALM_ADMIN: &str = "realm-admin";
    pub const CLIENT: &str = "client";
    pub const REGISTRAR: &str = "registrar";
    pub const HELP_DESK: &str = "help_desk";
    pub const AUDITOR: &str = "auditor";
    pub const VIEWER: &str = "viewer";

    /// Built-in roles that were added later, so that a custom role of the same name may exist. Then
    /// the custom role applies, so that no key gains permissions by an upgrade.
    pub const LATER: [&str; 4] = [REGISTRAR, HELP_DESK, AUDITOR, VIEWER];

    /// All built-in roles that apply inside a realm. Each role comes after those that it includes.
    pub const IN_A_REALM: [&str; 6] = [CLIENT, REGISTRAR, HELP_DESK, VIEWER, AUDITOR, REALM_ADMIN];
}

/// A bundle of permissions with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The realm whose keys may have it; `None` for keys that are bound to no realm.
    pub realm: Option<RealmId>,
    pub name: String,
    pub permissions: Permissions,
    pub created_at: Time,
}

/// The permissions of a built-in role.
#[must_use]
pub fn builtin(name: &str) -> Option<Permissions> {
    use Permission as P;
    const CLIENT: &[P] = &[P::Logins, P::Signings, P::Messages, P::Webhooks];
    let of = |all: &[P]| Some(all.iter().copied().collect());
    match name {
        role::ROOT => of(&[P::Root]),
        role::REALM_ADMIN => {
            let not_given = |p: P| p.is_global() || p == P::ActForClient;
            Some(P::ALL.iter().copied().filter(|p| !not_given(*p) && p.part_of().is_none()).collect())
        }
        role::CLIENT => of(CLIENT),
        role::REGISTRAR => {
            of(&[CLIENT, &[P::Enrolments, P::EnrolmentsConfirm, P::Users, P::AccountsRead]].concat())
        }
        role::HELP_DESK => of(&[P::UsersRead, P::AccountsRead, P::AccountsBlock, P::Enrolments]),
        role::AUDITOR => of(&[P::Audit, P::UsersRead, P::AccountsRead, P::ClientsRead, P::RealmRead]),
        role::VIEWER => of(&[P::RealmRead]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_covers_more_than_they_have_and_root_covers_everything() {
        let admin = builtin(role::REALM_ADMIN).expect("there");
        let client = builtin(role::CLIENT).expect("there");
        let root = builtin(role::ROOT).expect("there");
        assert!(admin.covers(client) && !client.covers(admin) && root.covers(admin) && !admin.covers(root));
        let agent: Permissions = [Permission::Logins, Permission::ActForClient].into_iter().collect();
        assert!(
            !admin.covers(agent) && admin.may_give(agent) && !admin.may_give(root) && !client.may_give(admin)
        );
        assert!(!client.may_give(agent) && client.may_give([Permission::Logins].into_iter().collect()));
        assert!(!admin.has(Permission::ActForClient) && root.has(Permission::ActForClient));
        for name in role::IN_A_REALM {
            let role = builtin(name).expect("there");
            assert!(
                admin.covers(role)
                    && admin.may_give(role)
                    && (name == role::REALM_ADMIN || !role.covers(admin)),
                "{name}"
            );
        }
        let of = |p| [p].into_iter().collect::<Permissions>();
        for (part, whole) in Permission::ALL.iter().filter_map(|p| p.part_of().map(|whole| (*p, whole))) {
            assert!(
                of(whole).covers(of(part)) && !of(part).covers(of(whole)),
                "{part:?} is part of {whole:?}"
            );
        }
        assert_eq!(root.iter().collect::<Vec<_>>(), [Permission::Root]);
        assert_eq!(
            Permission::ALL.iter().copied().collect::<Permissions>().iter().count(),
            Permission::ALL.len()
        );
    }
}
