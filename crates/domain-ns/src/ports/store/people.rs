//! Users, their attributes, enrolments and accounts.

use std::collections::BTreeMap;

use async_trait::async_trait;
use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, ClientId, EnrolmentId, Jkt, LoginId, RealmId},
};

use crate::{
    account::Account,
    audit::Stamp,
    authority::Lineage,
    enrolment::Enrolment,
    further::{Admission, Past, UserHash},
    user::{Hold, User},
};
use countersign_ports::{Fault, time::Time};

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

/// Which accounts; in the order of their creation, or the other way round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountQuery {
    pub user_id: Option<String>,
    pub state: Option<AccountState>,
    pub app: Option<String>,
    /// Without those that wait.
    pub let_in: bool,
    /// With those that have been let in and are deleted.
    pub gone: bool,
    /// Goes with no `after`.
    pub newest_first: bool,
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
    /// With its attributes; its open enrolments are cancelled. False when there is no such user,
    /// `None` when a legal hold lies on them.
    async fn delete_user(&self, realm: RealmId, user_id: &str, stamp: &Stamp) -> Result<Option<bool>, Fault>;

    async fn attributes(&self, realm: RealmId, user_id: &str) -> Result<BTreeMap<String, String>, Fault>;
    /// Sets these, removes those whose value is `None`, leaves the others. False when there is no
    /// such user, `None` when a legal hold keeps what is there.
    async fn set_attributes(
        &self,
        realm: RealmId,
        user_id: &str,
        change: &BTreeMap<String, Option<String>>,
        stamp: &Stamp,
    ) -> Result<Option<bool>, Fault>;

    /// Makes the user when it does not exist. False when the id is taken by the same keyed request.
    async fn add_enrolment(&self, enrolment: &Enrolment, stamp: &Stamp) -> Result<bool, Fault>;
    async fn enrolment(&self, realm: RealmId, id: EnrolmentId) -> Result<Option<Enrolment>, Fault>;
    async fn enrolment_by_code(
        &self,
        realm: RealmId,
        code_hash: &[u8; 32],
    ) -> Result<Option<Enrolment>, Fault>;
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
    /// Phones that were let in for the user though none of their own did: in whose hands the key
    /// was, and when.
    async fn recoveries(&self, realm: RealmId, user_id: &str) -> Result<Vec<(Option<Lineage>, Time)>, Fault>;
    /// The phones a user has and had, `hash` being the name when it is erased.
    async fn past(&self, realm: RealmId, user_id: &str, hash: UserHash) -> Result<Past, Fault>;
    /// Consumes the code and makes the account in one transaction; with an admission it is let in
    /// at once. False when somebody was faster, or the user's past is not (any more) what was
    /// judged.
    async fn redeem_enrolment(
        &self,
        after: &Enrolment,
        account: &Account,
        admission: Option<&Admission>,
        hash: UserHash,
        stamp: &Stamp,
    ) -> Result<bool, Fault>;
    /// Moves an enrolment whose state and tries are still as in `before`; its account moves along,
    /// and needs an admission to become active. False when they are not, or the user's past is not
    /// (any more) what was judged.
    async fn move_enrolment(
        &self,
        before: &Enrolment,
        after: &Enrolment,
        admission: Option<&Admission>,
        hash: UserHash,
        stamp: &Stamp,
    ) -> Result<bool, Fault>;

    async fn account(&self, realm: RealmId, id: AccountId) -> Result<Option<Account>, Fault>;
    async fn account_by_jkt(&self, realm: RealmId, jkt: &Jkt) -> Result<Option<Account>, Fault>;
    async fn accounts(&self, realm: RealmId, query: &AccountQuery) -> Result<Vec<Account>, Fault>;
    /// Moves the account if it is still as given; ends its approved logins when it leaves `Active`;
    /// remembers which key took it away. `None` when it was not as given, else the logins ended.
    async fn move_account(
        &self,
        account: &Account,
        to: AccountState,
        hash: UserHash,
        stamp: &Stamp,
    ) -> Result<Option<Vec<LoginId>>, Fault>;
    /// The phone has seen the list of its user's phones after so many had come; not in the trail.
    async fn saw_phones(&self, realm: RealmId, id: AccountId, came: u32) -> Result<(), Fault>;
    /// Another name for the phone. False when there is no such account.
    async fn rename_account(
        &self,
        realm: RealmId,
        id: AccountId,
        device: &str,
        stamp: &Stamp,
    ) -> Result<bool, Fault>;
    /// The app's version, as it told it; not in the trail.
    async fn note_app_version(
        &self,
        realm: RealmId,
        id: AccountId,
        version: Option<&str>,
    ) -> Result<(), Fault>;

    /// Lays a legal hold on a user, whether there is one of this name or not, or takes over one
    /// that was laid with less authority. False when one lies there.
    async fn add_hold(&self, hold: &Hold, stamp: &Stamp) -> Result<bool, Fault>;
    async fn hold(&self, realm: RealmId, user_id: &str) -> Result<Option<Hold>, Fault>;
    /// In the order of the users' ids, beginning after `after`.
    async fn holds(&self, realm: RealmId, after: Option<&str>, limit: u32) -> Result<Vec<Hold>, Fault>;
    /// Lifts it. False when there is none, or one of somebody with more authority.
    async fn lift_hold(&self, realm: RealmId, user_id: &str, stamp: &Stamp) -> Result<bool, Fault>;
}
