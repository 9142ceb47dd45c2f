//! The audit trail: who did what. Each row is written in the transaction of the change it records.
//! In the order of the commits, the rows are the event feed.

mod difference;

use countersign_protocol::ids::{AccountId, ApiKeyId, AuditId, ClientId, RealmId};

use crate::{
    authority::{Authority, Lineage},
    permission::Permissions,
};
use countersign_ports::{random::id_from, secret::sha256, time::Time};

pub use difference::{changed, difference};

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A REST caller.
    Key(ApiKeyId),
    /// A phone.
    Account(AccountId),
    /// A phone that is enrolling.
    Phone,
    /// The browser that asked for a login.
    Page,
    /// The program itself (expiry, bootstrap).
    System,
}

/// A keyed request (`Idempotency-Key`). What it makes gets this id, and a repetition must have the
/// same body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Derived from caller, realm, route and key.
    pub id: [u8; 16],
    /// SHA-256 of the body.
    pub hash: [u8; 32],
}

/// On whose behalf something is done. It is passed from the entry point down to the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    pub actor: Actor,
    /// The client the actor is, or acts for.
    pub client: Option<ClientId>,
    pub mark: Option<Mark>,
    /// What a key may do; empty for every other actor.
    pub permissions: Permissions,
    /// The origin that the key shares with related keys.
    pub lineage: Option<Lineage>,
    /// The realm that a key is bound to; `None` means every realm.
    pub realm: Option<RealmId>,
}

impl Who {
    /// The authority of this actor.
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

impl From<Actor> for Who {
    fn from(actor: Actor) -> Self {
        Self {
            actor,
            client: None,
            mark: None,
            permissions: Permissions::default(),
            lineage: None,
            realm: None,
        }
    }
}

/// When and by whom a write is made, and for which keyed request. Every write takes one.
#[derive(Clone, Debug)]
pub struct Stamp {
    pub id: AuditId,
    pub now: Time,
    pub who: Who,
}

impl Stamp {
    /// The stamp of the `n`th of several rows of the same change: each row has an id of its own.
    #[must_use]
    pub fn part(&self, n: usize) -> Self {
        let id = id_from(&sha256(&[&self.id.0[..], &(n as u64).to_be_bytes()].concat()));
        Self { id: AuditId(id), who: Who { mark: None, ..self.who }, ..self.clone() }
    }
}

/// How long a row of the trail is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Logins that no phone claimed: kept for `unclaimed_hours`.
    Unclaimed = 0,
    /// Who changed what: kept for `trail_days`.
    Security = 1,
    /// What proves a decision, an account or an enrolment: kept as long as outcomes.
    Evidence = 2,
    /// Changes that shorten retention: kept for ever.
    Always = 3,
}

impl Class {
    pub const ALL: [Self; 4] = [Self::Unclaimed, Self::Security, Self::Evidence, Self::Always];

    /// The number in SQL.
    #[must_use]
    pub fn code(self) -> i32 {
        self as i32
    }

    /// The class of a row with this action. A login that expired or was cancelled without having
    /// been claimed has no user.
    #[must_use]
    pub fn of(action: &str, about: &About) -> Self {
        match action.split_once('.') {
            Some(("login", "expired" | "cancelled")) if about.user_id.is_none() => Self::Unclaimed,
            Some(("login" | "account" | "enrolment" | "hold", _)) | Some(("user", "erased" | "deleted")) => {
                Self::Evidence
            }
            Some(("realm", "retention_lowered")) => Self::Always,
            _ => Self::Security,
        }
    }
}

/// What a row is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    pub realm: Option<RealmId>,
    /// Id of the object.
    pub object: String,
    /// The client the object belongs to; if absent, the row gets the actor's client.
    pub client: Option<ClientId>,
    pub user_id: Option<String>,
    /// A further detail, such as a reason, a number or a name. Never a secret.
    pub detail: Option<String>,
}

impl About {
    /// An object of a realm.
    #[must_use]
    pub fn of(realm: RealmId, object: impl ToString) -> Self {
        Self { realm: Some(realm), object: object.to_string(), ..Self::default() }
    }

    #[must_use]
    pub fn client(mut self, client: ClientId) -> Self {
        self.client = Some(client);
        self
    }

    #[must_use]
    pub fn user(mut self, user_id: impl Into<String>) -> Self {
        self.user_id = Some(user_id.into());
        self
    }

    #[must_use]
    pub fn detail(mut self, detail: Option<impl Into<String>>) -> Self {
        self.detail = detail.map(Into::into);
        self
    }
}

/// One row of the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Position in the feed, assigned after the commit: rows that join the feed later have higher
    /// ones.
    pub seq: u64,
    pub id: AuditId,
    pub at: Time,
    /// `key:…`, `account:…`, `phone`, `page`, `system`.
    pub actor: String,
    /// Like `login.approved`.
    pub action: String,
    pub about: About,
}

/// Selects rows of the trail, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub realm: Option<RealmId>,
    pub after: u64,
    pub client: Option<ClientId>,
    pub user_id: Option<String>,
    /// A whole action, or its first part: `login` finds `login.approved`.
    pub action: Option<String>,
    pub object: Option<String>,
    pub limit: u32,
}

impl Actor {
    /// The spelling in the audit trail.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Key(id) => format!("key:{id}"),
            Self::Account(id) => format!("account:{id}"),
            Self::Phone => "phone".to_owned(),
            Self::Page => "page".to_owned(),
            Self::System => "system".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_claimed_is_kept_for_hours_and_what_proves_something_for_years() {
        let nobody = About::default();
        let somebody = About::default().user("alice");
        for (action, about, class) in [
            ("login.expired", &nobody, Class::Unclaimed),
            ("login.cancelled", &nobody, Class::Unclaimed),
            ("login.cancelled", &somebody, Class::Evidence),
            ("login.approved", &somebody, Class::Evidence),
            ("enrolment.confirmed", &somebody, Class::Evidence),
            ("account.blocked", &somebody, Class::Evidence),
            ("user.erased", &nobody, Class::Evidence),
            ("user.changed", &somebody, Class::Security),
            ("api_key.created", &nobody, Class::Security),
            ("realm.changed", &nobody, Class::Security),
            ("realm.retention_lowered", &nobody, Class::Always),
        ] {
            assert_eq!(Class::of(action, about), class, "{action}");
        }
    }
}
