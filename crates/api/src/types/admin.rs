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
    /// Continuous authentication: a login ends when its phone has not been heard for so many
    /// seconds, 15 to a day; 0 switches it off.
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
    /// How a user who has or ever had a phone gets the next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub further_phones: Option<FurtherPhones>,
    /// Seconds after which a further phone works that a number let in, an hour to 30 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 3600, max = 2_592_000))]
    pub further_phone_secs: Option<u64>,
    /// Days the trail is kept, `trail_floor_days` to 3650.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub trail_days: Option<u64>,
    /// Days outcomes and their evidence are kept, `outcome_floor_days` to 3650.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub outcome_days: Option<u64>,
    /// Hours the endings of logins that nobody claimed are kept, 1 to 8760.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 8760))]
    pub unclaimed_hours: Option<u64>,
    /// The least `trail_days`, 400 unless root has lowered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub trail_floor_days: Option<u64>,
    /// The least `outcome_days`, 1826 unless root has lowered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub outcome_floor_days: Option<u64>,
}

/// How a user who has or ever had a phone gets the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FurtherPhones {
    /// One of the user's phones says yes, or an administrator.
    #[default]
    PhoneOrAdmin,
    /// An administrator alone.
    Admin,
    /// Those, and whoever types the number; the phone works after `further_phone_secs` then.
    Number,
}

/// Where a number has to be typed, by the way a login was claimed. In a request, what is absent
/// stays as it is.
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
    /// How long a browser stays out after two users said "not me", and directs nobody after one
    /// did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 604_800))]
    pub quarantine_secs: Option<u64>,
    /// How many users have to say "not me" before an address stays out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 64))]
    pub address_accounts: Option<u64>,
    /// How long an address stays out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 604_800))]
    pub address_secs: Option<u64>,
    /// How long a browser's logins take a number after one user said "not me" to its code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86_400))]
    pub wary_secs: Option<u64>,
    /// How often a user's "not me" has consequences for others.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object_option")]
    pub accusations: Option<Limit>,
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
    /// Empty for a key that may not look at them (`realm_read`).
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
    /// Exact origins whose pages may open the page socket, like `https://shop.example`. Empty: none
    /// from a browser.
    #[serde(default)]
    #[schemars(schema_with = "schema::urls")]
    pub origins: Vec<String>,
    /// Exact URLs a phone may send the browser back to.
    #[serde(default)]
    #[schemars(schema_with = "schema::urls")]
    pub return_urls: Vec<String>,
    /// Where an app hands over a login that it started itself; without one, apps cannot start
    /// logins here. The first one counts.
    #[serde(default)]
    #[schemars(schema_with = "schema::urls")]
    pub callback_urls: Vec<String>,
    /// Texts for the phone by name, with `{places}` for values. A client that has some sends no
    /// texts of its own.
    #[serde(default)]
    pub templates: BTreeMap<String, String>,
    /// Clients, by id or name, whose enrolments it accepts: only phones that these invited log in
    /// here. Empty: everybody's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub accepts_enrolments_of: Vec<String>,
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub accepts_enrolments_of: Vec<String>,
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
    /// Ids of the clients whose enrolments it accepts; everybody's, when empty.
    #[serde(default)]
    pub accepts_enrolments_of: Vec<String>,
    #[schemars(schema_with = "schema::time")]
    pub created_at: String,
}

/// Roles that are there without being made.
pub mod roles {
    /// Everything, everywhere.
    pub const ROOT: &str = "root";
    /// Everything inside one realm.
    pub const REALM_ADMIN: &str = "realm-admin";
    /// What a relying party needs: its own logins, signings, messages and webhooks, and power over
    /// nobody.
    pub const CLIENT: &str = "client";
    /// A client that also invites phones and keeps users.
    pub const REGISTRAR: &str = "registrar";
    /// Looks at users and accounts, blocks accounts, invites phones; lets nobody in.
    pub const HELP_DESK: &str = "help_desk";
    /// Reads everything in one realm, the trail included.
    pub const AUDITOR: &str = "auditor";
    /// Reads settings, roles, apps and quarantine of one realm.
    pub const VIEWER: &str = "viewer";
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
    /// Inviting phones.
    Enrolments,
    /// Typing the number that a new phone shows.
    EnrolmentsConfirm,
    /// Blocking accounts; part of `accounts`.
    AccountsBlock,
    /// The event feed of the realm; part of `audit`.
    Events,
    /// Part of `users`.
    UsersRead,
    /// Part of `accounts`.
    AccountsRead,
    /// Part of `clients`.
    ClientsRead,
    /// Part of `realm`.
    RealmRead,
    /// Asking for logins without a number.
    NumberOff,
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

/// What is done to a browser or address, at one client, after "not me".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quarantine {
    /// A keyed hash: the events tell the same one.
    pub id: String,
    /// `browser`: it stays out. `directed`: it directs no logins at users. `number`: its logins
    /// take a number. `address`: the address stays out.
    pub kind: String,
    #[schemars(schema_with = "schema::time")]
    pub until: String,
}
