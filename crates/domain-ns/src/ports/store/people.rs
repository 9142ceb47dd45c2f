//! Users, their attributes, enrolments and accounts.

use std::collections::BTreeMap;

use async_trait::async_trait;
use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, ClientId, EnrolmentId, Jkt, LoginId, RealmId},
};

use super::Page;
use crate::{
    account::Account,
    audit::Stamp,
    authority::Lineage,
    enrolment::Enrolment,
    factor::{Factor, Spent},
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

/// Selects users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserQuery {
    /// A part of the user id or of the display name; letters match in either case.
    pub text: Option<String>,
    /// Only users that have this attribute with this value.
    pub attribute: Option<(String, String)>,
    pub sort: UserSort,
    pub descending: bool,
    /// Creation and id of the last one seen.
    pub after: Option<(Time, String)>,
    pub limit: u32,
}

/// Selects accounts, in the order of their creation or in reverse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountQuery {
    pub user_id: Option<String>,
    pub state: Option<AccountState>,
    pub app: Option<String>,
    /// Without pending accounts.
    pub let_in: bool,
    /// With deleted accounts, if they had been let in.
    pub gone: bool,
    /// Cannot be combined with `after`.
    pub newest_first: bool,
    pub after: Option<(Time, AccountId)>,
    pub limit: u32,
}

/// Users, their attributes, enrolments and accounts.
#[async_trait]
pub trait People: Send + Sync {
    /// Makes or changes a user. Returns the user as stored.
    async fn put_user(&self, user: &User, stamp: &Stamp) -> Result<User, Fault>;
    async fn user(&self, realm: RealmId, user_id: &str) -> Result<Option<User>, Fault>;
    async fn users(&self, realm: RealmId, query: &UserQuery) -> Result<Page<User, (Time, String)>, Fault>;
    /// Deletes a user with the attributes, and cancels the user's open enrolments. False when there
    /// is no such user, `None` when the user is under a legal hold.
    async fn delete_user(&self, realm: RealmId, user_id: &str, stamp: &Stamp) -> Result<Option<bool>, Fault>;

    async fn attributes(&self, realm: RealmId, user_id: &str) -> Result<BTreeMap<String, String>, Fault>;
    /// Sets these attributes, removes those whose value is `None`, and leaves the others. False
    /// when there is no such user, `None` when a legal hold protects what is there.
    async fn set_attributes(
        &self,
        realm: RealmId,
        user_id: &str,
        change: &BTreeMap<String, Option<String>>,
        stamp: &Stamp,
    ) -> Result<Option<bool>, Fault>;

    /// Adds an enrolment, and its user if the user does not exist. False when the id is taken by
    /// the same keyed request.
    async fn add_enrolment(&self, enrolment: &Enrolment, stamp: &Stamp) -> Result<bool, Fault>;
    async fn enrolment(&self, realm: RealmId, id: EnrolmentId) -> Result<Option<Enrolment>, Fault>;
    async fn enrolment_by_code(
        &self,
        realm: RealmId,
        code_hash: &[u8; 32],
    ) -> Result<Option<Enrolment>, Fault>;
    /// Enrolments of one user that are redeemed and wait for another phone to vouch.
    async fn enrolments_to_vouch(&self, realm: RealmId, user_id: &str) -> Result<Vec<Enrolment>, Fault>;
    /// Enrolments of one client or all, newest first, beginning below `before`.
    async fn enrolments(
        &self,
        realm: RealmId,
        client: Option<ClientId>,
        before: Option<(Time, EnrolmentId)>,
        limit: u32,
    ) -> Result<Vec<Enrolment>, Fault>;
    /// The recoveries of a user: phones that were let in, but by none of the user's own phones. For
    /// each, the lineage of the key that let it in, and the time.
    async fn recoveries(&self, realm: RealmId, user_id: &str) -> Result<Vec<(Option<Lineage>, Time)>, Fault>;
    /// The phones a user has and has had. `hash` stands for the name when the name is erased.
    async fn past(&self, realm: RealmId, user_id: &str, hash: UserHash) -> Result<Past, Fault>;
    /// Uses up the code, and the attestation of a second factor, and makes the account in one
    /// transaction; with an admission the account is let in at once. False when another caller was
    /// faster, when the attestation was used before, when the user is gone, or when the user's past
    /// is not what was judged (any more).
    async fn redeem_enrolment(
        &self,
        after: &Enrolment,
        account: &Account,
        admission: Option<&Admission>,
        factor: Option<(&Factor, Spent)>,
        hash: UserHash,
        stamp: &Stamp,
    ) -> Result<bool, Fault>;
    /// Moves an enrolment whose state and tries are still as in `before`, and its account with it,
    /// which needs an admission to become active. False when they are not, when the user is gone,
    /// when the vouching phone is not active, or when the user's past is not what was judged (any
    /// more).
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
    async fn accounts(
        &self,
        realm: RealmId,
        query: &AccountQuery,
    ) -> Result<Page<Account, (Time, AccountId)>, Fault>;
    /// Moves the account if it is still as given, ends its approved logins when it leaves `Active`,
    /// and remembers which key took it away. Returns `None` when it was not as given, else the
    /// logins that ended.
    async fn move_account(
        &self,
        account: &Account,
        to: AccountState,
        hash: UserHash,
        stamp: &Stamp,
    ) -> Result<Option<Vec<LoginId>>, Fault>;
    /// Records that the phone has seen the list of its user's phones after `came` of them had come;
    /// not in the trail.
    async fn saw_phones(&self, realm: RealmId, id: AccountId, came: u32) -> Result<(), Fault>;
    /// Changes the name of a phone. False when there is no such account.
    async fn rename_account(
        &self,
        realm: RealmId,
        id: AccountId,
        device: &str,
        stamp: &Stamp,
    ) -> Result<bool, Fault>;
    /// Records the app's version as the phone reported it; not in the trail.
    async fn note_app_version(
        &self,
        realm: RealmId,
        id: AccountId,
        version: Option<&str>,
    ) -> Result<(), Fault>;

    /// The second factor of an account.
    async fn factor(&self, realm: RealmId, account: AccountId) -> Result<Option<Factor>, Fault>;
    /// The newest key list of the SFS with this root that was seen.
    async fn sfs_key_list(&self, root: &Jkt) -> Result<Option<String>, Fault>;
    /// Remembers a key list, unless one with as high a number is known.
    async fn raise_sfs_key_list(&self, root: &Jkt, seq: u64, list: &str) -> Result<(), Fault>;

    /// Places a legal hold on a user, who need not exist, or takes over one that was placed with
    /// less authority. False when there is one with at least as much authority.
    async fn add_hold(&self, hold: &Hold, stamp: &Stamp) -> Result<bool, Fault>;
    async fn hold(&self, realm: RealmId, user_id: &str) -> Result<Option<Hold>, Fault>;
    /// Legal holds ordered by user id, beginning after `after`.
    async fn holds(&self, realm: RealmId, after: Option<&str>, limit: u32) -> Result<Vec<Hold>, Fault>;
    /// Lifts a legal hold. False when there is none, or one that was placed with more authority.
    async fn lift_hold(&self, realm: RealmId, user_id: &str, stamp: &Stamp) -> Result<bool, Fault>;
}
