//! Request and answer bodies of `/v1`. Ids are UUID texts, times RFC 3339 in UTC, unknown members of requests are refused.

use serde::{Deserialize, Serialize};

use crate::Sensitive;

/// Longest texts accepted, in bytes.
pub mod limits {
    /// Realm and client names (lower-case letters, digits, `-`), user ids.
    pub const NAME: usize = 100;
    /// Names people read.
    pub const DISPLAY_NAME: usize = 100;
    /// The text a client shows on the phone.
    pub const TEXT: usize = 500;
    /// Browser and place.
    pub const CONTEXT: usize = 200;
    /// Origins and return URLs, each.
    pub const URL: usize = 500;
    /// How many origins or return URLs a client may list.
    pub const URLS: usize = 20;
    /// A request body.
    pub const BODY: usize = 64 * 1024;
    /// Longest `wait`, in seconds.
    pub const WAIT: u64 = 60;
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRealm {
    /// In URLs: lower-case letters, digits and `-`.
    pub name: String,
    /// Shown on phones.
    pub display_name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Realm {
    pub id: String,
    pub name: String,
    pub display_name: String,
    pub created_at: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    pub name: String,
    /// Shown on phones.
    pub display_name: String,
    /// Exact origins whose pages may open the page socket, like `https://shop.example`. Empty: none from a browser.
    #[serde(default)]
    pub origins: Vec<String>,
    /// Exact URLs a phone may send the browser back to.
    #[serde(default)]
    pub return_urls: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    pub id: String,
    pub name: String,
    pub display_name: String,
    pub origins: Vec<String>,
    pub return_urls: Vec<String>,
    pub created_at: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyRole {
    /// Everything, everywhere.
    Root,
    /// Everything inside one realm.
    RealmAdmin,
    /// What a relying party needs: logins, users, enrolments and accounts of its realm; of logins and enrolments, its own.
    Client,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    pub role: KeyRole,
    /// Realm name; required unless the role is `root`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
    /// Client id; required exactly when the role is `client`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Seconds until it stops working; never, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    pub id: String,
    pub role: KeyRole,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    pub created_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Only in the answer to its creation; nobody can read it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Sensitive>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutUser {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub user_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    pub created_at: String,
}

/// How an enrolment becomes active once the phone has proven its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// The number the phone shows is typed where the enrolment was created.
    #[default]
    Number,
    /// At once.
    None,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewEnrolment {
    /// Made when it does not exist yet.
    pub user_id: String,
    #[serde(default)]
    pub confirm: Confirm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnrolmentState {
    Pending,
    Redeemed,
    Confirmed,
    Refused,
    Cancelled,
    Expired,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    pub id: String,
    pub user_id: String,
    pub state: EnrolmentState,
    /// 1 pending, 2 redeemed, 3 anything final.
    pub v: u64,
    pub created_at: String,
    pub expires_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// What the phone calls itself, once it has redeemed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The enrolment link; only in the answer to its creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Sensitive>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmNumber {
    pub number: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountState {
    Pending,
    Active,
    Blocked,
    Deleted,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub id: String,
    pub user_id: String,
    pub state: AccountState,
    pub app: String,
    pub device: String,
    pub created_at: String,
    /// Whether a phone is connected with it right now.
    pub online: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLogin {
    /// Nobody else may claim or approve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_user: Option<String>,
    /// Shown on the phone. No control, bidirectional or invisible characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The browser that asks, as the client knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser: Option<String>,
    /// Where it seems to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// One of the client's `return_urls`, for logins by link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    pub id: String,
    pub state: LoginState,
    /// 1 pending, 2 claimed, 3 approved, refused, cancelled or expired, 4 ended. Never goes down.
    pub v: u64,
    /// Why it was refused, cancelled or ended, where there is a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub created_at: String,
    pub expires_at: String,
    pub redeemed: bool,
    /// For the asking browser alone; only in the answer to its creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<Sensitive>,
    /// URL of the page socket; only in the answer to its creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_url: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redeem {
    /// Required when the login was claimed by link: what the browser brought back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_token: Option<Sensitive>,
}

/// Who logged in. Given out once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub login_id: String,
    pub user_id: String,
    pub account_id: String,
    pub approved_at: String,
    /// When the login ends by itself.
    pub ends_at: String,
    /// The account's signed decision, a `cs-login+jwt`.
    pub decision: String,
    /// The context bytes the phone showed and signed over, base64url.
    pub context: String,
    /// The account's P-256 public key, uncompressed, base64url.
    pub public_key: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct List<T> {
    pub items: Vec<T>,
}
