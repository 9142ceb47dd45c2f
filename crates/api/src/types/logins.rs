//! Logins.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Sensitive, object::object_option, schema};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLogin {
    /// Only this user may claim or approve the login: step-up for a user you know already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::user_id_option")]
    pub expected_user: Option<String>,
    /// Shows the login on this user's phones without any code. Never set it from what an unknown
    /// visitor typed without giving the `initiator`, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::user_id_option")]
    pub to_user: Option<String>,
    /// Shows the login on the phone of this account without any code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::id_option")]
    pub to_account: Option<String>,
    /// Shown on the phone. It may have new lines, but no other control characters and no
    /// bidirectional or invisible ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text_option")]
    pub text: Option<String>,
    /// One of the client's templates instead of `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::name_option")]
    pub template: Option<String>,
    /// Values for the template's placeholders, each on one line, at most 200 bytes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    /// The browser that asks, as the client describes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::context_option")]
    pub browser: Option<String>,
    /// Where the browser seems to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::context_option")]
    pub place: Option<String>,
    /// One of the client's `return_urls`, for logins by link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::url_option")]
    pub return_url: Option<String>,
    /// Who starts the login; limits are counted by it. Give it whenever you know it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "object_option")]
    pub initiator: Option<Initiator>,
    /// The user must type a number even where the realm does not ask for one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub number_match: bool,
    /// The user types no number even where the realm asks for one; needs the permission
    /// `number_off`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub number_off: bool,
    /// The second factor that this login needs, beside what the realm and the client ask for.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "object_option")]
    pub second_factor: Option<super::SecondFactor>,
}

/// Who starts a login. It is stored only as keyed hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Initiator {
    /// Any text that stays the same for one browser and that another browser cannot obtain, such as
    /// a hash of the value of a cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::context_option")]
    pub binding: Option<String>,
    /// The browser's IP address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<std::net::IpAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LoginState {
    Pending,
    Claimed,
    Approved,
    Refused,
    Cancelled,
    Expired,
    Ended,
}

/// The way in which an account claimed a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    Qr,
    Link,
    Directed,
    App,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Login {
    #[schemars(schema_with = "schema::id")]
    pub id: String,
    pub state: LoginState,
    /// Version: 1 pending, 2 claimed, 3 approved, refused, cancelled or expired, 4 ended. It never
    /// decreases.
    pub v: u64,
    /// Why it was refused, cancelled or ended, when there is a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How it was claimed; present while it is claimed or approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    #[schemars(schema_with = "schema::time")]
    pub created_at: String,
    #[schemars(schema_with = "schema::time")]
    pub expires_at: String,
    pub redeemed: bool,
    /// Secret for the page channel, for the asking browser alone; only in the answer to the login's
    /// creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<Sensitive>,
    /// URL of the page socket; only in the answer to the login's creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_url: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redeem {
    /// Required when the login was claimed by link or started by an app: the token that the browser
    /// or the app brought back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_token: Option<Sensitive>,
}

/// Who logged in. It is returned only once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Identity {
    #[schemars(schema_with = "schema::id")]
    pub login_id: String,
    pub user_id: String,
    #[schemars(schema_with = "schema::id")]
    pub account_id: String,
    pub via: Via,
    #[schemars(schema_with = "schema::time")]
    pub approved_at: String,
    /// When the login ends unless something ends it earlier.
    #[schemars(schema_with = "schema::time")]
    pub ends_at: String,
    /// The account's signed decision, a `cs-login+jwt`.
    pub decision: String,
    /// The context bytes the phone showed and signed over, base64url.
    #[schemars(schema_with = "schema::base64url")]
    pub context: String,
    /// The account's P-256 public key, uncompressed, base64url.
    #[schemars(schema_with = "schema::base64url")]
    pub public_key: String,
    /// The second factor that it was approved with, if the login needed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<super::UsedFactor>,
    #[serde(flatten)]
    pub origin: super::Origin,
}

/// A login with its outcome, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoginRecord {
    #[serde(flatten)]
    pub login: Login,
    #[schemars(schema_with = "schema::id")]
    pub client: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The signed decision, if a phone decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// The second factor that it was approved with, if the login needed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<super::UsedFactor>,
}

/// One step in the life of a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    #[schemars(schema_with = "schema::time")]
    pub at: String,
    /// `created`, `claimed`, `approved`, `refused`, `cancelled`, `expired`, `redeemed`, `ended`.
    pub step: String,
    /// Further detail: how it was claimed, a reason, or who ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What happened to a login, for support. It names no person; the login's id is all that is needed
/// to ask for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Timeline {
    #[schemars(schema_with = "schema::id")]
    pub login: String,
    pub steps: Vec<Step>,
}
