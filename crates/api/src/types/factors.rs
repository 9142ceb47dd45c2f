//! Second factors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// How the owner of a second factor is verified, as RFC 8176 spells methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FactorKind {
    Pin,
}

/// The second factor that a login needs besides the phone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondFactor {
    /// The kinds that are accepted; none means that no second factor is needed.
    #[schemars(length(max = 1))]
    pub kinds: Vec<FactorKind>,
    /// Greatest age of the proof in seconds, up to 300. 0 means that the user proves the factor for
    /// this very login.
    #[serde(default)]
    #[schemars(range(max = 300))]
    pub max_age: u64,
}

/// Whether new phones bring a second factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EnrolmentFactor {
    /// Phones are not asked.
    #[default]
    None,
    /// A phone may bring one.
    Optional,
    /// No phone is let in without one.
    Required,
}

/// A second factor server whose attestations count for accounts of an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustedSfs {
    /// The public key of its root: an uncompressed P-256 point in base64url, as `sfs_root` in the
    /// `ready.json` of an SFS.
    #[schemars(schema_with = "schema::base64url")]
    pub root: String,
    /// What administrators call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Thumbprints (RFC 7638) of attestation keys that do not count any more, although the root
    /// lists them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub killed: Vec<String>,
}

/// The second factor that a login was approved with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UsedFactor {
    pub kind: FactorKind,
    /// When the user proved it, by the clock of its server.
    #[schemars(schema_with = "schema::time")]
    pub at: String,
    /// The policy that guards it there: `lock`, `wipe` or `psd2`.
    pub policy: String,
    /// The attestation, a `cs-2fa+jwt`; the key list of its SFS; and the random bytes of its
    /// context, with which anybody can verify it (`docs/PROTOCOL.md`).
    pub attestation: String,
    pub keys: String,
    #[schemars(schema_with = "schema::base64url")]
    pub r: String,
}
