//! Who may use the REST API: keys and client certificates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Sensitive, schema};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    /// `root`, `realm-admin`, `client`, `registrar`, `help_desk`, `auditor`, `viewer`, or the name
    /// of a role that was created.
    #[schemars(schema_with = "schema::name")]
    pub role: String,
    /// Name of the realm in which the key works. Without one it works everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::name_option")]
    pub realm: Option<String>,
    /// Client, by id or name, whose objects the key sees. Required with the roles `client` and
    /// `registrar`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::id_or_name_option")]
    pub client: Option<String>,
    /// A name for people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::shown_option")]
    pub name: Option<String>,
    /// Seconds until the key stops working, at most ten years; never, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 315_360_000))]
    pub expires_in: Option<u64>,
    /// Networks from which the key works, like `10.0.0.0/8`; from everywhere, when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub sources: Vec<String>,
}

/// A client certificate to add to the list, with what it may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClientCertificate {
    /// The certificate in PEM, without those of its issuers.
    #[schemars(length(min = 1, max = 16_384))]
    pub certificate: String,
    /// `root`, `realm-admin`, `client`, `registrar`, `help_desk`, `auditor`, `viewer`, or the name
    /// of a role that was created.
    #[schemars(schema_with = "schema::name")]
    pub role: String,
    /// Name of the realm in which the certificate works. Without one it works everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::name_option")]
    pub realm: Option<String>,
    /// Client, by id or name, whose objects the certificate sees. Required with the roles `client`
    /// and `registrar`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::id_or_name_option")]
    pub client: Option<String>,
    /// A name for people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::shown_option")]
    pub name: Option<String>,
    /// Networks from which the certificate works, like `10.0.0.0/8`; from everywhere, when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub sources: Vec<String>,
}

/// A client certificate on the list.
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
    /// When the certificate expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time_option")]
    pub expires_at: Option<String>,
    /// When it was last used, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time_option")]
    pub last_used_at: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeApiKey {
    /// The new role, as in `NewApiKey`.
    #[schemars(schema_with = "schema::name")]
    pub role: String,
}

/// Replaces a key by a successor, which has everything that the old key had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateApiKey {
    /// Seconds during which both keys work, at most 30 days; an hour, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 2_592_000))]
    pub overlap: Option<u64>,
    /// Seconds until the successor stops working; when absent, it stops when the old key would
    /// have. A key that rotates itself cannot get more time than that.
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
    /// When it was last used, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time_option")]
    pub last_used_at: Option<String>,
    /// Whether the key was created by a release that did not record who created it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown_maker: bool,
    /// The key itself; only in the answer to its creation. It cannot be read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Sensitive>,
}
