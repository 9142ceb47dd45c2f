//! Who did what. Each row rides in the transaction of its deed; in the order of the commits the rows are the event feed.

use countersign_protocol::ids::{AccountId, ApiKeyId, AuditId, ClientId, RealmId};

use crate::{random::id_from, secret::sha256, time::Time};

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

/// A keyed request (`Idempotency-Key`): what it makes gets this id, and repeating it must bring the same body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Derived from caller, realm, route and key.
    pub id: [u8; 16],
    /// SHA-256 of the body.
    pub hash: [u8; 32],
}

/// On whose behalf something is done: goes from the door to the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    pub actor: Actor,
    /// The client the actor is, or acts for.
    pub client: Option<ClientId>,
    pub mark: Option<Mark>,
}

impl From<Actor> for Who {
    fn from(actor: Actor) -> Self {
        Self { actor, client: None, mark: None }
    }
}

/// When, by whom, under which request: goes with every write.
#[derive(Clone, Debug)]
pub struct Stamp {
    pub id: AuditId,
    pub now: Time,
    pub actor: Actor,
    /// The client the actor is, or acts for.
    pub client: Option<ClientId>,
    pub mark: Option<Mark>,
}

impl Stamp {
    /// For one of several rows of the same deed: each row has an id of its own.
    #[must_use]
    pub fn part(&self, n: usize) -> Self {
        let id = id_from(&sha256(&[&self.id.0[..], &(n as u64).to_be_bytes()].concat()));
        Self { id: AuditId(id), mark: None, ..self.clone() }
    }
}

/// What a row is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    pub realm: Option<RealmId>,
    /// Id of the object.
    pub object: String,
    /// The client the object belongs to; without one, the actor's.
    pub client: Option<ClientId>,
    pub user_id: Option<String>,
    /// A word more: a reason, a number, a name. Never a secret.
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

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Grows with every commit.
    pub seq: u64,
    pub id: AuditId,
    pub at: Time,
    /// `key:…`, `account:…`, `phone`, `page`, `system`.
    pub actor: String,
    /// Like `login.approved`.
    pub action: String,
    pub about: About,
}

/// Which rows, oldest first.
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
