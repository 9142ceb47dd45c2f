//! What administrators configure: realms, clients, roles, apps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    object::{object, object_option},
    schema,
};

/// The settings of a realm. In a request, absent members stay unchanged.
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
    /// Seconds an approved login lasts, 60 to 2,592,000 (30 days).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 2_592_000))]
    pub session_secs: Option<u64>,
    /// Seconds an enrolment may take, 60 to 2,592,000 (30 days).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 2_592_000))]
    pub enrolment_secs: Option<u64>,
    /// Continuous authentication: a login ends when its phone has neither connected nor pinged for
    /// this many seconds, 15 to 86,400 (a day); 0 switches it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 86_400))]
    pub silence_secs: Option<u64>,
    /// For which ways of claiming the user must type a number from the browser on the phone.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object_option")]
    pub number_match: Option<NumberMatch>,
    /// The ways in which a user's first phone may become active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enrolment_confirm: Option<Vec<super::Confirm>>,
    /// Only listed apps may enrol and connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed_apps_only: Option<bool>,
    /// The second factor that every login needs.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object_option")]
    pub second_factor: Option<super::SecondFactor>,
    /// Whether new phones bring a second factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enrolment_factor: Option<super::EnrolmentFactor>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object_option")]
    pub limits: Option<Limits>,
    /// How a user who has or ever had a phone gets the next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub further_phones: Option<FurtherPhones>,
    /// Seconds after which a further phone that a number let in works, 3,600 (an hour) to 2,592,000
    /// (30 days).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 3600, max = 2_592_000))]
    pub further_phone_secs: Option<u64>,
    /// Days for which the audit trail is kept, `trail_floor_days` to 3650.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub trail_days: Option<u64>,
    /// Days for which outcomes and their evidence are kept, `outcome_floor_days` to 3650.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub outcome_days: Option<u64>,
    /// Hours for which the outcomes of logins that no account claimed are kept, 1 to 8760.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 8760))]
    pub unclaimed_hours: Option<u64>,
    /// Lower bound of `trail_days`; 400 unless root has lowered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub trail_floor_days: Option<u64>,
    /// Lower bound of `outcome_days`; 1826 unless root has lowered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub outcome_floor_days: Option<u64>,
}

/// How a user who has or ever had a phone gets the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FurtherPhones {
    /// One of the user's phones or an administrator approves it.
    #[default]
    PhoneOrAdmin,
    /// Only an administrator approves it.
    Admin,
    /// Those, or the person who types the number. In that case the phone works after
    /// `further_phone_secs`.
    Number,
}

/// For which ways of claiming a number must be typed. In a request, absent members stay unchanged.
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

/// At most `most` within `secs` seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    #[schemars(range(min = 1, max = 1_000_000))]
    pub most: u64,
    #[schemars(range(min = 1, max = 86_400))]
    pub secs: u64,
}

/// The rate limits of a realm, and its measures after "not me". In a request, absent members stay
/// unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Logins one browser (`initiator.binding`) or one phone may start. Also the changes one phone
    /// may make to its user's phones and logins, and with twenty times the number the lists it may
    /// ask for.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object_option")]
    pub initiator: Option<Limit>,
    /// Logins directed at one user; those beyond it are listed but not announced.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object_option")]
    pub user: Option<Limit>,
    /// Logins announced to one account unasked; those beyond it are listed but not announced.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object_option")]
    pub account: Option<Limit>,
    /// Logins one client may start.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object_option")]
    pub client: Option<Limit>,
    /// Logins from one address (`initiator.address`).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object_option")]
    pub address: Option<Limit>,
    /// Seconds for which a browser is kept out after two users said "not me", and for which it may
    /// not direct logins at users after one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 604_800))]
    pub quarantine_secs: Option<u64>,
    /// How many users must say "not me" before an address is kept out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 64))]
    pub address_accounts: Option<u64>,
    /// Seconds for which an address is kept out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 604_800))]
    pub address_secs: Option<u64>,
    /// Seconds for which a browser's logins require a number after one user said "not me" to its
    /// code or link.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86_400))]
    pub wary_secs: Option<u64>,
    /// How often one user's "not me" has consequences for others.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object_option")]
    pub accusations: Option<Limit>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRealm {
    /// Name in URLs: lower-case letters, digits and `-`.
    #[schemars(schema_with = "schema::name")]
    pub name: String,
    /// Name shown on phones.
    #[schemars(schema_with = "schema::shown")]
    pub display_name: String,
    #[serde(default, deserialize_with = "object")]
    pub settings: RealmSettings,
}

/// Changes of a realm. Absent members stay unchanged.
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
    /// Empty for a key that lacks the permission to read them (`realm_read`).
    pub settings: RealmSettings,
}

/// The roles that are built in.
pub mod roles {
    /// Everything, everywhere.
    pub const ROOT: &str = "root";
    /// Everything inside one realm.
    pub const REALM_ADMIN: &str = "realm-admin";
    /// What a relying party needs: its own logins, signings, messages and webhooks, and no power
    /// over users or accounts.
    pub const CLIENT: &str = "client";
    /// A client that also invites phones and manages users.
    pub const REGISTRAR: &str = "registrar";
    /// Looks at users and accounts, blocks accounts and invites phones, but admits none.
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
    /// Creating realms; for keys that are not bound to a realm.
    Realms,
    /// Everything; for keys that are not bound to a realm.
    Root,
    /// Doing a client's work without being it.
    ActForClient,
    /// Inviting phones.
    Enrolments,
    /// Confirming enrolments with the number that the new phone shows.
    EnrolmentsConfirm,
    /// Blocking accounts; part of `accounts`.
    AccountsBlock,
    /// The event feed of the realm; part of `audit`.
    Events,
    /// Looking at users; part of `users`.
    UsersRead,
    /// Looking at accounts; part of `accounts`.
    AccountsRead,
    /// Looking at clients; part of `clients`.
    ClientsRead,
    /// Looking at the realm's settings, roles, apps and quarantine; part of `realm`.
    RealmRead,
    /// Creating logins that ask for no number.
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
    /// Whether the role is built in and cannot be changed.
    pub builtin: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutApp {
    #[schemars(schema_with = "schema::shown")]
    pub display_name: String,
    /// Lowest version that may connect: numbers with dots, like `2.10`. Users of older apps are
    /// asked to update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]{1,9}(\.[0-9]{1,9}){0,5}$"))]
    pub min_version: Option<String>,
    /// The second factor servers whose attestations count for accounts of this app.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub sfs: Vec<super::TrustedSfs>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct App {
    /// The app's identifier, like `com.example.bank`.
    pub id: String,
    pub display_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_version: Option<String>,
    #[serde(default)]
    pub sfs: Vec<super::TrustedSfs>,
    #[schemars(schema_with = "schema::time")]
    pub created_at: String,
}

/// A measure against a browser or address, at one client, after a user said "not me".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quarantine {
    /// A keyed hash; events about the measure carry the same one.
    pub id: String,
    /// `browser`: the browser is kept out. `directed`: it cannot direct logins at users. `number`:
    /// its logins require a number. `address`: the address is kept out.
    pub kind: String,
    #[schemars(schema_with = "schema::time")]
    pub until: String,
}
