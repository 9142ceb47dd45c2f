//! Truth: SQL. Every write commits durably before it returns, together with its audit row.

use async_trait::async_trait;
use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, ApiKeyId, ClientId, EnrolmentId, Jkt, LoginId, RealmId},
};

use crate::{
    Fault,
    account::Account,
    api_key::ApiKey,
    audit,
    audit::Stamp,
    client::Client,
    enrolment::Enrolment,
    login::{EndedBy, Outcome, Record},
    realm::SealedRealm,
    user::User,
};

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
    /// Once, by this account.
    Won(Box<Account>),
    /// Somebody redeemed it before.
    Lost,
    /// The login has ended meanwhile.
    Ended,
    /// The account is not active any more.
    AccountNotActive,
}

/// The store port of NS. "Absent" is `None` or `false`; only broken infrastructure is a [`Fault`].
#[async_trait]
pub trait Store: Send + Sync {
    /// Whether the database answers.
    async fn ping(&self) -> Result<(), Fault>;

    /// False when the name is taken.
    async fn add_realm(&self, realm: &SealedRealm, stamp: &Stamp) -> Result<bool, Fault>;
    async fn realms(&self) -> Result<Vec<SealedRealm>, Fault>;

    /// False when the name is taken in the realm.
    async fn add_client(&self, client: &Client, stamp: &Stamp) -> Result<bool, Fault>;
    async fn client(&self, realm: RealmId, id: ClientId) -> Result<Option<Client>, Fault>;
    async fn clients(&self, realm: RealmId) -> Result<Vec<Client>, Fault>;
    /// Its API keys go with it.
    async fn delete_client(&self, realm: RealmId, id: ClientId, stamp: &Stamp) -> Result<bool, Fault>;

    /// False when it is for a client that is not there (any more).
    async fn add_api_key(&self, key: &ApiKey, stamp: &Stamp) -> Result<bool, Fault>;
    async fn api_key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<ApiKey>, Fault>;
    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, Fault>;
    /// Of one realm, or all.
    async fn api_keys(&self, realm: Option<RealmId>) -> Result<Vec<ApiKey>, Fault>;
    async fn delete_api_key(&self, id: ApiKeyId, stamp: &Stamp) -> Result<bool, Fault>;

    /// Makes or changes a user; gives what is there now.
    async fn put_user(&self, user: &User, stamp: &Stamp) -> Result<User, Fault>;
    async fn user(&self, realm: RealmId, user_id: &str) -> Result<Option<User>, Fault>;
    async fn users(&self, realm: RealmId) -> Result<Vec<User>, Fault>;
    async fn delete_user(&self, realm: RealmId, user_id: &str, stamp: &Stamp) -> Result<bool, Fault>;

    /// Makes the user when it does not exist.
    async fn add_enrolment(&self, enrolment: &Enrolment, stamp: &Stamp) -> Result<(), Fault>;
    async fn enrolment(&self, realm: RealmId, id: EnrolmentId) -> Result<Option<Enrolment>, Fault>;
    async fn enrolment_by_code(&self, realm: RealmId, code_hash: &[u8; 32]) -> Result<Option<Enrolment>, Fault>;
    /// Consumes the code and makes the account in one transaction. False when somebody was faster.
    async fn redeem_enrolment(&self, after: &Enrolment, account: &Account, stamp: &Stamp) -> Result<bool, Fault>;
    /// Moves an enrolment whose state and tries are still as in `before`; its account moves along. False when they are not.
    async fn move_enrolment(
        &self,
        before: &Enrolment,
        after: &Enrolment,
        account: Option<AccountState>,
        stamp: &Stamp,
    ) -> Result<bool, Fault>;

    async fn account(&self, realm: RealmId, id: AccountId) -> Result<Option<Account>, Fault>;
    async fn account_by_jkt(&self, realm: RealmId, jkt: &Jkt) -> Result<Option<Account>, Fault>;
    /// Without deleted ones; of one user, or of all.
    async fn accounts(&self, realm: RealmId, user_id: Option<&str>) -> Result<Vec<Account>, Fault>;
    /// Moves the account if it is still in `from`; ends its approved logins when it leaves `Active`. `None` when it was not in `from`, else the logins ended.
    async fn move_account(
        &self,
        realm: RealmId,
        id: AccountId,
        from: AccountState,
        to: AccountState,
        stamp: &Stamp,
    ) -> Result<Option<Vec<LoginId>>, Fault>;

    /// The one INSERT of an outcome. An approval checks in the same transaction that the account is active.
    async fn record_outcome(&self, outcome: &Outcome, stamp: &Stamp) -> Result<Recorded, Fault>;
    async fn outcome(&self, realm: RealmId, login: LoginId) -> Result<Option<Record>, Fault>;
    /// The one INSERT of a redemption.
    async fn redeem(&self, realm: RealmId, login: LoginId, account: AccountId, stamp: &Stamp) -> Result<Redeemed, Fault>;
    /// The one INSERT of an end. False when it has ended already.
    async fn end_login(&self, realm: RealmId, login: LoginId, by: EndedBy, stamp: &Stamp) -> Result<bool, Fault>;
    /// Approved and not ended, of one account, newest first.
    async fn running_logins(&self, realm: RealmId, account: AccountId) -> Result<Vec<Record>, Fault>;

    /// The newest audit rows, newest first.
    async fn audit(&self, realm: Option<RealmId>, limit: u32) -> Result<Vec<audit::Entry>, Fault>;
}
