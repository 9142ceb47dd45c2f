//! Who may use the REST API: keys and client certificates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Sensitive, schema};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    /// `root`, `realm-admin`, `client`, `registrar`, `help_desk`, `auditor`, `viewer`, or a role
    /// that was made.
    #[schemars(schema_with = "schema::name")]
    pub role: String,
    /// Realm name: where it works. Without one it works everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::name_option")]
    pub realm: Option<String>,
    /// Client, by id or name: whose objects it sees. Required with the roles `client` and
    /// `registrar`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::id_or_name_option")]
    pub client: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::shown_option")]
    pub name: Option<String>,
    /// Seconds until it stops working, at most ten years; never, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 315_360_000))]
    pub expires_in: Option<u64>,
    /// Networks it works from, like `10.0.0.0/8`; from everywhere, when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub sources: Vec<String>,
}

/// A client certificate to be listed, with what it may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClientCertificate {
    /// The certificate, in PEM, without those that vouch for it.
    #[schemars(length(min = 1, max = 16_384))]
    pub certificate: String,
    /// `root`, `realm-admin`, `client`, `registrar`, `help_desk`, `auditor`, `viewer`, or a role
    /// that was made.
    #[schemars(schema_with = "schema::name")]
    pub role: String,
    /// Realm name: where it works. Without one it works everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::name_option")]
    pub realm: Option<String>,
    /// Client, by id or name: whose objects it sees. Required with the roles `client` and
    /// `registrar`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::id_or_name_option")]
    pub client: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::shown_option")]
    pub name: Option<String>,
    /// Networks it works from, like `10.0.0.0/8`; from everywhere, when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub sources: Vec<String>,
}

/// A client certificate that is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClientCertificate {
    #[schemars(schema_with = "schema::id")]
    pub id: String,
    /// SHA-256 of the certificate, in hexadecimal digits.
    pub fingerprint: String,
    pub role: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default)]
    pub sources: Vec<String>,
    #[schemars(schema_with = "schema::time")]
    pub created_at: String,
    /// When the certificate ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time_option")]
    pub expires_at: Option<String>,
    /// To the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time_option")]
    pub last_used_at: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeApiKey {
    /// As in `NewApiKey`.
    #[schemars(schema_with = "schema::name")]
    pub role: String,
}

/// The successor has everything the old key had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateApiKey {
    /// Seconds both work, at most 30 days; an hour, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 2_592_000))]
    pub overlap: Option<u64>,
    /// Seconds until the successor stops working; when the old key would have, when absent. A key
    /// that rotates itself cannot have more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 315_360_000))]
    pub expires_in: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApiKey {
    #[schemars(schema_with = "schema::id")]
    pub id: String,
    pub role: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default)]
    pub sources: Vec<String>,
    #[schemars(schema_with = "schema::time")]
    pub created_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time_option")]
    pub expires_at: Option<String>,
    /// To the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time_option")]
    pub last_used_at: Option<String>,
    /// It was made by a release that did not keep who made it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown_maker: bool,
    /// Only in the answer to its creation; nobody can read it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Sensitive>,
}
