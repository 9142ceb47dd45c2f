//! Users, their attributes and their legal holds. Their phones are managed through the actors'
//! handle `Accounts`.

use std::collections::BTreeMap;

use countersign_ports::{Fault, time::Time};
use countersign_protocol::ids::RealmId;

use crate::{
    Refused,
    audit::Who,
    flows::people,
    ports::{Page, Ports, UserQuery},
    realm::OpenRealm,
    refused::Stop,
    user::{Hold, User},
};

/// The users of realms.
#[derive(Clone)]
pub struct Users(Ports);

impl Users {
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self(ports)
    }

    /// Returns a user.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn find(&self, realm: RealmId, user_id: &str) -> Result<Option<User>, Fault> {
        self.0.store.user(realm, user_id).await
    }

    /// Lists users.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn list(&self, realm: RealmId, query: &UserQuery) -> Result<Page<User, (Time, String)>, Fault> {
        self.0.store.users(realm, query).await
    }

    /// Makes a user, or changes its display name. Returns the user as stored.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn put(
        &self,
        realm: RealmId,
        user_id: &str,
        display_name: Option<String>,
        who: Who,
    ) -> Result<User, Fault> {
        let user = User { realm, user_id: user_id.to_owned(), display_name, created_at: self.0.now() };
        self.0.store.put_user(&user, &self.0.stamp(who)).await
    }

    /// Returns a user's attributes.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn attributes(&self, realm: RealmId, user_id: &str) -> Result<BTreeMap<String, String>, Fault> {
        self.0.store.attributes(realm, user_id).await
    }

    /// Sets attributes, and removes those without a value.
    ///
    /// # Errors
    /// [`Refused::NotFound`], [`Refused::LegalHold`].
    pub async fn set_attributes(
        &self,
        realm: RealmId,
        user_id: &str,
        change: &BTreeMap<String, Option<String>>,
        who: Who,
    ) -> Result<(), Stop> {
        match self.0.store.set_attributes(realm, user_id, change, &self.0.stamp(who)).await? {
            None => Err(Refused::LegalHold.into()),
            Some(false) => Err(Refused::NotFound.into()),
            Some(true) => Ok(()),
        }
    }

    /// Lists legal holds by user id, beginning after `after`.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn holds(&self, realm: RealmId, after: Option<&str>, limit: u32) -> Result<Vec<Hold>, Fault> {
        self.0.store.holds(realm, after, limit).await
    }

    /// Places a legal hold on a user.
    ///
    /// # Errors
    /// As [`people::hold`].
    pub async fn hold(
        &self,
        realm: &OpenRealm,
        user_id: &str,
        reason: Option<String>,
        who: Who,
    ) -> Result<Hold, Stop> {
        people::hold(&self.0, realm, user_id, reason, who).await
    }

    /// Lifts a legal hold.
    ///
    /// # Errors
    /// As [`people::lift_hold`].
    pub async fn lift_hold(&self, realm: &OpenRealm, user_id: &str, who: Who) -> Result<(), Stop> {
        people::lift_hold(&self.0, realm, user_id, who).await
    }
}
