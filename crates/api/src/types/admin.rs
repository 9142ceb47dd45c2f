//! What administrators set up.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    object::{object, object_option},
    schema,
};

/// What a realm decides for itself. In a request, what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RealmSettings {
    /// Seconds a login may be pending or claimed, 30 to 900.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 30, max = 900))]
    pub login_secs: Option<u64>,
    /// Seconds an approved login waits to be redeemed, 10 to 900.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10, max = 900))]
    pub redeem_secs: Option<u64>,
    /// Seconds an approved login lives, 60 to 30 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 2_592_000))]
    pub session_secs: Option<u64>,
    /// Seconds an enrolment may take, 60 to 30 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 2_592_000))]
    pub enrolment_secs: Option<u64>,
    /// Continuous authentication: a login ends when its phone has not been heard for so many seconds, 15 to a day; 0 switches it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 86_400))]
    pub silence_secs: Option<u64>,
    /// Where a number from the browser has to be typed on the phone.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object_option")]
    pub number_match: Option<NumberMatch>,
    /// How a new phone may become active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enrolment_confirm: Option<Vec<super::Confirm>>,
    /// Only listed apps may enrol and connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed_apps_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object_option")]
    pub limits: Option<Limits>,
    /// Days the trail is kept, 1 to 3650.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub trail_days: Option<u64>,
    /// Days outcomes and their evidence are kept, 1 to 3650.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub outcome_days: Option<u64>,
}

/// Where a number has to be typed, by the way a login was claimed. In a request, what is absent stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NumberMatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qr: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directed: Option<bool>,
}

/// So many in so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    #[schemars(range(min = 1, max = 1_000_000))]
    pub most: u64,
    #[schemars(range(min = 1, max = 86_400))]
    pub secs: u64,
}

/// How much is too much. In a request, what is absent stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Logins one browser (`initiator.binding`) may start.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object_option")]
    pub initiator: Option<Limit>,
    /// Logins directed at one user before they wait in silence.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object_option")]
    pub user: Option<Limit>,
    /// Logins one account is shown unasked before they wait in silence.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object_option")]
    pub account: Option<Limit>,
    /// Logins one client may start.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object_option")]
    pub client: Option<Limit>,
    /// Logins from one address (`initiator.address`).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object_option")]
    pub address: Option<Limit>,
    /// How long a browser stays out after "not me".
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 604_800))]
    pub quarantine_secs: Option<u64>,
    /// How many accounts have to say "not me" before an address stays out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64))]
    pub address_accounts: Option<u64>,
    /// How long an address stays out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 604_800))]
    pub address_secs: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRealm {
    /// In URLs: lower-case letters, digits and `-`.
    #[schemars(schema_with = "schema::name")]
    pub name: String,
    /// Shown on phones.
    #[schemars(schema_with = "schema::shown")]
    pub display_name: String,
    #[serde(default, deserialize_with = "object")]
    pub settings: RealmSettings,
}

/// What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRealm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::shown_option")]
    pub display_name: Option<String>,
    #[serde(default, deserialize_with = "object")]
    pub settings: RealmSettings,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Realm {
    #[schemars(schema_with = "schema::id")]
    pub id: String,
    pub name: String,
    pub display_name: String,
    #[schemars(schema_with = "schema::time")]
    pub created_at: String,
    pub settings: RealmSettings,
}

/// What a client may be changed to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutClient {
    /// Shown on phones.
    #[schemars(schema_with = "schema::shown")]
    pub display_name: String,
    /// An https URL of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::url_option")]
    pub logo: Option<String>,
    /// Exact origins whose pages may open the page socket, like `https://shop.example`. Empty: none from a browser.
    #[serde(default)]
    #[schemars(schema_with = "schema::urls")]
    pub origins: Vec<String>,
    /// Exact URLs a phone may send the browser back to.
    #[serde(default)]
    #[schemars(schema_with = "schema::urls")]
    pub return_urls: Vec<String>,
    /// Where an app hands over a login that it started itself; without one, apps cannot start logins here. The first one counts.
    #[serde(default)]
    #[schemars(schema_with = "schema::urls")]
    pub callback_urls: Vec<String>,
    /// Texts for the phone by name, with `{places}` for values. A client that has some sends no texts of its own.
    #[serde(default)]
    pub templates: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    /// In the realm's configuration: lower-case letters, digits and `-`.
    #[schemars(schema_with = "schema::name")]
    pub name: String,
    /// Shown on phones.
    #[schemars(schema_with = "schema::shown")]
    pub display_name: String,
    /// See `PutClient`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::url_option")]
    pub logo: Option<String>,
    #[serde(default)]
    #[schemars(schema_with = "schema::urls")]
    pub origins: Vec<String>,
    #[serde(default)]
    #[schemars(schema_with = "schema::urls")]
    pub return_urls: Vec<String>,
    #[serde(default)]
    #[schemars(schema_with = "schema::urls")]
    pub callback_urls: Vec<String>,
    #[serde(default)]
    pub templates: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Client {
    #[schemars(schema_with = "schema::id")]
    pub id: String,
    pub name: String,
    pub display_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
    pub origins: Vec<String>,
    pub return_urls: Vec<String>,
    #[serde(default)]
    pub callback_urls: Vec<String>,
    #[serde(default)]
    pub templates: BTreeMap<String, String>,
    #[schemars(schema_with = "schema::time")]
    pub created_at: String,
}

/// Roles that are there without being made.
pub mod roles {
    /// Everything, everywhere.
    pub const ROOT: &str = "root";
    /// Everything inside one realm.
    pub const REALM_ADMIN: &str = "realm-admin";
    /// What a relying party needs: logins, users and accounts of its realm; of logins and enrolments, its own.
    pub const CLIENT: &str = "client";
}

/// One thing a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    Logins,
    Signings,
    Users,
    Accounts,
    Messages,
    Webhooks,
    Audit,
    Clients,
    Realm,
    /// Making realms; for keys that are not bound to a realm.
    Realms,
    /// Everything; for keys that are not bound to a realm.
    Root,
    /// Doing a client's work without being it.
    ActForClient,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutRole {
    pub permissions: Vec<Permission>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Role {
    pub name: String,
    pub permissions: Vec<Permission>,
    /// There without being made; cannot be changed.
    pub builtin: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutApp {
    #[schemars(schema_with = "schema::shown")]
    pub display_name: String,
    /// Numbers with dots, like `2.10`; older apps are told to update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]{1,9}(\.[0-9]{1,9}){0,5}$"))]
    pub min_version: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct App {
    /// What the app calls itself, like `com.example.bank`.
    pub id: String,
    pub display_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_version: Option<String>,
    #[schemars(schema_with = "schema::time")]
    pub created_at: String,
}

/// A browser or address that stays out after "not me".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quarantine {
    /// A keyed hash: the events tell the same one.
    pub id: String,
    /// `browser` or `address`.
    pub kind: String,
    #[schemars(schema_with = "schema::time")]
    pub until: String,
}
