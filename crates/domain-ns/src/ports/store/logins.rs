//! Outcomes of logins, their redemptions and their ends.

use async_trait::async_trait;
use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, ClientId, LoginId, RealmId},
};

use super::Page;
use crate::{
    account::Account,
    audit::Stamp,
    login::{EndedBy, Initiator, Outcome, Record},
};
use countersign_ports::{Fault, time::Time};

/// Result of [`Logins::record_outcome`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// This is the outcome of the login; no other can follow.
    Won,
    /// The login had this outcome already.
    Lost(Box<Record>),
    /// It would approve for an account that is not active (any more).
    AccountNotActive(AccountState),
    /// The attestation that proves the second factor was used before. Nothing was written.
    Spent,
}

/// Result of [`Logins::redeem`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// Redeemed now, by this account.
    Won(Box<Account>),
    /// The login was redeemed before.
    Lost,
    /// The login has ended in the meantime.
    Ended,
    /// The account is not active any more.
    AccountNotActive,
    /// The client does not accept enrolments of the client that invited this phone.
    NotAccepted,
}

/// Outcomes of logins, their redemptions and their ends.
#[async_trait]
pub trait Logins: Send + Sync {
    /// Records the outcome of a login by its only INSERT. An approval checks in the same
    /// transaction that the account is active, and uses up its attestation.
    async fn record_outcome(&self, outcome: &Outcome, stamp: &Stamp) -> Result<Recorded, Fault>;
    async fn outcome(&self, realm: RealmId, login: LoginId) -> Result<Option<Record>, Fault>;
    /// Records the redemption of a login by its only INSERT; `account` is the one that approved it.
    async fn redeem(&self, approved: &Outcome, account: AccountId, stamp: &Stamp) -> Result<Redeemed, Fault>;
    /// Whether exactly this keyed request redeemed it.
    async fn redeemed_by(&self, realm: RealmId, login: LoginId, request: &[u8; 16]) -> Result<bool, Fault>;
    /// Records the end of a login by its only INSERT. False when it has ended already.
    async fn end_login(
        &self,
        realm: RealmId,
        login: LoginId,
        by: EndedBy,
        stamp: &Stamp,
    ) -> Result<bool, Fault>;
    /// Approved logins of one account that have not ended, those with the latest end of lifetime
    /// first.
    async fn running_logins(
        &self,
        realm: RealmId,
        account: AccountId,
        now: Time,
    ) -> Result<Vec<Record>, Fault>;
    /// Approved logins of one user that have not ended, those with the latest end of lifetime
    /// first.
    async fn running_logins_of_user(
        &self,
        realm: RealmId,
        user_id: &str,
        client: Option<ClientId>,
        now: Time,
    ) -> Result<Vec<Record>, Fault>;
    /// Ends all running logins of a user, at one client or all. Returns those it ended.
    async fn end_logins_of_user(
        &self,
        realm: RealmId,
        user_id: &str,
        client: Option<ClientId>,
        stamp: &Stamp,
    ) -> Result<Vec<LoginId>, Fault>;
    /// Where the user's latest approved logins came from.
    async fn initiators_of_user(&self, realm: RealmId, user_id: &str) -> Result<Vec<Initiator>, Fault>;
    /// Every outcome of a user, ordered by the end of the session and the login's id, beginning
    /// after `after`.
    async fn outcomes_of_user(
        &self,
        realm: RealmId,
        user_id: &str,
        after: Option<(Time, LoginId)>,
        limit: u32,
    ) -> Result<Page<Record, (Time, LoginId)>, Fault>;
}
