//! The handle for accounts that REST uses.

use std::sync::Arc;

use countersign_actors_shell::{IsHere, run_to_completion};
use countersign_domain_ns::{
    account::{Account, Event, peer},
    audit::Who,
    flows::{account, people, siblings},
    ports::{AccountQuery, Page},
    realm::OpenRealm,
    refused::Stop,
};
use countersign_ports::{Fault, time::Time};
use countersign_protocol::ids::AccountId;

use crate::shared::Shared;

/// Operations on accounts from outside. IO runs in the caller's task.
#[derive(Clone)]
pub struct Accounts(Arc<Shared>);

impl Accounts {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Returns the account, even if it is deleted.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn look(&self, realm: &OpenRealm, id: AccountId) -> Result<Option<Account>, Fault> {
        self.0.ports.store.account(realm.id(), id).await
    }

    /// Lists the accounts that match the query, without deleted ones.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn list(
        &self,
        realm: &OpenRealm,
        query: &AccountQuery,
    ) -> Result<Page<Account, (Time, AccountId)>, Fault> {
        self.0.ports.store.accounts(realm.id(), query).await
    }

    /// Lists the accounts of one user.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn of_user(&self, realm: &OpenRealm, user_id: &str) -> Result<Vec<Account>, Fault> {
        siblings::of_user(&self.0.ports, realm.id(), user_id).await
    }

    /// Renames the phone and notifies the user's other phones.
    ///
    /// # Errors
    /// A fault of a port.
    pub async fn rename(
        &self,
        realm: &Arc<OpenRealm>,
        account: Account,
        device: String,
        who: Who,
    ) -> Result<Account, Stop> {
        let (shared, realm) = (self.0.clone(), realm.clone());
        run_to_completion(async move {
            let ports = &shared.ports;
            ports.store.rename_account(realm.id(), account.id, &device, &ports.stamp(who)).await?;
            siblings::tell_siblings(ports, realm.id(), account.id, &account.user_id).await?;
            Ok(Account { device, ..account })
        })
        .await
    }

    /// Blocks, unblocks or deletes an account and notifies its phone at once.
    ///
    /// # Errors
    /// When the change is refused, or a port fails.
    pub async fn change(
        &self,
        realm: &Arc<OpenRealm>,
        id: AccountId,
        event: Event,
        who: Who,
    ) -> Result<Account, Stop> {
        let (shared, realm) = (self.0.clone(), realm.clone());
        run_to_completion(async move { account::change(&shared.ports, &realm, id, event, who).await }).await
    }

    /// See [`people::delete`].
    ///
    /// # Errors
    /// When the deletion is refused, or a port fails.
    pub async fn delete_user(&self, realm: &Arc<OpenRealm>, user_id: String, who: Who) -> Result<bool, Stop> {
        let (shared, realm) = (self.0.clone(), realm.clone());
        run_to_completion(async move { people::delete(&shared.ports, &realm, &user_id, who).await }).await
    }

    /// See [`people::erase`].
    ///
    /// # Errors
    /// When the erasure is refused, or a port fails.
    pub async fn erase_user(
        &self,
        realm: &Arc<OpenRealm>,
        user_id: String,
        who: Who,
    ) -> Result<String, Stop> {
        let (shared, realm) = (self.0.clone(), realm.clone());
        run_to_completion(async move { people::erase(&shared.ports, &realm, &user_id, who).await }).await
    }

    /// Whether each account has a connected phone on any pod, in the order of `ids`. Where other
    /// pods cannot be asked, only this pod counts.
    pub async fn online(&self, ids: &[AccountId]) -> Vec<bool> {
        let mut online = Vec::with_capacity(ids.len());
        for id in ids {
            online.push(self.0.messages.send(IsHere(peer(*id))).await.unwrap_or(false));
        }
        let not_here: Vec<_> =
            ids.iter().zip(&online).filter(|(_, here)| !**here).map(|(id, _)| peer(*id)).collect();
        let mut elsewhere = self.0.ports.presence.elsewhere(&not_here).await.unwrap_or_default().into_iter();
        online.iter_mut().filter(|here| !**here).for_each(|there| *there = elsewhere.next().unwrap_or(false));
        online
    }
}
