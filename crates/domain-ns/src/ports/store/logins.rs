//! Outcomes, and what becomes of them.

use async_trait::async_trait;
use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, ClientId, LoginId, RealmId},
};

use crate::{
    account::Account,
    audit::Stamp,
    login::{EndedBy, Initiator, Outcome, Record},
};
use countersign_ports::{Fault, time::Time};

/// What became of an outcome's INSERT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// This one is the outcome, for ever.
    Won,
    /// The login had its outcome already: this one.
    Lost(Box<Record>),
    /// It would approve for an account that is not active (any more).
    AccountNotActive(AccountState),
}

/// What became of a redemption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// Once, by this account; or the same keyed request again.
    Won(Box<Account>),
    /// Somebody redeemed it before.
    Lost,
    /// The login has ended meanwhile.
    Ended,
    /// The account is not active any more.
    AccountNotActive,
    /// The client does not accept enrolments of the client that invited this phone.
    NotAccepted,
}

/// Outcomes, redemptions, ends.
#[async_trait]
pub trait Logins: Send + Sync {
    /// The one INSERT of an outcome. An approval checks in the same transaction that the account is
    /// active.
    async fn record_outcome(&self, outcome: &Outcome, stamp: &Stamp) -> Result<Recorded, Fault>;
    async fn outcome(&self, realm: RealmId, login: LoginId) -> Result<Option<Record>, Fault>;
    /// The one INSERT of a redemption: this account approved this outcome.
    async fn redeem(&self, approved: &Outcome, account: AccountId, stamp: &Stamp) -> Result<Redeemed, Fault>;
    /// Whether this very keyed request redeemed it.
    async fn redeemed_by(&self, realm: RealmId, login: LoginId, request: &[u8; 16]) -> Result<bool, Fault>;
    /// The one INSERT of an end. False when it has ended already.
    async fn end_login(
        &self,
        realm: RealmId,
        login: LoginId,
        by: EndedBy,
        stamp: &Stamp,
    ) -> Result<bool, Fault>;
    /// Approved and not ended, of one account, newest first.
    async fn running_logins(
        &self,
        realm: RealmId,
        account: AccountId,
        now: Time,
    ) -> Result<Vec<Record>, Fault>;
    /// Approved and not ended, of one user, newest first.
    async fn running_logins_of_user(
        &self,
        realm: RealmId,
        user_id: &str,
        client: Option<ClientId>,
        now: Time,
    ) -> Result<Vec<Record>, Fault>;
    /// Ends everything a user has approved, at one client or all; gives what it ended.
    async fn end_logins_of_user(
        &self,
        realm: RealmId,
        user_id: &str,
        client: Option<ClientId>,
        stamp: &Stamp,
    ) -> Result<Vec<LoginId>, Fault>;
    /// Where the user's newest approved logins came from.
    async fn initiators_of_user(&self, realm: RealmId, user_id: &str) -> Result<Vec<Initiator>, Fault>;
    /// Every outcome of a user, oldest first, beginning after `after`.
    async fn outcomes_of_user(
        &self,
        realm: RealmId,
        user_id: &str,
        after: Option<LoginId>,
        limit: u32,
    ) -> Result<Vec<Record>, Fault>;
}
