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

/// Sets these, removes those that are null, leaves the others (RFC 7396).
pub type ChangeAttributes = BTreeMap<String, Option<String>>;

/// How an enrolment becomes active once the phone has proven its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// The number the phone shows is typed where the enrolment was created.
    #[default]
    Number,
    /// A realm administrator admits it.
    Admin,
    /// Another phone of the user says yes, with the number the new one shows.
    Phone,
    /// At once.
    None,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEnrolment {
    /// Made when it does not exist yet.
    #[schemars(schema_with = "schema::user_id")]
    pub user_id: String,
    /// One of those the realm allows.
    #[serde(default)]
    pub confirm: Confirm,
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
    /// 1 pending, 2 redeemed, 3 anything final.
    pub v: u64,
    #[schemars(schema_with = "schema::time")]
    pub created_at: String,
    #[schemars(schema_with = "schema::time")]
    pub expires_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// What the phone calls itself, once it has redeemed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Who asked for it, like `key:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolled_by: Option<String>,
    /// What another phone signed to let this one in, a `cs-vouch+jwt`.
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

/// How a phone came to be its user's. Accounts from before this was kept know parts of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// The client that invited the phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolled_client: Option<String>,
    /// Whose invitation it was, like `key:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolled_by: Option<String>,
    /// Who let it in: `key:…`, `account:…` of another phone of the user, or `phone` where nobody
    /// had to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time_option")]
    pub confirmed_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_way: Option<Confirm>,
    /// The user had a phone before, and none of the user's own phones let this one in.
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
    /// While it is blocked: `key:…` or `account:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<String>,
    #[serde(flatten)]
    pub origin: Origin,
    /// A further phone that a number let in works from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time_option")]
    pub active_from: Option<String>,
    /// Whether a phone is connected with it right now.
    pub online: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeAccount {
    /// What the phone is called.
    #[schemars(schema_with = "schema::shown")]
    pub device: String,
}

/// A legal hold on a user: nothing of what is kept about them is forgotten or erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hold {
    pub user_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Like `key:…`.
    pub placed_by: String,
    #[schemars(schema_with = "schema::time")]
    pub placed_at: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutHold {
    /// For people, a file number for instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::shown_option")]
    pub reason: Option<String>,
}

/// How many logins were ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ended {
    pub ended: u64,
}

/// Under which name what happened stays countable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Erased {
    pub pseudonym: String,
}

/// Everything that is kept about a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserExport {
    pub user: User,
    pub attributes: Attributes,
    pub accounts: Vec<Account>,
    pub logins: Vec<super::LoginRecord>,
    pub events: Vec<super::Event>,
}
