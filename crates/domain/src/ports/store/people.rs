//! Users, their attributes, enrolments and accounts.

use std::collections::BTreeMap;

use async_trait::async_trait;
use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, ClientId, EnrolmentId, Jkt, LoginId, RealmId},
};

use crate::{Fault, account::Account, audit::Stamp, enrolment::Enrolment, time::Time, user::User};

/// What users are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserSort {
    #[default]
    UserId,
    CreatedAt,
}

/// Which users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserQuery {
    /// A part of the user id or display name, whatever the case of ASCII letters.
    pub text: Option<String>,
    /// Has this attribute with this value.
    pub attribute: Option<(String, String)>,
    pub sort: UserSort,
    pub descending: bool,
    /// Creation and id of the last one seen.
    pub after: Option<(Time, String)>,
    pub limit: u32,
}

/// Which accounts; in the order of their creation, without deleted ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountQuery {
    pub user_id: Option<String>,
    pub state: Option<AccountState>,
    pub app: Option<String>,
    pub after: Option<(Time, AccountId)>,
    pub limit: u32,
}

/// Users, their attributes, enrolments and accounts.
#[async_trait]
pub trait People: Send + Sync {
    /// Makes or changes a user; gives what is there now.
    async fn put_user(&self, user: &User, stamp: &Stamp) -> Result<User, Fault>;
    async fn user(&self, realm: RealmId, user_id: &str) -> Result<Option<User>, Fault>;
    async fn users(&self, realm: RealmId, query: &UserQuery) -> Result<Vec<User>, Fault>;
    /// With its attributes; its open enrolments are cancelled.
    async fn delete_user(&self, realm: RealmId, user_id: &str, stamp: &Stamp) -> Result<bool, Fault>;

    async fn attributes(&self, realm: RealmId, user_id: &str) -> Result<BTreeMap<String, String>, Fault>;
    /// Sets these, removes those whose value is `None`, leaves the others. False when there is no such user.
    async fn set_attributes(
        &self,
        realm: RealmId,
        user_id: &str,
        change: &BTreeMap<String, Option<String>>,
        stamp: &Stamp,
    ) -> Result<bool, Fault>;

    /// Makes the user when it does not exist. False when the id is taken by the same keyed request.
    async fn add_enrolment(&self, enrolment: &Enrolment, stamp: &Stamp) -> Result<bool, Fault>;
    async fn enrolment(&self, realm: RealmId, id: EnrolmentId) -> Result<Option<Enrolment>, Fault>;
    async fn enrolment_by_code(&self, realm: RealmId, code_hash: &[u8; 32]) -> Result<Option<Enrolment>, Fault>;
    /// Of one user, redeemed and waiting for another phone's word.
    async fn enrolments_to_vouch(&self, realm: RealmId, user_id: &str) -> Result<Vec<Enrolment>, Fault>;
    /// Newest first, of one client or all, beginning below `before`.
    async fn enrolments(
        &self,
        realm: RealmId,
        client: Option<ClientId>,
        before: Option<(Time, EnrolmentId)>,
        limit: u32,
    ) -> Result<Vec<Enrolment>, Fault>;
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
    async fn accounts(&self, realm: RealmId, query: &AccountQuery) -> Result<Vec<Account>, Fault>;
    /// Moves the account if it is still in `from`; ends its approved logins when it leaves `Active`. `None` when it was not in `from`, else the logins ended.
    async fn move_account(&self, account: &Account, to: AccountState, stamp: &Stamp) -> Result<Option<Vec<LoginId>>, Fault>;
    /// Another name for the phone. False when there is no such account.
    async fn rename_account(&self, realm: RealmId, id: AccountId, device: &str, stamp: &Stamp) -> Result<bool, Fault>;
    /// The app's version, as it told it; not in the trail.
    async fn note_app_version(&self, realm: RealmId, id: AccountId, version: Option<&str>) -> Result<(), Fault>;
}
