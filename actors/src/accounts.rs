//! The handle for accounts, as REST uses it.

use std::sync::Arc;

use countersign_domain::{
    account::{Account, Event},
    audit::Actor,
    flows::account,
    realm::OpenRealm,
    refused::{Fault, Stop},
};
use countersign_protocol::ids::AccountId;

use crate::{heart::Shared, registry::message::IsHere, work::to_the_end};

/// What may be done to accounts from outside. IO runs in the caller's task.
#[derive(Clone)]
pub struct Accounts(Arc<Shared>);

impl Accounts {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// The account, deleted ones included.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn look(&self, realm: &OpenRealm, id: AccountId) -> Result<Option<Account>, Fault> {
        self.0.ports.store.account(realm.realm.id, id).await
    }

    /// Those of one user, or all; without deleted ones.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn list(&self, realm: &OpenRealm, user_id: Option<&str>) -> Result<Vec<Account>, Fault> {
        self.0.ports.store.accounts(realm.realm.id, user_id).await
    }

    /// Blocks, unblocks or deletes; its phone learns of it at once.
    ///
    /// # Errors
    /// Why not.
    pub async fn change(&self, realm: &Arc<OpenRealm>, id: AccountId, event: Event, actor: Actor) -> Result<Account, Stop> {
        let (shared, realm) = (self.0.clone(), realm.clone());
        to_the_end(async move { account::change(&shared.ports, &realm, id, event, actor).await }).await
    }

    /// Whether a phone is connected with it.
    pub async fn online(&self, id: AccountId) -> bool {
        self.0.messages.send(IsHere(id)).await.unwrap_or(false)
    }
}
