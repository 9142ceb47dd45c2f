//! Who did what. Each row rides in the transaction of its deed.

use countersign_protocol::ids::{AccountId, ApiKeyId, AuditId, RealmId};

use crate::time::Time;

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

/// When, by whom, under which request: goes with every write.
#[derive(Clone, Debug)]
pub struct Stamp {
    pub id: AuditId,
    pub now: Time,
    pub actor: Actor,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: AuditId,
    pub realm: Option<RealmId>,
    pub at: Time,
    /// `key:…`, `account:…`, `phone`, `page`, `system`.
    pub actor: String,
    /// Like `login.approved`.
    pub action: String,
    /// Id of the object.
    pub object: String,
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
