//! Users, enrolments, accounts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Sensitive, schema};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutUser {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::shown_option")]
    pub display_name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct User {
    pub user_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[schemars(schema_with = "schema::time")]
    pub created_at: String,
}

/// Attributes by name: `[a-z][a-z0-9_.-]*`, at most 50 of them, values at most 1,000 bytes.
pub type Attributes = BTreeMap<String, String>;

/// Sets the given attributes, removes those that are null, and leaves the others (RFC 7396).
pub type ChangeAttributes = BTreeMap<String, Option<String>>;

/// How an enrolment becomes active once the phone has proven its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// The number that the phone shows is typed where the enrolment was created.
    #[default]
    Number,
    /// A realm administrator admits it.
    Admin,
    /// Another phone of the user approves it, with the number that the new phone shows.
    Phone,
    /// It becomes active at once, without confirmation.
    None,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEnrolment {
    /// The user is created if they do not exist yet.
    #[schemars(schema_with = "schema::user_id")]
    pub user_id: String,
    /// One of the ways that the realm allows.
    #[serde(default)]
    pub confirm: Confirm,
    /// An active account of this user. Its phone redeems the enrolment with the key that it has,
    /// and the second factor that it brings becomes the account's. Without it, a new account is
    /// made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::id_option")]
    pub factor_of: Option<String>,
}

impl NewEnrolment {
    /// An enrolment that makes a new account.
    #[must_use]
    pub fn new(user_id: String, confirm: Confirm) -> Self {
        Self { user_id, confirm, factor_of: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EnrolmentState {
    Pending,
    Redeemed,
    Confirmed,
    Refused,
    Cancelled,
    Expired,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Enrolment {
    #[schemars(schema_with = "schema::id")]
    pub id: String,
    pub user_id: String,
    pub confirm: Confirm,
    pub state: EnrolmentState,
    /// Version: 1 pending, 2 redeemed, 3 anything final.
    pub v: u64,
    #[schemars(schema_with = "schema::time")]
    pub created_at: String,
    #[schemars(schema_with = "schema::time")]
    pub expires_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The name that the phone gave itself when it redeemed the enrolment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Who created it, like `key:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolled_by: Option<String>,
    /// The account that gets a second factor by it, instead of a new account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor_of: Option<String>,
    /// What another phone signed to let this one in or to refuse it, a `cs-vouch+jwt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// The enrolment link; only in the answer to its creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Sensitive>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmNumber {
    #[schemars(schema_with = "schema::number")]
    pub number: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AccountState {
    Pending,
    Active,
    Blocked,
    Deleted,
}

/// How a phone came to belong to its user. Accounts that are older than this record have only parts
/// of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// The client that invited the phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolled_client: Option<String>,
    /// Who created the invitation, like `key:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolled_by: Option<String>,
    /// Who let the phone in: `key:…`, `account:…` of another phone of the user, or `phone` if no
    /// confirmation was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time_option")]
    pub confirmed_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_way: Option<Confirm>,
    /// When the phone was let in; present when the user had had a phone before and none of the
    /// user's own phones let this one in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time_option")]
    pub recovered_at: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    #[schemars(schema_with = "schema::id")]
    pub id: String,
    pub user_id: String,
    pub state: AccountState,
    pub app: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_version: Option<String>,
    pub device: String,
    #[schemars(schema_with = "schema::time")]
    pub created_at: String,
    /// Who blocked the account, while it is blocked: `key:…` or `account:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<String>,
    #[serde(flatten)]
    pub origin: Origin,
    /// When the account starts to work, for a further phone that a number let in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time_option")]
    pub active_from: Option<String>,
    /// Whether a phone is connected as this account right now.
    pub online: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeAccount {
    /// The new name of the phone.
    #[schemars(schema_with = "schema::shown")]
    pub device: String,
}

/// A legal hold on a user: nothing that is stored about them is purged or erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hold {
    pub user_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who placed the hold, like `key:…`.
    pub placed_by: String,
    #[schemars(schema_with = "schema::time")]
    pub placed_at: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutHold {
    /// The reason, for people to read: a file number, for instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::shown_option")]
    pub reason: Option<String>,
}

/// How many logins were ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ended {
    pub ended: u64,
}

/// The pseudonym under which the erased user's events stay countable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Erased {
    pub pseudonym: String,
}

/// Everything that is stored about a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserExport {
    pub user: User,
    pub attributes: Attributes,
    pub accounts: Vec<Account>,
    pub logins: Vec<super::LoginRecord>,
    pub events: Vec<super::Event>,
}
